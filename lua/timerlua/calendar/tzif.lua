-- Files of the zone information format, TZif, as bytes: RFC 8536. Nothing in a file is
-- believed before it was checked.
local MOST_OFFSET = 26 * 3600 -- RFC 8536, section 3.2

local tzif = {}

local HEADER = 44

local function unsigned32(bytes, at)
  local a, b, c, d = string.byte(bytes, at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

local function signed32(bytes, at)
  local value = unsigned32(bytes, at)
  return value < 2 ^ 31 and value or value - 2 ^ 32
end

-- Exact up to 2^53, which is far beyond any year that is asked for.
local function signed64(bytes, at)
  return signed32(bytes, at) * 2 ^ 32 + unsigned32(bytes, at + 4)
end

-- The header at a position: the counts and the size of the block of data behind it.
local function read_header(bytes, at, width)
  if #bytes < at + HEADER - 1 then return nil, "the file is truncated" end
  if string.sub(bytes, at, at + 3) ~= "TZif" then return nil, "this is not a TZif file" end
  local header = { version = string.sub(bytes, at + 4, at + 4), width = width,
    data = at + HEADER }
  for i, name in ipairs { "isut", "isstd", "leap", "time", "type", "char" } do
    header[name] = unsigned32(bytes, at + 16 + i * 4)
  end
  header.finish = header.data + header.time * (width + 1) + header.type * 6 + header.char
    + header.leap * (width + 4) + header.isstd + header.isut
  if #bytes < header.finish - 1 then return nil, "the file is truncated" end
  return header
end

local function read_kind(bytes, at, names, count)
  local offset, is_dst, index = signed32(bytes, at), string.byte(bytes, at + 4, at + 5)
  if math.abs(offset) > MOST_OFFSET then return nil, "an offset is more than 26 hours" end
  if is_dst > 1 then return nil, "a flag is neither 0 nor 1" end
  if index >= count then return nil, "an abbreviation is outside the file's" end
  local name = string.match(names, "^([%w+-]+)%z", index + 1)
  if not name then return nil, "an abbreviation has other bytes than letters and digits" end
  return { offset = offset, is_dst = is_dst == 1, abbreviation = name }
end

local function read_kinds(bytes, header)
  local at = header.data + header.time * (header.width + 1)
  local names = string.sub(bytes, at + header.type * 6, at + header.type * 6 + header.char - 1)
  local kinds = {}
  for i = 1, header.type do
    local kind, why = read_kind(bytes, at + (i - 1) * 6, names, header.char)
    if not kind then return nil, why end
    kinds[i] = kind
  end
  if #kinds == 0 then return nil, "the file has no local time" end
  return kinds
end

-- Instants and the kinds of local time that begin at them.
local function read_transitions(bytes, header, kinds)
  local read = header.width == 8 and signed64 or signed32
  local at, kind = {}, {}
  for i = 1, header.time do
    at[i] = read(bytes, header.data + (i - 1) * header.width)
    kind[i] = kinds[string.byte(bytes, header.data + header.time * header.width + i - 1) + 1]
    if not kind[i] then return nil, "a transition is to no local time of the file's" end
    if i > 1 and at[i] <= at[i - 1] then return nil, "the transitions are out of order" end
  end
  return at, kind
end

local function read_block(bytes, header)
  if header.leap > 0 then
    return nil, "the file counts leap seconds, which the system's clock does not"
  end
  local kinds, why = read_kinds(bytes, header)
  if not kinds then return nil, why end
  local at, kind = read_transitions(bytes, header, kinds)
  if not at then return nil, kind end
  return { at = at, kind = kind, first = kinds[1] }
end

--- Parse a file's bytes.
--- @return table? data `at` and `kind`: the instants of transitions, and what begins at each
---   (offset, abbreviation, is_dst); `first`: what holds before; `footer`: the rule for the
---   time after, a text as in the variable TZ, or ""
--- @return string? why the bytes are not a file of this format
function tzif.parse(bytes)
  local header, why = read_header(bytes, 1, 4)
  if not header then return nil, why end
  local footer = ""
  if header.version ~= "\0" then -- the second part has instants of 64 bits
    header, why = read_header(bytes, header.finish, 8)
    if not header then return nil, why end
    footer = string.match(bytes, "^\n([^\n%z]*)\n", header.finish)
    if not footer then return nil, "the file is truncated" end
  end
  local data
  data, why = read_block(bytes, header)
  if data then data.footer = footer end
  return data, why
end

return tzif
