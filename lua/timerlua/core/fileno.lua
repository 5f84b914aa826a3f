-- The descriptors that scripts pass: as a number, an io file, or an object with fileno().
local core = require "timerlua.core.ffi"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local misuse = require "timerlua.core.misuse"
local string_buffer = require "timerlua.core.string_buffer"

local C, loop = core.C, core.loop
local is_whole = check.is_whole
local MOST = 2 ^ 31 - 1 -- an int of C
local type_of_file, getenv = io.type, os.getenv -- a script may replace them
local RULE = " must be a descriptor, an io file or have fileno()"

--- @alias timerlua.Descriptor integer|file*|table|userdata the number of a file descriptor,
---   a file of the io library, or an object with a fileno() method

local fileno = {}

-- The open descriptors whose numbers are the script's: the modules for descriptors by hand
-- made them or were given them.
local opened = {}

--- Note that a descriptor is the script's. Returns it.
--- @param fd integer
--- @return integer fd
function fileno.opened(fd)
  opened[fd] = true
  return fd
end

--- Note that a descriptor is about to be closed.
--- @param fd integer
--- @return true? was whether it was the script's
function fileno.forget(fd)
  local was = opened[fd]
  opened[fd] = nil
  return was
end

local NONE = { __mode = "k", __index = function() return -1 end }

--- A table for the descriptors of objects, by object, where no script can write others; -1
--- for an object without one.
function fileno.table()
  return setmetatable({}, NONE)
end

--- Whether a value is a number that a descriptor can have.
function fileno.is_number(value)
  return is_whole(value, 0, MOST)
end

local is_number = fileno.is_number

local function ask(value)
  if type_of_file(value) == "file" then return C.tl_stdio_descriptor(value) end
  if string_buffer.is(value) then return nil end -- LuaJIT may crash when asked
  if type(value) == "table" or type(value) == "userdata" then
    local has, method = pcall(function() return value.fileno end)
    if has and callable.is(method) then return method(value) end
  end
end

local FIRST_PASSED = 3 -- sd_listen_fds(3)

-- Whether the service manager passed the descriptor on.
local function is_passed(fd)
  local count = tonumber(getenv("LISTEN_FDS"))
  return count ~= nil and fd >= FIRST_PASSED and fd < FIRST_PASSED + count
end

-- Numbers lead to everything that a host has open, as addresses lead to its memory.
local function is_hidden(fd)
  local host = core.dispatcher.host
  return host and (host.no_ffi or host.no_io) and not opened[fd] and not is_passed(fd)
end

--- Raise when a script that may not reach its host's memory or files reaches a descriptor of
--- the host: neither opened by the script nor counted by LISTEN_FDS.
function fileno.check_reach(where, fd)
  if is_hidden(fd) then
    misuse.got(where, "fd must be one that the script opened or that LISTEN_FDS counts", fd)
  end
end

--- Raise when a descriptor that is about to be changed is not the script's: the loop's
--- own, that of a connection, one that the host watches, or one out of reach.
function fileno.check_kept(where, fd)
  if C.tl_descriptor_kept(loop, fd) ~= 0 then
    misuse.got(where, "fd must not be one that timerlua or the host uses (for the loop, "
      .. "a socket, a child, a watch)", fd)
  end
  fileno.check_reach(where, fd)
end

--- Raise when a descriptor that is about to be taken over or closed by its number is not
--- the script's, or is a standard descriptor of a host, which would lose it.
function fileno.check_own(where, fd)
  if fd <= 2 and core.dispatcher.host then
    misuse.got(where, "descriptors 0 to 2 are the host program's own", fd)
  end
  fileno.check_kept(where, fd)
end

--- The number of a descriptor, nil for any other value.
function fileno.find(value)
  local fd = is_number(value) and value or ask(value)
  return is_number(fd) and fd or nil
end

--- The number of a descriptor; otherwise raises an error that names `where` (the function)
--- and `what` (the parameter). Errors of fileno() are passed on.
--- @param where string
--- @param what string
--- @param value integer|file*|table|userdata
--- @return integer fd
function fileno.of(where, what, value)
  if is_number(value) then return value end
  local fd = ask(value)
  if is_number(fd) then return fd end
  if fd ~= nil then
    misuse.got(where, what .. RULE .. " that returns one", fd)
  end
  misuse.got(where, what .. RULE, value)
end

return fileno
