-- The file of a bound Unix socket: its permissions and its end. The file is removed with
-- the socket, however that ends, unless the process ends without notice; for such a file
-- there is `unlink = "stale"`. The core identifies a file by its inode, so a file that another
-- program has put in its place stays.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local entries = require "timerlua.core.entries"
local closing = require "timerlua.core.closing"
local misuse = require "timerlua.core.misuse"

local C = core.C
local new_file = ffi.typeof("tl_file")
local process = C.tl_process_id()

local AS_ALWAYS = { mode = -1, take_over = 0 }

local socket_file = {}

local function remove(own, file)
  -- in a forked child, the file belongs to the parent
  if C.tl_process_id() == process then C.tl_socket_unlink(own, file) end
end

-- By socket, where no script can write: the core is given their addresses.
local claims = setmetatable({}, { __mode = "k" })

--- Take charge of the file that a socket was bound to, if there is one: an abstract name
--- and the other families have none.
--- @param socket table the object that the file goes with
--- @param own ffi.cdata* tl_address, the socket's own
function socket_file.claim(socket, own)
  local file = new_file()
  if C.tl_socket_file(own, file) ~= 0 then return end
  claims[socket] = { own = own,
    file = ffi.gc(file, function(claimed) remove(own, claimed) end) }
end

-- Permissions as chmod(1) has them: 0660, which is a decimal number to Lua, is
-- read by its digits, and so is "0660".
local function mode_of(where, mode)
  local digits = type(mode) == "number" and ("%.14g"):format(mode) or mode
  if type(digits) ~= "string" or not digits:find "^0?[0-7]?[0-7]?[0-7]$" then
    misuse.got(where, 'option mode must be permissions as in chmod, 0660 or "0660"', mode)
  end
  return tonumber(digits, 8)
end

--- What the options say of the file; raises for what they may not say.
--- @param where string the public function, for errors
--- @param addr? string the address
--- @return table? wanted mode, take_over: for `bind`; nil when they say nothing
function socket_file.settings(where, addr, opts)
  local mode, unlink = opts.mode, opts.unlink
  if mode == nil and unlink == nil then return nil end
  if not addr or not addr:find "^unix:[^@]" then
    misuse.got(where, ("option %s is for an address of the form unix:/path"):format(
      mode ~= nil and "mode" or "unlink"), addr)
  end
  if unlink ~= nil and unlink ~= "stale" then
    misuse.got(where, 'option unlink must be "stale"', unlink)
  end
  return { mode = mode ~= nil and mode_of(where, mode) or -1, take_over = unlink and 1 or 0 }
end

--- Bind a socket of any family, and listen if there is a backlog.
--- @param wanted? table of `settings`
--- @return integer status 0 or a negative errno
function socket_file.bind(fd, own, wanted, backlog)
  wanted = wanted or AS_ALWAYS
  return C.tl_socket_bind_file(fd, own, wanted.mode, wanted.take_over, backlog or -1)
end

--- The socket is closed: remove its file, if it has one.
function socket_file.remove(socket)
  local claim = claims[socket]
  if not claim then return end
  claims[socket] = nil
  ffi.gc(claim.file, nil)
  remove(claim.own, claim.file)
end

-- os.exit does not close the Lua state, which would finalize the files.
closing.at("exit", function()
  for socket in entries(claims) do socket_file.remove(socket) end
end)

return socket_file
