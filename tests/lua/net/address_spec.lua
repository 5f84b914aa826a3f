local support = require "tests.support"
local ffi = require "ffi"
local address = require "timerlua.net.address"
local C = require("timerlua.core.ffi").C
local raised = support.raised

local function parse(text)
  return address.parse("listen", "address", text)
end

-- The address that a text stands for, as a text again.
local function again(text)
  local endpoint = parse(text)
  assert.equal(C.TL_ENDPOINT_ADDRESS, endpoint.kind)
  return address.text(endpoint.address)
end

local function bytes_of(text)
  local a = parse(text).address
  return ffi.string(a.bytes, a.length)
end

local FORMS = '"host:port", "[ipv6]:port", ":port", "unix:/path", "unix:@name" or "fd:N"'
local SYNTAX = "address must be " .. FORMS
local PORT = "port must be 0 to 65535, in digits"
local BRACKETS = 'an IPv6 address must be in brackets before the port, "[::1]:80"'

local function refuses(rule, text)
  it(("is refused: %q"):format(#text > 40 and text:sub(1, 40) .. "..." or text), function()
    assert.equal(("HERE: timerlua.listen: %s, got %q"):format(rule, text),
      raised(function() parse(text) end))
  end)
end

describe("a numeric address", function()
  local same = { "127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:0",
    "[2001:db8::ff]:443", "[::ffff:1.2.3.4]:9", "[fe80::1%7]:80", "[fe80::1%2147483647]:1" }
  for _, text in ipairs(same) do
    it("is written as it was read: " .. text, function() assert.equal(text, again(text)) end)
  end

  it("is written in its short form", function()
    assert.equal("[2001:db8::1]:80", again("[2001:0DB8:0:0:0:0:0:1]:00080"))
  end)

  it("names its interface by number", function()
    assert.equal("[fe80::1%1]:80", again("[fe80::1%lo]:80"))
  end)

  it("is a sockaddr with its port in network order", function()
    assert.equal(16, #bytes_of("1.2.3.4:258"))
    assert.equal("\1\2\1\2\3\4", bytes_of("1.2.3.4:258"):sub(3, 8))
    assert.equal(28, #bytes_of("[::1]:258"))
    assert.equal("\1\2", bytes_of("[::1]:258"):sub(3, 4))
  end)

  for _, text in ipairs { "1.2.3", "1.2.3:80", "1.2.3.4", "1.2.3.4.5:80", "256.1.1.1:80",
    "01.2.3.4:80", "1.2.3.4.:80", "2130706433:80", "0x7f.1:80", "0x7f000001:80", "0x:80",
    "[::1]", "[::1]80", "[]:80", "[:80", "]:80", "[1.2.3.4]:80", "[::1:80", "[:::]:80",
    "[::1]]:80", "[fe80::1%]:80", "[::1]:80\0", " 1.2.3.4:80", "1.2.3.4\0:80", "[::1\0]:80",
    "", ":", "80", "localhost", "[" } do
    refuses(text == ":" and PORT or text:sub(-1) == "\0" and PORT or SYNTAX, text)
  end

  for _, text in ipairs { "::1", "::", "::1:80", "1:2:3:4:5:6:7:8:80", "fe80::1%lo",
    "fe80::1%lo:80", "::ffff:1.2.3.4", "::ffff:1.2.3.4:80" } do
    refuses(BRACKETS, text)
  end

  for _, text in ipairs { "1.2.3.4:65536", "1.2.3.4:", "[::1]:", "[::1]:100000", "[::1]:-1",
    "1.2.3.4:+1", "1.2.3.4: 1", "1.2.3.4:1 ", "1.2.3.4:0x1", "1.2.3.4:http", "1.2.3.4:000080",
    "1.2.3.4:18446744073709551617", ":65536", "localhost:99999" } do
    refuses(PORT, text)
  end

  for _, text in ipairs { "[fe80::1%nosuchif]:80", "[fe80::1%0]:80", "[fe80::1%2147483648]:80",
    "[fe80::1%anamethatistoolongforone]:80" } do
    it("says when there is no such device: " .. text, function()
      local endpoint, status = parse(text)
      assert.is_nil(endpoint)
      assert.equal(-19, status)
    end)
  end

  it("can also be made of a host and a port", function()
    local a = ffi.new("tl_address")
    for host, expected in pairs { ["127.0.0.1"] = "127.0.0.1:80", ["::1"] = "[::1]:80",
      ["fe80::1%lo"] = "[fe80::1%1]:80" } do
      assert.equal(0, C.tl_address_numeric(host, #host, 80, a))
      assert.equal(expected, address.text(a))
    end
    assert.equal(-34, C.tl_address_numeric("::1", 3, 65536, a))
    assert.equal(-34, C.tl_address_numeric("::1", 3, -1, a))
    for _, host in ipairs { "", "localhost", "[::1]", "1.2.3", "::1:", "::1 ", "1.2.3.4:80" } do
      assert.equal(-22, C.tl_address_numeric(host, #host, 80, a), host)
    end
  end)
end)

describe("the well-known addresses", function()
  local a = ffi.new("tl_address")
  it("are everywhere and here", function()
    local found = {}
    for inet6 = 0, 1 do
      assert.equal(0, C.tl_address_any(inet6, 80, a))
      found[#found + 1] = address.text(a)
      assert.equal(0, C.tl_address_loopback(inet6, 81, a))
      found[#found + 1] = address.text(a)
    end
    assert.same({ "0.0.0.0:80", "127.0.0.1:81", "[::]:80", "[::1]:81" }, found)
    assert.equal(-34, C.tl_address_any(0, 65536, a))
    assert.equal(-34, C.tl_address_loopback(1, -1, a))
  end)
end)

describe("a named host", function()
  local function name_port(text)
    local endpoint = parse(text)
    assert.equal(C.TL_ENDPOINT_NAME, endpoint.kind)
    return address.name(endpoint, text), endpoint.port
  end

  it("is passed on with its port", function()
    assert.same({ "localhost", 80 }, { name_port("localhost:80") })
    assert.same({ "a-b_c.example.com.", 1 }, { name_port("a-b_c.example.com.:1") })
    assert.same({ "1.2.3.4a", 1 }, { name_port("1.2.3.4a:1") })
    assert.same({ "unix.", 80 }, { name_port("unix.:80") })
  end)

  it("may have 253 bytes, and 63 between dots", function()
    local label = ("a"):rep(63)
    local longest = ("%s.%s.%s.%s"):format(label, label, label, ("a"):rep(61))
    assert.same({ longest, 1 }, { name_port(longest .. ":1") })
    assert.same({ longest .. ".", 1 }, { name_port(longest .. ".:1") })
  end)

  local TOO_LONG = "a host name must be at most 253 bytes, and 63 between dots"
  refuses(TOO_LONG, ("a"):rep(64) .. ":1")
  refuses(TOO_LONG, ("aaaaaaaaa."):rep(25) .. "aaaa:1")
  for _, text in ipairs { ".:80", "..:80", ".a:80", "a..b:80", "a b:80", "a/b:80", "a\0b:80",
    "h\195\188gel:80", "*:80", "http://a:80", "a:b:80" } do
    refuses(SYNTAX, text)
  end
end)

describe("a port alone", function()
  it("means any host", function()
    local endpoint = parse(":8080")
    assert.equal(C.TL_ENDPOINT_ANY, endpoint.kind)
    assert.equal(8080, endpoint.port)
    assert.equal(0, parse(":0").port)
  end)
end)

describe("a unix: address", function()
  it("is written as it was read", function()
    for _, text in ipairs { "unix:/run/x.sock", "unix:relative/path", "unix:80", "unix:./@x",
      "unix:@name", "unix:@@", "unix:@a\0b\255", "unix:@\0", "unix:/" .. ("p"):rep(106),
      "unix:@" .. ("n"):rep(107), "unix:/a b:80" } do
      assert.equal(text, again(text))
    end
  end)

  it("ends with a zero, but an abstract name with its last byte", function()
    assert.equal("\1\0/x\0", bytes_of("unix:/x"))
    assert.equal("\1\0\0x", bytes_of("unix:@x"))
  end)

  it("of the kernel's is written whatever its form", function()
    local a = ffi.new("tl_address", { 2, { 1, 0 } })
    assert.equal("unix:", address.text(a)) -- unnamed
    a = ffi.new("tl_address", { 5, { 1, 0, 64, 120, 0 } })
    assert.equal("unix:./@x", address.text(a))
    a.length = 111
    ffi.fill(a.bytes + 2, 108, 112) -- the longest path, by getsockname(2)
    assert.equal("unix:" .. ("p"):rep(108), address.text(a))
  end)

  refuses(SYNTAX, "unix:")
  refuses(SYNTAX, "unix:@")
  refuses(SYNTAX, "unix:/a\0b")
  refuses("a unix: path must be at most 107 bytes", "unix:/" .. ("p"):rep(107))
  refuses("a unix: path must be at most 107 bytes", "unix:@" .. ("n"):rep(108))
end)

describe("an inherited descriptor", function()
  it("has a number", function()
    local endpoint = parse("fd:3")
    assert.equal(C.TL_ENDPOINT_FD, endpoint.kind)
    assert.equal(3, endpoint.fd)
    assert.equal("", address.name(endpoint, "fd:3"))
    assert.equal(2147483647, parse("fd:2147483647").fd)
  end)

  it("or a name", function()
    for _, name in ipairs { "web", "a b", "3x", "x.socket", ("n"):rep(255) } do
      local endpoint = parse("fd:" .. name)
      assert.equal(C.TL_ENDPOINT_FD, endpoint.kind)
      assert.equal(-1, endpoint.fd)
      assert.equal(name, address.name(endpoint, "fd:" .. name))
    end
  end)

  refuses(SYNTAX, "fd:")
  refuses(SYNTAX, "fd:a:b")
  refuses(SYNTAX, "fd:a\0")
  refuses('the descriptor of "fd:N" must be at most 2147483647', "fd:2147483648")
  refuses('the name of "fd:name" must be at most 255 bytes', "fd:" .. ("n"):rep(256))
end)

describe("an address that is not a text", function()
  for _, value in ipairs { 80, true, {}, ffi.new("tl_address") } do
    it("is refused: " .. type(value), function()
      assert.equal(("HERE: timerlua.listen: address must be a text: %s, got %s"):format(FORMS,
        tostring(value)), raised(function() parse(value) end))
    end)
  end
end)

describe("host and port", function()
  local function host_port(text) return { address.host_port(parse(text).address) } end

  it("are apart, as LuaSocket gives them", function()
    assert.same({ "127.0.0.1", 80 }, host_port("127.0.0.1:80"))
    assert.same({ "::1", 80 }, host_port("[::1]:80"))
    assert.same({ "fe80::1%1", 80 }, host_port("[fe80::1%lo]:80"))
  end)

  it("of a unix: socket are its text and nil", function()
    assert.same({ "unix:/x" }, host_port("unix:/x"))
  end)

  it("are nil where there is no address", function()
    local a = ffi.new("tl_address")
    assert.equal(0, C.tl_address_family(a))
    assert.is_nil(address.text(a))
    assert.same({}, { address.host_port(a) })
  end)

  it("are not read from an address cut short", function()
    local a = parse("[::1]:80").address
    assert.equal(C.TL_INET6, C.tl_address_family(a))
    a.length = 27
    assert.equal(0, C.tl_address_family(a))
    a.length = 4000
    assert.equal(0, C.tl_address_family(a))
  end)

  it("are not written past the end of the room", function()
    local a, room = parse("127.0.0.1:80").address, ffi.new("char[12]")
    assert.equal(12, C.tl_address_format(a, room, 12))
    assert.equal(-28, C.tl_address_format(a, room, 11))
    assert.equal(9, C.tl_address_host(a, room, 9))
    assert.equal(-28, C.tl_address_host(a, room, 8))
  end)
end)
