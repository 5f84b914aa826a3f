-- Where datagrams go: the addresses that texts stand for; recently used ones are kept.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local endpoints = require "timerlua.net.endpoints"
local misuse = require "timerlua.core.misuse"
local resolver = require "timerlua.net.resolver"
local words = require "timerlua.net.words"

local C, loop = core.C, core.loop
local MONOTONIC, INET = C.TL_MONOTONIC, C.TL_INET

local destinations = {}

local MOST_KNOWN = 1024 -- texts whose addresses are kept
local NAME_KEPT = 60    -- seconds that the addresses of a name stay valid

local known, known_count = {}, 0 -- text: tl_address
local names = {}                 -- text: { addresses, until when }

local function count_one_more()
  if known_count >= MOST_KNOWN then names, known, known_count = {}, {}, 0 end
  known_count = known_count + 1
end

local function keep(text, found)
  count_one_more()
  known[text] = found
  return found
end

-- The first address of a name that the socket can reach.
local function first_for(self, addresses)
  for _, each in ipairs(addresses) do
    local family = C.tl_address_family(each)
    if family == self.family or (family == INET and self.both) then return each end
  end
  return addresses[1]
end

local function look_up(self, where, endpoint, text)
  local entry = names[text]
  if not entry or entry.expires < C.tl_now(loop, MONOTONIC) then
    local list, cause, code = resolver.lookup(where, address.name(endpoint, text), {
      port = endpoint.port,
      ns = self.timeout and C.tl_seconds_to_ns(self.timeout),
      eager = true,
    })
    if not list then return nil, cause, code end
    if not names[text] then count_one_more() end
    entry = { addresses = list, expires = C.tl_now(loop, MONOTONIC) + NAME_KEPT }
    names[text] = entry
  end
  return first_for(self, entry.addresses)
end

--- The address that a text stands for, for a socket. Waits if the text has a name.
--- @param self timerlua.Udp
--- @param where string the public function, for errors
--- @return ffi.cdata*? address
--- @return string? err
--- @return string? code
function destinations.find(self, where, text)
  local kept = known[text]
  if kept then return kept end
  local endpoint, status = address.parse(where, "address", text)
  if not endpoint then return nil, words.of(status) end
  local kind = endpoint.kind
  if kind == endpoints.FD then
    misuse.got(where, "address must be one to send to", text)
  elseif kind == endpoints.ADDRESS then
    return keep(text, ffi.new("tl_address", endpoint.address))
  elseif kind == endpoints.ANY then -- this host
    local own = ffi.new("tl_address")
    C.tl_address_loopback(self.family ~= INET and not self.both and 1 or 0,
      endpoint.port, own)
    return own
  end
  return look_up(self, where, endpoint, text)
end

return destinations
