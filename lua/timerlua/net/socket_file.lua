-- The file of a bound Unix socket: it is removed with the socket, however that ends, unless
-- the script itself is killed. The core identifies a file by its inode, so a file that
-- another program has put in its place stays.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"

local C = core.C
local new_file = ffi.typeof("tl_file")
local process = C.tl_process_id()

local socket_file = {}

local function remove(own, file)
  -- in a forked child, the file belongs to the parent
  if C.tl_process_id() == process then C.tl_socket_unlink(own, file) end
end

--- Take charge of the file that a socket was bound to.
--- @param own ffi.cdata* tl_address, the socket's own
--- @return ffi.cdata*? file keep this as long as the socket; nil when the socket has no
---   file: an abstract name, or another family
function socket_file.claim(own)
  local file = new_file()
  if C.tl_socket_file(own, file) ~= 0 then return nil end
  return ffi.gc(file, function(claimed) remove(own, claimed) end)
end

--- The socket is closed: remove its file.
function socket_file.remove(own, file)
  ffi.gc(file, nil)
  remove(own, file)
end

return socket_file
