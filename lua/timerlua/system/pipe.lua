-- Pipes and socket pairs: two connections that are each other's peers.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local connection = require "timerlua.net.connection.making"
local errors = require "timerlua.core.errors"

local C = core.C
local KNOWN = check.names(connection.own_options)

local pipe = {}

local function of_socket(fd, _, settings)
  return connection.of_descriptor(fd, 0, settings)
end

-- Two connections of what `open` makes, or none of them. connect(fd, sends,
-- settings) makes one.
local function two(where, opts, open, connect)
  local settings = connection.settings(where, check.options(where, opts, KNOWN))
  local fds = ffi.new("int32_t[2]")
  local status = open(fds)
  if status ~= 0 then return errors.failed(where, status) end
  local first, second
  first, status = connect(fds[0], false, settings)
  if first then
    second, status = connect(fds[1], true, settings)
    if second then return first, second end
    first:close()
  else
    C.tl_descriptor_close(fds[0])
  end
  C.tl_descriptor_close(fds[1])
  return errors.failed(where, status)
end

--- A pipe, pipe(7). A reader sees the end when the writer is closed, a writer
--- "EPIPE" when the reader is.
--- @param opts? table for both: timeout, edge, high, low, limit,
---   receive_limit, close_timeout
--- @return timerlua.Connection? reader or nil, message, code: "EMFILE",
---   "ENFILE", "ENOMEM"
--- @return timerlua.Connection? writer
function pipe.pipe(opts)
  return two("pipe", opts, C.tl_file_pipe, connection.of_pipe)
end

--- A pair of connected Unix stream sockets, socketpair(2).
--- @param opts? table as for tl.pipe
--- @return timerlua.Connection? one or nil, message, code as for tl.pipe
--- @return timerlua.Connection? other
function pipe.socketpair(opts)
  return two("socketpair", opts, C.tl_socket_pair, of_socket)
end

return pipe
