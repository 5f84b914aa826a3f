-- select.kevent: changes and events of a kqueue, with Python's fields.
local C = require "timerlua.core.ffi".C
local check = require "timerlua.core.check"
local entries = require "timerlua.core.entries"
local fileno = require "timerlua.core.fileno"
local misuse = require "timerlua.core.misuse"

-- From FreeBSD's sys/event.h, as are the constants in the core; NETDEV's, which newer
-- versions lack, are as in FreeBSD 4 to 8.
--- @class timerlua.select
local constants = {
  KQ_FILTER_READ = C.TL_KQ_READ,
  KQ_FILTER_WRITE = C.TL_KQ_WRITE,
  KQ_FILTER_AIO = -3,
  KQ_FILTER_VNODE = C.TL_KQ_VNODE,
  KQ_FILTER_PROC = C.TL_KQ_PROC,
  KQ_FILTER_SIGNAL = C.TL_KQ_SIGNAL,
  KQ_FILTER_TIMER = C.TL_KQ_TIMER,
  KQ_FILTER_NETDEV = -8,

  KQ_EV_ADD = C.TL_KQ_ADD,
  KQ_EV_DELETE = C.TL_KQ_DELETE,
  KQ_EV_ENABLE = C.TL_KQ_ENABLE,
  KQ_EV_DISABLE = C.TL_KQ_DISABLE,
  KQ_EV_ONESHOT = C.TL_KQ_ONESHOT,
  KQ_EV_CLEAR = C.TL_KQ_CLEAR,
  KQ_EV_RECEIPT = 0x0040,
  KQ_EV_DISPATCH = C.TL_KQ_DISPATCH,
  KQ_EV_SYSFLAGS = 0xF000,
  KQ_EV_FLAG1 = 0x2000,
  KQ_EV_EOF = C.TL_KQ_EOF,
  KQ_EV_ERROR = 0x4000,

  KQ_NOTE_LOWAT = C.TL_KQ_LOWAT,

  KQ_NOTE_DELETE = C.TL_KQ_NOTE_DELETE,
  KQ_NOTE_WRITE = C.TL_KQ_NOTE_WRITE,
  KQ_NOTE_EXTEND = C.TL_KQ_NOTE_EXTEND,
  KQ_NOTE_ATTRIB = C.TL_KQ_NOTE_ATTRIB,
  KQ_NOTE_LINK = C.TL_KQ_NOTE_LINK,
  KQ_NOTE_RENAME = C.TL_KQ_NOTE_RENAME,
  KQ_NOTE_REVOKE = C.TL_KQ_NOTE_REVOKE,

  KQ_NOTE_EXIT = 0x80000000,
  KQ_NOTE_FORK = 0x40000000,
  KQ_NOTE_EXEC = 0x20000000,
  KQ_NOTE_PCTRLMASK = 0xf0000000,
  KQ_NOTE_PDATAMASK = 0x000fffff,
  KQ_NOTE_TRACK = 0x00000001,
  KQ_NOTE_TRACKERR = 0x00000002,
  KQ_NOTE_CHILD = 0x00000004,

  KQ_NOTE_LINKUP = 0x0001,
  KQ_NOTE_LINKDOWN = 0x0002,
  KQ_NOTE_LINKINV = 0x0004,

  KQ_NOTE_SECONDS = C.TL_KQ_SECONDS,
  KQ_NOTE_MSECONDS = C.TL_KQ_MSECONDS,
  KQ_NOTE_USECONDS = C.TL_KQ_USECONDS,
  KQ_NOTE_NSECONDS = C.TL_KQ_NSECONDS,
  KQ_NOTE_ABSTIME = C.TL_KQ_ABSTIME,
}

local FILTER_READ, EV_ADD = constants.KQ_FILTER_READ, constants.KQ_EV_ADD
local FIELDS = { "ident", "filter", "flags", "fflags", "data", "udata" }
local MOST_EXACT = 2 ^ 53 -- whole numbers up to here are exact in Lua

