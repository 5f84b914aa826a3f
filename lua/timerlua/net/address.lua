-- Socket addresses in scripts: texts such as "127.0.0.1:80", and the form that the kernel
-- takes. No names are looked up here.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local errno = require "timerlua.core.errno"
local misuse = require "timerlua.core.misuse"

local C = core.C
local new_endpoint = ffi.typeof("tl_endpoint")
local SIZE = C.TL_ADDRESS_TEXT
local TOO_LONG = errno.ENAMETOOLONG
local scratch = ffi.new("char[?]", SIZE)

local FORMS = '"host:port", "[ipv6]:port", ":port", "unix:/path", "unix:@name" or "fd:N"'

-- The broken rule, by the status that tl_address_parse returns.
local RULES = {
  [errno.ERANGE] = "port must be 0 to 65535, in digits",
  [errno.EAFNOSUPPORT] =
    'an IPv6 address must be in brackets before the port, "[::1]:80"',
  [errno.EBADF] = 'the descriptor of "fd:N" must be at most 2147483647',
}

local function too_long(text)
  if text:sub(1, 5) == "unix:" then return "a unix: path must be at most 107 bytes" end
  if text:sub(1, 3) == "fd:" then return 'the name of "fd:name" must be at most 255 bytes' end
  return "a host name must be at most 253 bytes, and 63 between dots"
end

local function refuse(where, what, text, status)
  if status == TOO_LONG then misuse.got(where, too_long(text), text) end
  misuse.got(where, RULES[status] or (what .. " must be " .. FORMS), text)
end

--- @alias timerlua.Address string "127.0.0.1:80"; "[::1]:80"; "localhost:80", a name that
---   is looked up; ":80", all interfaces for a server and this host for a client;
---   "unix:/path"; "unix:@name"; "fd:3" or "fd:name" for an inherited descriptor,
---   sd_listen_fds(3). Port 0 takes a free port

local address = {}

--- The meaning of an address's text, as a tl_endpoint; otherwise raises an error that names
--- `where` (the function), `what` (the parameter) and the broken rule.
--- Whether a network interface exists is no rule, but a state of the world.
--- @param where string
--- @param what string
--- @param text string "127.0.0.1:80", "[::1]:80", "localhost:80", ":80",
---   "unix:/path", "unix:@name", "fd:3", "fd:name"
--- @return ffi.cdata*? endpoint tl_endpoint, which belongs to the caller
--- @return integer? status ENODEV: no interface has the name after the %
function address.parse(where, what, text)
  if type(text) ~= "string" then
    misuse.got(where, ("%s must be a text: %s"):format(what, FORMS), text)
  end
  local endpoint = new_endpoint()
  local status = C.tl_address_parse(text, #text, endpoint)
  if status == 0 then return endpoint end
  if status == errno.ENODEV then return nil, status end
  refuse(where, what, text, status)
end

--- The host name of a TL_ENDPOINT_NAME, or the name in "fd:name"; "" when the text has no
--- name.
function address.name(endpoint, text)
  local start = endpoint.host_start
  return string.sub(text, start + 1, start + endpoint.host_length)
end

--- "127.0.0.1:80", "[::1]:80", "unix:/path"; "unix:" for a socket without a name, nil for
--- bytes that are not an address.
--- @param socket_address ffi.cdata* tl_address
--- @return string?
function address.text(socket_address)
  local length = C.tl_address_format(socket_address, scratch, SIZE)
  return length >= 0 and ffi.string(scratch, length) or nil
end

--- The text of a host and a port; an IPv6 address is put in brackets.
--- @param host string
--- @param port integer
function address.join(host, port)
  return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, port)
end

--- The two parts as LuaSocket returns them: "::1", 80. For a Unix socket, the text and no
--- port; for bytes that are not an address, nil.
--- @param socket_address ffi.cdata* tl_address
--- @return string? host
--- @return integer? port
function address.host_port(socket_address)
  local length = C.tl_address_host(socket_address, scratch, SIZE)
  if length < 0 then return address.text(socket_address), nil end
  return ffi.string(scratch, length), C.tl_address_port(socket_address)
end

return address
