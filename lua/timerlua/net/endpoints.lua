-- Endpoints: from the meaning of an address's text to the addresses to try.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local errors = require "timerlua.core.errors"
local fileno = require "timerlua.core.fileno"
local misuse = require "timerlua.core.misuse"
local resolver = require "timerlua.net.resolver"

local C = core.C
local ADDRESS, ANY, FD = C.TL_ENDPOINT_ADDRESS, C.TL_ENDPOINT_ANY, C.TL_ENDPOINT_FD
local FIRST_FD = 3 -- sd_listen_fds(3)

local endpoints = { ADDRESS = ADDRESS, ANY = ANY, FD = FD }

local function of_any(where, port)
  local make = where == "connect" and C.tl_address_loopback or C.tl_address_any
  local list = {}
  for inet6 = 1, 0, -1 do -- IPv6 first: listening there takes IPv4 too
    local each = ffi.new("tl_address")
    make(inet6, port, each)
    list[#list + 1] = each
  end
  return list
end

--- The addresses of an endpoint; waits while its name is looked up.
--- @param where "listen"|"connect"|"udp"
--- @param timeout? number seconds
--- @param all? boolean wait for the addresses of both families
--- @return ffi.cdata*[]? addresses with `partial`, there may be others
--- @return string? message
--- @return string? code
function endpoints.addresses(where, endpoint, text, timeout, all)
  if endpoint.kind == ADDRESS then
    local copy = ffi.new("tl_address", endpoint.address)
    return { copy }
  elseif endpoint.kind == ANY then
    return of_any(where, endpoint.port)
  end
  local list, cause, code = resolver.lookup(where, address.name(endpoint, text),
    { port = endpoint.port, ns = timeout and C.tl_seconds_to_ns(timeout), eager = not all })
  if not list then return nil, ("%s %s: %s"):format(where, text, cause), code end
  return list
end

local function check_process(where, text)
  local pid = os.getenv("LISTEN_PID")
  if pid and tonumber(pid) ~= C.tl_process_id() then
    return nil, ("%s %s: the descriptors are meant for process %s, see LISTEN_PID")
      :format(where, text, pid), "EBADF"
  end
  return true
end

local function by_name(where, text, name)
  local index = 0
  for each in ((os.getenv("LISTEN_FDNAMES") or "") .. ":"):gmatch("([^:]*):") do
    if each == name then return FIRST_FD + index end
    index = index + 1
  end
  return nil, ("%s %s: no descriptor of that name in LISTEN_FDNAMES"):format(where, text),
    "ENOENT"
end

local function find_number(where, endpoint, text)
  if endpoint.fd >= 0 then return endpoint.fd end
  local name = address.name(endpoint, text)
  if name == "" then misuse.got(where, 'address must name a descriptor, as "fd:3"', text) end
  return by_name(where, text, name)
end

-- The number of an inherited descriptor.
local function number_of(where, endpoint, text)
  local ok, message, code = check_process(where, text)
  if not ok then return nil, message, code end
  local fd
  fd, message, code = find_number(where, endpoint, text)
  if not fd then return nil, message, code end
  if C.tl_descriptor_taken(core.loop, fd) ~= 0 then
    return nil, ("%s %s: another socket of this script has the descriptor")
      :format(where, text), "EEXIST"
  end
  fileno.check_own(where, fd)
  return fd
end

-- The inherited descriptors that the public functions accept, and their names in messages.
local WANTED = {
  listen = { kind = C.TL_SOCKET_STREAM, listening = 1, noun = "a listening socket" },
  connect = { kind = C.TL_SOCKET_STREAM, listening = 0, noun = "a connected stream socket" },
  udp = { kind = C.TL_SOCKET_DATAGRAM, listening = 0, noun = "a datagram socket" },
}

--- An inherited descriptor, as passed on by systemd's socket activation, sd_listen_fds(3);
--- now non-blocking and close-on-exec.
--- @param where "listen"|"connect"|"udp"
--- @return integer? fd
--- @return string? message
--- @return string? code "EBADF", "ENOENT" (no descriptor of that name), "EEXIST" (a socket
---   of this script has it), "ENOTSOCK", "EINVAL" (another kind)
function endpoints.inherited(where, endpoint, text)
  local fd, message, code = number_of(where, endpoint, text)
  if not fd then return nil, message, code end
  local subject, wanted = where .. " " .. text, WANTED[where]
  local listening = ffi.new("int[1]")
  local kind = C.tl_socket_inherit(fd, listening)
  if kind < 0 then return errors.failed(subject, kind) end
  if kind ~= wanted.kind or listening[0] ~= wanted.listening then
    return nil, ("%s: not %s"):format(subject, wanted.noun), "EINVAL"
  end
  return fd
end

return endpoints
