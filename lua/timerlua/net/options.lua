-- Options of sockets, named as setsockopt(2) and its kin name them: what may
-- be given where, and how it reaches the kernel.
local core = require "timerlua.core.ffi"
local duration = require "timerlua.core.duration"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"

local C = core.C

local options = {}

local function boolean(where, name, value)
  if type(value) ~= "boolean" then
    misuse.got(where, ("option %s must be true or false"):format(name), value)
  end
  return value and 1 or 0
end

local function integer(least, most)
  return function(where, name, value)
    if type(value) ~= "number" or value % 1 ~= 0 or value < least or value > most then
      misuse.got(where, ("option %s must be a whole number from %d to %d")
        :format(name, least, most), value)
    end
    return value
  end
end

local bytes, hops, seconds = integer(1, 2 ^ 30), integer(1, 255), integer(1, 32767)

local DEFAULT_IDLE = 7200 -- seconds, tcp(7)

local function keepalive(where, name, value)
  if type(value) == "number" then return seconds(where, name, value) end
  return boolean(where, name, value) * DEFAULT_IDLE
end

local LINGER_OFF = -32768 -- TL_LINGER_OFF

local function linger(where, name, value)
  if value == false then return LINGER_OFF end
  return integer(0, 32767)(where, name, value)
end

-- TL_OPTION_..., and what its value may be.
local KERNEL = {
  nodelay = { 0, boolean },
  cork = { 1, boolean },
  keepalive = { 2, keepalive },
  linger = { 3, linger },
  sndbuf = { 4, bytes },
  rcvbuf = { 5, bytes },
  ttl = { 6, hops },
  defer_accept = { 7, seconds },
  reuseaddr = { 8, boolean },
  reuseport = { 9, boolean },
  v6only = { 10, boolean },
  broadcast = { 11, boolean },
  multicast_ttl = { 12, integer(0, 255) },
  multicast_loop = { 13, boolean },
}

-- Options of TCP that other stream sockets do not know.
local TCP_ONLY = { nodelay = true, cork = true, keepalive = true, defer_accept = true }

--- Raise for what is no table of options, or holds one that is not known here.
--- @param known table<string, boolean>
function options.check(where, opts, known)
  if opts == nil then return {} end
  if type(opts) ~= "table" then misuse.got(where, "opts must be a table", opts) end
  for name in pairs(opts) do
    if not known[name] then
      local names = {}
      for each in pairs(known) do names[#names + 1] = each end
      table.sort(names)
      misuse.got(where, "an option must be one of " .. table.concat(names, ", "), name)
    end
  end
  return opts
end

--- A set of names, of several lists.
function options.names(...)
  local set = {}
  for _, list in ipairs { ... } do
    for name in list:gmatch("%S+") do set[name] = true end
  end
  return set
end

--- What of `opts` is for the kernel, checked: a list of { name, option, value }.
--- @param allowed string names
--- @param defaults? table
function options.for_kernel(where, opts, allowed, defaults)
  local list = {}
  for name in allowed:gmatch("%S+") do
    local value = opts[name]
    if value == nil and defaults then value = defaults[name] end
    if value ~= nil then
      local number, check = KERNEL[name][1], KERNEL[name][2]
      list[#list + 1] = { name, number, check(where, name, value) }
    end
  end
  return list
end

--- Set them on a descriptor; TCP's own are passed over elsewhere.
--- @return boolean|nil done
--- @return string? message
--- @return string? code
function options.apply(fd, list, is_tcp, subject)
  for _, entry in ipairs(list) do
    if is_tcp or not TCP_ONLY[entry[1]] then
      local status = C.tl_socket_set(fd, entry[2], entry[3])
      if status < 0 then
        return errors.failed(("%s: option %s"):format(subject, entry[1]), status)
      end
    end
  end
  return true
end

local function kernel_option(where, name)
  local entry = KERNEL[name]
  if not entry then misuse.got(where, "option must be the name of a socket option", name) end
  return entry
end

--- Set one, checked.
function options.set(where, fd, name, value)
  local entry = kernel_option(where, name)
  return C.tl_socket_set(fd, entry[1], entry[2](where, name, value))
end

--- Read one, in the form in which it is set; or nil, status.
function options.get(where, fd, name)
  local entry = kernel_option(where, name)
  local value = C.tl_socket_get(fd, entry[1])
  if name == "linger" then
    if value == LINGER_OFF then return false end
  elseif name == "keepalive" then
    if value == 0 then return false end
  end
  if value < 0 then return nil, value end
  if entry[2] == boolean then return value ~= 0 end
  return value
end

--- Raise unless an option of ours is a whole number of bytes.
function options.bytes(where, opts, name, default)
  local value = opts[name]
  if value == nil then return default end
  if type(value) ~= "number" or value ~= value or value < 0 or value > 2 ^ 48 then
    misuse.got(where, ("option %s must be a number of bytes >= 0"):format(name), value)
  end
  return math.floor(value)
end

--- An option of ours that is a duration, as seconds; nil when it is not given.
function options.seconds(where, opts, name)
  if opts[name] == nil then return nil end
  return tonumber(duration.to_ns(where, "option " .. name, opts[name])) / 1e9
end

--- An option of ours that is true or false.
function options.flag(where, opts, name, default)
  local value = opts[name]
  if value == nil then return default end
  boolean(where, name, value)
  return value
end

return options
