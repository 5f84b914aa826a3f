-- Name servers that answer for one family of addresses only, and the domains that
-- names are searched in.
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

if select(3, tl.resolve("x.test", { servers = { "127.0.0.1:1" },
  timeout = 0.001 })) == "EOPNOTSUPP" then
  pending("a build without c-ares asks the C library")
  return
end

local TYPES = { [1] = "A", [28] = "AAAA" }
local DATA = { A = "\127\0\0\1", AAAA = ("\0"):rep(15) .. "\1" }

-- The name and the type that a question is about.
local function read_question(query)
  local labels, at = {}, 13
  while query:byte(at) ~= 0 do
    local length = query:byte(at)
    labels[#labels + 1] = query:sub(at + 1, at + length)
    at = at + length + 1
  end
  return table.concat(labels, "."), TYPES[query:byte(at + 1) * 256 + query:byte(at + 2)],
    query:sub(13, at + 4)
end

-- RFC 1035, 4.1: the answer with these bytes as its data; without: no such name.
local function answer(query, question, kind)
  local head = query:sub(1, 2) .. (kind and "\129\128" or "\129\131")
    .. "\0\1" .. (kind and "\0\1" or "\0\0") .. "\0\0\0\0"
  if not kind then return head .. question end
  local data = DATA[kind]
  return head .. question .. "\192\12" .. (kind == "A" and "\0\1" or "\0\28")
    .. "\0\1\0\0\0\60\0" .. string.char(#data) .. data
end

-- A name server; says(name, kind) is how long it takes for that: false for ever,
-- nil when there is no such name.
local function name_server(says)
  local asked, late = {}, {}
  local function hear(self, query, from)
    local name, kind, question = read_question(query)
    asked[#asked + 1] = name .. " " .. kind
    local delay = says(name, kind)
    if delay == false then return end
    local reply = answer(query, question, delay and kind or nil)
    late[#late + 1] = tl.after(delay or 0, function() self:send(reply, from) end)
  end
  local udp = assert(tl.udp("127.0.0.1:0", {
    data = hear,
    close = function() for _, timer in ipairs(late) do timer:cancel() end end,
  }))
  return udp, { servers = { udp:sock() } }, asked
end

local function only(kind)
  return function(_, asked) return asked == kind and 0 end
end

describe("tl.resolve, with a name server that answers for one family", function()
  for kind, expected in pairs { A = "127.0.0.1", AAAA = "::1" } do
    it("gives what it has when its time is over: " .. kind, function()
      sockets.run(function()
        local server, options, asked = name_server(only(kind))
        options.timeout = 0.4
        local start = tl.now()
        assert.same({ expected }, tl.resolve("host.test", options))
        assert.is_true(tl.now() - start >= 0.4)
        assert.is_true(#asked <= 4, #asked)
        server:close()
      end)
    end)
  end

  it("still tells that nothing came at all", function()
    sockets.run(function()
      local server, options = name_server(function() return false end)
      options.timeout = 0.2
      assert.equal("ETIMEDOUT", select(3, tl.resolve("host.test", options)))
      server:close()
    end)
  end)

  it("asks no more than twice of one that answers", function()
    sockets.run(function()
      local server, options, asked = name_server(function() return 0 end)
      local found = tl.resolve("host.test", options)
      table.sort(found)
      assert.same({ "127.0.0.1", "::1" }, found)
      assert.equal(2, #asked)
      server:close()
    end)
  end)
end)

describe("with the system's name server", function()
  local folder, shim

  setup(function()
    folder = support.shell("mktemp -d").out:match("[^\n]+")
    shim = folder .. "/resolv.so"
    local r = support.shell(("cc -O1 -fPIC -shared -o %s tests/support/resolv.c -ldl"):format(shim))
    assert.equal("", r.err)
  end)

  teardown(function() support.shell("rm -rf " .. folder) end)

  -- Run a program, while the loop goes on, with a server and a resolv.conf of its own.
  local function run(says, conf, code)
    local lines
    sockets.run(function()
      local server = name_server(says)
      local path = support.write(folder .. "/resolv.conf", "nameserver 127.0.0.1\n" .. conf)
      local result = assert(tl.run({ support.program, "-e", code }, {
        env = { RESOLV_CONF = path, DNS_PORT = server:sock():match("%d+$"),
          LD_PRELOAD = (os.getenv("SANITIZER_PRELOAD") or "") .. " " .. shim } }))
      lines = result.stdout .. result.stderr
      server:close()
    end)
    return lines
  end

  it("tl.connect goes on with the family that has answered", function()
    assert.equal("hi\ttrue\n", run(only "A", "", [[
      local tl = require "timerlua"
      local l = tl.listen("127.0.0.1:0", function(c) c:send("hi") end)
      local start = tl.now()
      local c = assert(tl.connect("host.test:" .. l.port, { timeout = 10 }))
      print(c:receive("*a"), tl.now() - start < 2)
      c:close() l:close()]]))
  end)

  it("tl.connect waits for the other family when the first one fails", function()
    assert.equal("hi\t[::1]\n", run(function(_, kind) return kind == "A" and 0 or 0.5 end, "", [[
      local tl = require "timerlua"
      local l = tl.listen("[::1]:0", function(c) c:send("hi") end)
      local c = assert(tl.connect("host.test:" .. l.port, { timeout = 10 }))
      print(c:receive("*a"), c:peer():match("^%[.-%]"))
      c:close() l:close()]]))
  end)

  for _, search in ipairs { "search .", "search . office.test", "search office.test .", "domain .",
    "search .\noptions ndots:2" } do
    it("names are found, or not, with " .. search:gsub("\n", ", "), function()
      local function says(name) if name == "host" or name == "host.sub" then return 0 end end
      assert.equal("127.0.0.1\n127.0.0.1\nENOTFOUND\nENOTFOUND\n", run(says, search .. "\n", [[
        local tl = require "timerlua"
        for _, name in ipairs { "host", "host.sub", "none", "none.test" } do
          local found, _, code = tl.resolve(name, { family = "inet" })
          print(found and found[1] or code)
        end]]))
    end)
  end
end)
