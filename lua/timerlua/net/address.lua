-- Socket addresses at the surface: texts such as "127.0.0.1:80", and what the
-- kernel takes for them. Looks up no names.
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

-- The rule that was broken, by what tl_address_parse returns.
local RULES = {
  [errno.ERANGE] = "port must be 0 to 65535, in digits",
  [errno.EAFNOSUPPORT] =
    'an IPv6 address must be in brackets before the port, "[::1]:80"',
  [errno.ENODEV] = "what stands after the % must be a network interface",
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

--- @alias timerlua.Address string "127.0.0.1:80"; "[::1]:80"; "localhost:80", whose name is looked
---   up; ":80", all interfaces to a server and this host to a client; "unix:/path";
---   "unix:@name"; "fd:3" or "fd:name" for a descriptor that was inherited, sd_listen_fds(3).
---   Port 0 takes a free port

local address = {}

--- What an address's text says, as a tl_endpoint; else an error that names
--- `where` (the function), `what` (the parameter) and the rule that was broken.
--- @param where string
--- @param what string
--- @param text string "127.0.0.1:80", "[::1]:80", "localhost:80", ":80",
---   "unix:/path", "unix:@name", "fd:3", "fd:name"
--- @return ffi.cdata* endpoint tl_endpoint; the caller's
function address.parse(where, what, text)
  if type(text) ~= "string" then
    misuse.got(where, ("%s must be a text: %s"):format(what, FORMS), text)
  end
  local endpoint = new_endpoint()
  local status = C.tl_address_parse(text, #text, endpoint)
  if status ~= 0 then refuse(where, what, text, status) end
  return endpoint
end

--- The host's name of a TL_ENDPOINT_NAME, or the name of "fd:name"; "" when
--- the text has none.
function address.name(endpoint, text)
  local start = endpoint.host_start
  return text:sub(start + 1, start + endpoint.host_length)
end

--- "127.0.0.1:80", "[::1]:80", "unix:/path"; "unix:" for a socket without a
--- name, nil where the text is no address.
--- @param socket_address ffi.cdata* tl_address
--- @return string?
function address.text(socket_address)
  local length = C.tl_address_format(socket_address, scratch, SIZE)
  return length >= 0 and ffi.string(scratch, length) or nil
end

--- The text of a host and a port; an IPv6 address gets its brackets.
--- @param host string
--- @param port integer
function address.join(host, port)
  return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, port)
end

--- The two parts as LuaSocket gives them: "::1", 80. A unix: socket has its
--- text and no port, what is no address has neither.
--- @param socket_address ffi.cdata* tl_address
--- @return string? host
--- @return integer? port
function address.host_port(socket_address)
  local length = C.tl_address_host(socket_address, scratch, SIZE)
  if length < 0 then return address.text(socket_address), nil end
  return ffi.string(scratch, length), C.tl_address_port(socket_address)
end

return address
