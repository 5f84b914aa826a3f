-- tl.resolve: what may be asked, and how the answer is told.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local errno = require "timerlua.core.errno"
local misuse = require "timerlua.core.misuse"
local resolver = require "timerlua.net.resolver"

local C = core.C
local new_endpoint = ffi.typeof("tl_endpoint")
local FAMILIES = { inet = C.TL_INET, inet6 = C.TL_INET6 }
local MOST_NAME = 253 -- RFC 1035, 2.3.4
local DNS_PORT = 53

local resolve = {}

local function check_name(name)
  if type(name) ~= "string" then misuse.got("resolve", "name must be a string", name) end
  if name == "" or #name > MOST_NAME + 2 or name:find("\0", 1, true) then
    misuse.got("resolve", "name must have 1 to 253 bytes, none of them zero", name)
  end
end

-- The server's address, or nil, and its status where the text has the right form.
local function server_text(server)
  if type(server) ~= "string" then return nil end
  local endpoint = new_endpoint()
  local status = C.tl_address_numeric(server, #server, DNS_PORT, endpoint.address)
  if status ~= 0 then
    if status ~= errno.ENODEV then status = C.tl_address_parse(server, #server, endpoint) end
    if status == errno.ENODEV then return nil, status end
    if status ~= 0 or endpoint.kind ~= C.TL_ENDPOINT_ADDRESS
      or C.tl_address_port(endpoint.address) <= 0 then return nil end
  end
  return address.text(endpoint.address)
end

-- The list as one text; nil and a status.
local function servers_text(servers)
  if servers == nil then return nil end
  local rule = 'servers must be a list of addresses such as "127.0.0.1:53"'
  if type(servers) ~= "table" or servers[1] == nil then
    misuse.got("resolve", rule, servers)
  end
  local texts = {}
  for i, server in ipairs(servers) do
    local text, status = server_text(server)
    if status then return nil, status end
    texts[i] = text or misuse.got("resolve", rule, server)
  end
  return table.concat(texts, ",")
end

local OPTIONS = check.names "family timeout servers"

local function checked_options(options)
  options = check.options("resolve", options, OPTIONS)
  local family = options.family
  if family ~= nil and not FAMILIES[family] then
    misuse.got("resolve", 'family must be "inet" or "inet6"', family)
  end
  local servers, status = servers_text(options.servers)
  return {
    family = FAMILIES[family],
    ns = options.timeout ~= nil
      and duration.to_ns("resolve", "timeout", options.timeout) or nil,
    servers = servers,
    status = status, -- why the servers cannot be asked
  }
end

--- @class timerlua.ResolveOptions
--- @since 0.1
--- @field family? "inet"|"inet6" return only addresses of this family; default both
--- @field timeout? timerlua.Duration the longest wait; default: until all servers have been
---   tried
--- @field servers? string[] name servers to ask instead of the system's, such as {
---   "127.0.0.1:53" }; port 53 may be left out

--- Look up a host's name while the loop goes on. Uses /etc/hosts and the name servers of
--- /etc/resolv.conf, with its search domains.
--- @param name string a name of 1 to 253 bytes, or an address, which is returned at once
--- @param opts? timerlua.ResolveOptions
--- @return string[]? addresses in the order in which to try them, RFC 6724
--- @return string? message such as "resolve example.test: host not found"
--- @return string? code "ENOTFOUND", "ENODATA" (no address of this family), "ETIMEDOUT",
---   "ESERVFAIL", "EREFUSED", "ECONNREFUSED", "EBADNAME", "EBADRESP", "ENODEV" (in
---   "fe80::1%device", also of a server), "EOPNOTSUPP" (servers, in a build without c-ares),
---   "ENOMEM", "EMFILE", "ENFILE", "ENOSPC", "EAGAIN"; "ECANCELED": the loop ended first, in
---   the main chunk of a plain luajit
function resolve.resolve(name, opts)
  check_name(name)
  local options = checked_options(opts)
  local addresses, cause, code = resolver.lookup("resolve", name, options)
  if not addresses then return nil, ("resolve %s: %s"):format(name, cause), code end
  local texts = {}
  for i, found in ipairs(addresses) do texts[i] = address.host_port(found) end
  return texts
end

return resolve
