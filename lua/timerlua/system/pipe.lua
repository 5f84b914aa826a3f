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

-- Two connections for the descriptors that `open` makes, or neither. connect(fd, sends,
-- settings) makes one connection.
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

--- Make a pipe, pipe(7). When the writer is closed, the reader sees the end; when the
--- reader is closed, the writer gets "EPIPE".
--- @param opts? timerlua.ConnectionOptions for both ends: timeout, edge, high, low, limit,
---   receive_limit, close_timeout, linger_input, linger_limit
--- @return timerlua.Connection? reader
--- @return timerlua.Connection|string|nil writer or the message
--- @return string? code "EMFILE", "ENFILE", "ENOMEM"
function pipe.pipe(opts)
  return two("pipe", opts, C.tl_file_pipe, connection.of_pipe)
end

--- Make a pair of connected Unix stream sockets, socketpair(2).
--- @param opts? timerlua.ConnectionOptions as for tl.pipe
--- @return timerlua.Connection? one
--- @return timerlua.Connection|string|nil other or the message
--- @return string? code "EMFILE", "ENFILE", "ENOMEM"
function pipe.socketpair(opts)
  return two("socketpair", opts, C.tl_socket_pair, of_socket)
end

return pipe