--- @class timerlua.Kevent a change or an event of a kqueue; compared by its fields
--- @since 0.1
--- @field ident integer a descriptor, signal, process or the timer's own number
--- @field filter integer a KQ_FILTER_ constant
--- @field flags integer a sum of KQ_EV_ constants
--- @field fflags integer a sum of the filter's KQ_NOTE_ constants
--- @field data integer its meaning depends on the filter
--- @field udata any returned with the events
local Kevent = {}

local kevent = { constants = constants }

local function is_kevent(value)
  return type(value) == "table" and getmetatable(value) == Kevent
end
kevent.is = is_kevent

-- bit.bor gives KQ_NOTE_EXIT a sign, which makes the sum 2^32 less.
local function check_fflags(where, value)
  return check.integer(where, "fflags", value, -2 ^ 31, 2 ^ 32 - 1) % 2 ^ 32
end

--- Raise unless the fields, which a script may have set, are valid.
function kevent.check(where, event)
  check.integer(where, "ident", event.ident, 0, MOST_EXACT)
  check.integer(where, "filter", event.filter, -0x8000, 0x7fff)
  check.integer(where, "flags", event.flags, 0, 0xffff)
  check_fflags(where, event.fflags)
  check.integer(where, "data", event.data, -MOST_EXACT, MOST_EXACT)
end

--- A kevent with these fields, unchecked.
function kevent.make(ident, filter, flags, fflags, data, udata)
  return setmetatable({ ident = ident, filter = filter, flags = flags, fflags = fflags,
    data = data, udata = udata }, Kevent)
end

local function default(value, otherwise)
  if value == nil then return otherwise end
  return value
end

local function from_fields(ident, filter, flags, fflags, data, udata)
  local where = "select.kevent"
  if type(ident) ~= "number" then ident = fileno.of(where, "ident", ident) end
  local event = kevent.make(ident, default(filter, FILTER_READ), default(flags, EV_ADD),
    default(fflags, 0), default(data, 0), default(udata, 0))
  kevent.check(where, event)
  event.fflags = check_fflags(where, event.fflags)
  return event
end

-- A table of fields, as opposed to an object that has fileno().
local function is_named(value)
  return type(value) == "table" and getmetatable(value) == nil
    and rawget(value, "fileno") == nil
end

local is_field = {}
for _, name in ipairs(FIELDS) do is_field[name] = true end

local function from_named(fields)
  for name in entries(fields) do
    if not is_field[name] then
      misuse.got("select.kevent", "fields are ident, filter, flags, fflags, data, udata", name)
    end
  end
  return from_fields(fields.ident, fields.filter, fields.flags, fields.fflags, fields.data,
    fields.udata)
end

--- Describe a change to a kqueue: `kevent(ident, filter, ...)` as in Python, or `kevent{
--- ident = ..., filter = ... }`.
--- @param ident timerlua.Descriptor|integer a descriptor, or another number from 0 to 2^53
--- @param filter? integer default KQ_FILTER_READ
--- @param flags? integer 0 to 65535; default KQ_EV_ADD
--- @param fflags? integer 0 to 2^32 - 1; default 0
--- @param data? integer -2^53 to 2^53; default 0
--- @param udata? any default 0; returned with the events
--- @return timerlua.Kevent event
function kevent.new(ident, filter, flags, fflags, data, udata)
  if filter == nil and is_named(ident) then return from_named(ident) end
  return from_fields(ident, filter, flags, fflags, data, udata)
end

-- As Python compares: field by field, and the first difference decides.
local function compare(a, b)
  for _, name in ipairs(FIELDS) do
    local one, other = a[name], b[name]
    if one ~= other then return one, other end
  end
end

function Kevent.__eq(a, b)
  return compare(a, b) == nil and a.udata == b.udata
end

local function is_less(a, b)
  local one, other = compare(a, b)
  local kind = type(one)
  if one == nil or kind ~= type(other) or (kind ~= "number" and kind ~= "string") then
    return false
  end
  return one < other
end

Kevent.__lt = is_less

function Kevent.__le(a, b)
  return is_less(a, b) or Kevent.__eq(a, b)
end

function Kevent.__tostring(self)
  return ("<select.kevent ident=%s filter=%s flags=0x%x fflags=0x%x data=%s udata=%s>")
    :format(tostring(self.ident), tostring(self.filter), self.flags, self.fflags,
      tostring(self.data), tostring(self.udata))
end

return kevent
