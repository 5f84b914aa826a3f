-- tl.resolve, against dnsmasq and against silent servers; and the resolver without
-- c-ares, against a getaddrinfo of our own.
local ffi = require "ffi"
local support = require "tests.support"
local tl = require "timerlua"
local resolver = require "timerlua.net.resolver"

ffi.cdef [[
  typedef struct { uint16_t family, port; uint8_t host[4]; char zero[8]; } test_inet;
  int socket(int domain, int type, int protocol);
  int bind(int fd, const void *address, uint32_t length);
  int getsockname(int fd, void *address, uint32_t *length);
  long recv(int fd, void *buffer, size_t size, int flags);
  int close(int fd);
  int fcntl(int fd, int command, ...);
]]
local AF_INET, SOCK_DGRAM_NONBLOCK = 2, 2 + 2048

local raised, quote = support.raised, support.quote

-- A build with c-ares takes servers, the other build refuses them.
local with_ares = select(3, tl.resolve("x.test", { servers = { "127.0.0.1:1" },
  timeout = 0.001 })) ~= "EOPNOTSUPP"

local count_fds = support.count_fds

-- A socket of 127.0.0.1 that is never read: a silent name server.
local function silent_server()
  local fd = ffi.C.socket(AF_INET, SOCK_DGRAM_NONBLOCK, 0)
  local address = ffi.new("test_inet", { family = AF_INET, host = { 127, 0, 0, 1 } })
  local length = ffi.new("uint32_t[1]", ffi.sizeof(address))
  assert.equal(0, ffi.C.bind(fd, address, length[0]))
  assert.equal(0, ffi.C.getsockname(fd, address, length))
  local port = math.floor(address.port / 256) + address.port % 256 * 256
  return { fd = fd, address = "127.0.0.1:" .. port }
end

local function questions(server)
  local count, buffer = 0, ffi.new("char[600]")
  while ffi.C.recv(server.fd, buffer, 600, 0) >= 0 do count = count + 1 end
  return count
end

describe("tl.resolve", function()
  local before

  before_each(function()
    if tl.clock.is_virtual() then tl.clock.real() end
    support.open_timer()
    support.collect()
    before = { count_fds(), tl.stats().handles, tl.stats().active }
  end)

  after_each(function()
    assert.same(before, { count_fds(), tl.stats().handles, tl.stats().active })
  end)

  it("returns an address at once, in its shortest form", function()
    assert.same({ "127.0.0.1" }, tl.resolve("127.0.0.1"))
    assert.same({ "::1" }, tl.resolve("::1"))
    assert.same({ "::1" }, tl.resolve("[::1]"))
    assert.same({ "2001:db8::1" }, tl.resolve("2001:0DB8:0:0::1"))
    assert.same({ "10.0.0.1" }, tl.resolve("10.0.0.1", { family = "inet" }))
  end)

  it("reports that an address is of the other family, or its device is missing", function()
    assert.same({ nil, "resolve ::1: the host has no such address", "ENODATA" },
      { tl.resolve("::1", { family = "inet" }) })
    assert.same({ nil, "resolve fe80::1%nodevice: no such device", "ENODEV" },
      { tl.resolve("fe80::1%nodevice") })
  end)

  it("knows localhost and all names under it, whatever the system says", function()
    for _, name in ipairs { "localhost", "LocalHost", "localhost.", "app.localhost" } do
      assert.same({ "127.0.0.1" }, tl.resolve(name, { family = "inet" }))
      local addresses = tl.resolve(name, { family = "inet6" })
      assert.same({ "::1" }, addresses)
    end
  end)

  it("reads /etc/hosts", function()
    local file = io.open("/etc/hosts")
    if not file then return pending("this machine has none") end
    file:close()
    local checked = 0
    for line in support.read("/etc/hosts"):gmatch("[^\n]+") do
      local address, name = line:gsub("#.*", ""):match("^%s*([%d.]+)%s+(%S+)")
      if address then
        local found = assert(tl.resolve(name, { family = "inet" }))
        local is_there = false
        for _, text in ipairs(found) do is_there = is_there or text == address end
        assert.is_true(is_there, line)
        checked = checked + 1
      end
    end
    assert.is_true(checked > 0)
  end)

  it("returns an error for values that are not names", function()
    for _, name in ipairs { "two words", "a..b", "1.2.3", "0x7f.1", "unix:/x", "a:80", "[host]",
      ("x"):rep(64) .. ".test" } do
      assert.same({ nil, ("resolve %s: not a host's name"):format(name), "EBADNAME" },
        { tl.resolve(name) })
    end
  end)

  it("raises for wrong arguments", function()
    assert.equal("HERE: timerlua.resolve: name must be a string, got nil",
      raised(function() tl.resolve() end))
    assert.equal('HERE: timerlua.resolve: name must have 1 to 253 bytes, none of them zero, got ""',
      raised(function() tl.resolve("") end))
    assert.truthy(raised(function() tl.resolve("a\0b") end):find("1 to 253 bytes", 1, true))
    assert.truthy(raised(function() tl.resolve(("a."):rep(150)) end):find("1 to 253", 1, true))
    assert.equal("HERE: timerlua.resolve: opts must be a table, got 5",
      raised(function() tl.resolve("a", 5) end))
    assert.equal('HERE: timerlua.resolve: an option must be one of family, servers, timeout, '
      .. 'got "famly"; did you mean "family"?',
      raised(function() tl.resolve("a", { famly = "inet" }) end))
    assert.equal('HERE: timerlua.resolve: family must be "inet" or "inet6", got "ipv4"',
      raised(function() tl.resolve("a", { family = "ipv4" }) end))
    assert.equal("HERE: timerlua.resolve: timeout must be a number >= 0, got -1",
      raised(function() tl.resolve("a", { timeout = -1 }) end))
    for _, server in ipairs { "ns.test", "127.0.0.1:0", "unix:/x", ":53", "[::1]:99999", 5 } do
      assert.equal("HERE: timerlua.resolve: servers must be a list of addresses such as "
        .. '"127.0.0.1:53", got ' .. (type(server) == "string" and '"' .. server .. '"' or server),
        raised(function() tl.resolve("a", { servers = { server } }) end))
    end
    assert.truthy(raised(function() tl.resolve("a", { servers = {} }) end):find("must be a list"))
  end)

  it("gives each connecting socket its own addresses with the port", function()
    local ns = 1000000000LL
    for _, name in ipairs { "127.0.0.1", "localhost" } do
      local options = { port = 8080, family = 2, ns = ns }
      local a, b = resolver.lookup("test", name, options), resolver.lookup("test", name, options)
      local address = require "timerlua.net.address"
      assert.equal(1, #a)
      assert.equal("127.0.0.1:8080", address.text(a[1]))
      b[1].bytes[2] = 0
      assert.equal("127.0.0.1:8080", address.text(a[1]))
    end
    assert.same({ nil, "not a host's name", "EBADNAME" }, { resolver.lookup("test", "a b", {}) })
  end)

  if not with_ares then
    it("takes no servers in a build without c-ares", function()
      assert.same({ nil, "resolve a.test: operation not supported", "EOPNOTSUPP" },
        { tl.resolve("a.test", { servers = { "127.0.0.1" } }) })
    end)
    return
  end

  describe("with a name server", function()
    local options, pid

    -- A port that is free for TCP and UDP, as far as one can know.
    local function start_dnsmasq(port)
      local words = { "PATH=$PATH:/usr/sbin; LD_PRELOAD= dnsmasq --keep-in-foreground",
        "--pid-file= --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces",
        "--listen-address=127.0.0.1 --local=/test/ --port=" .. port,
        "--host-record=four.test,10.1.2.3 --host-record=six.test,fd00::5",
        "--host-record=both.test,10.1.2.4,fd00::4 --cname=alias.test,both.test",
        "--host-record=printer.office.test,10.1.2.9",
        "--address=/many.test/10.9.9.9 --address=/many.test/fd00::9" }
      for i = 1, 60 do words[#words + 1] = "--host-record=big.test,10.2.0." .. i end
      local shell = table.concat(words, " ") .. " >/dev/null 2>&1 & echo $!"
      return support.shell(shell).out:match("%d+")
    end

    setup(function()
      for attempt = 1, 5 do
        local silent = silent_server() -- its number is free for us
        ffi.C.close(silent.fd)
        pid = start_dnsmasq(silent.address:match("%d+$"))
        options = { servers = { silent.address }, timeout = 10 }
        local once = { servers = options.servers, timeout = 0.1, family = "inet" }
        local found, message
        for _ = 1, 50 do
          found, message = tl.resolve("four.test", once)
          if found then return end
          tl.sleep(0.02)
        end
        if attempt == 5 then error(message) end
        support.shell("kill " .. pid)
      end
    end)

    teardown(function() support.shell("kill " .. pid) end)

    local function with(more)
      local all = {}
      for k, v in pairs(options) do all[k] = v end
      for k, v in pairs(more) do all[k] = v end
      return all
    end

    it("gives the addresses of both families, or of one", function()
      assert.same({ "10.1.2.3" }, tl.resolve("four.test", options))
      assert.same({ "fd00::5" }, tl.resolve("six.test", options))
      local both = tl.resolve("both.test", options)
      table.sort(both)
      assert.same({ "10.1.2.4", "fd00::4" }, both)
      assert.same({ "10.1.2.4" }, tl.resolve("both.test", with { family = "inet" }))
      assert.same({ "fd00::4" }, tl.resolve("BOTH.test.", with { family = "inet6" }))
      assert.same({ "10.1.2.4" }, tl.resolve("alias.test", with { family = "inet" }))
    end)

    it("distinguishes a missing name from a name without such addresses", function()
      assert.same({ nil, "resolve none.test: host not found", "ENOTFOUND" },
        { tl.resolve("none.test", options) })
      assert.same({ nil, "resolve four.test: the host has no such address", "ENODATA" },
        { tl.resolve("four.test", with { family = "inet6" }) })
    end)

    it("reports that no server would answer", function()
      local found, message, code = tl.resolve("example.com", options)
      assert.is_nil(found)
      -- c-ares 1.18 reports no more than that
      if code ~= "EREFUSED" then assert.equal("ECONNREFUSED", code) end
      assert.truthy(message:find("^resolve example.com: .*name server"))
    end)

    it("asks by TCP for an answer that is too long for UDP", function()
      local found = assert(tl.resolve("big.test", options))
      assert.equal(60, #found)
    end)

    it("tries the search domains", function()
      local code = ([[print(require "timerlua".resolve("%s", { servers = { "%s" } })[1])]])
      for name, settings in pairs { printer = "LOCALDOMAIN='none.test office.test'",
        ["printer.office"] = "LOCALDOMAIN=test RES_OPTIONS=ndots:2" } do
        local r = support.shell(("env %s %s -e %s"):format(settings, support.program,
          quote(code:format(name, options.servers[1]))))
        assert.equal("10.1.2.9\n", r.out, r.err)
      end
    end)

    it("goes to the next server when one is silent", function()
      local silent = silent_server()
      local code = ([[print(require "timerlua".resolve("four.test",
        { servers = { "%s", "%s" } })[1])]]):format(silent.address, options.servers[1])
      local r = support.shell(("env RES_OPTIONS='timeout:1' %s -e %s"):format(
        support.program, quote(code)))
      assert.equal("10.1.2.3\n", r.out, r.err)
      assert.is_true(questions(silent) > 0)
      ffi.C.close(silent.fd)
    end)

    it("answers 500 at once, without losing any", function()
      local tasks, start = {}, tl.now()
      for i = 1, 500 do
        tasks[i] = tl.spawn(tl.resolve, ("host%d.many.test"):format(i), options)
      end
      for i = 1, 500 do
        local found, message = tasks[i]:join()
        assert.equal(2, found and #found, message)
      end
      -- lost answers come after 2 s at the earliest
      assert.is_true(tl.now() - start < 2)
    end)

    it("works in callbacks and tasks", function()
      local seen = {}
      tl.after(0, function() seen.callback = tl.resolve("four.test", options) end)
      seen.task = tl.spawn(tl.resolve, "four.test", options):join()
      tl.sleep(0.05)
      assert.same({ callback = { "10.1.2.3" }, task = { "10.1.2.3" } }, seen)
    end)
  end)

  describe("with a silent server", function()
    local silent, options

    before_each(function()
      silent = silent_server()
      options = { servers = { silent.address }, timeout = 0.15, family = "inet" }
      before[1] = before[1] + 1
    end)

    after_each(function()
      ffi.C.close(silent.fd)
      before[1] = before[1] - 1
    end)

    it("ends when its time is over, and the loop goes on meanwhile", function()
      local ticks, start = 0, tl.now()
      options.timeout = 0.6
      local ticker = tl.every(0.01, function(timer) ticks = ticks + 1 + timer.missed end)
      local longest, last = 0, start
      local gaps = tl.every(0.01, function()
        longest, last = math.max(longest, tl.now() - last), tl.now()
      end)
      assert.same({ nil, "resolve slow.test: no name server answered in time", "ETIMEDOUT" },
        { tl.resolve("slow.test", options) })
      local took = tl.now() - start
      ticker:cancel()
      gaps:cancel()
      assert.is_true(took >= 0.6 and took < 5)
      assert.is_true(ticks >= 55)
      assert.is_true(longest < 0.5)
    end)

    it("ends without a limit, too, when the servers were tried", function()
      local code = ([[local _, message, code =
        require "timerlua".resolve("slow.test", { servers = { "%s" } }) print(code)]])
        :format(silent.address)
      local start = tl.now()
      local r = support.shell(("env RES_OPTIONS='timeout:1 attempts:2' %s -e %s"):format(
        support.program, quote(code)), { timeout = 10 })
      assert.equal("ETIMEDOUT\n", r.out, r.err)
      local took = tl.now() - start -- 1 s, and twice that
      assert.is_true(took > 1.9 and took < 5, took)
    end)

    it("asks once for all tasks that want the same name at the same time", function()
      local tasks = {}
      for i = 1, 5 do
        tasks[i] = tl.spawn(tl.resolve, i % 2 == 0 and "One.test" or "one.test", options)
      end
      for i = 1, 5 do
        assert.equal("ETIMEDOUT", select(3, tasks[i]:join()))
      end
      assert.equal(1, questions(silent))
    end)

    it("goes on for the others when one task gives up", function()
      local patient = { servers = options.servers, timeout = 0.2, family = "inet" }
      local short = { servers = options.servers, timeout = 0.02, family = "inet" }
      local start = tl.now()
      local first = tl.spawn(tl.resolve, "one.test", short)
      local second = tl.spawn(tl.resolve, "one.test", patient)
      assert.equal("ETIMEDOUT", select(3, first:join()))
      assert.equal("ETIMEDOUT", select(3, second:join()))
      assert.is_true(tl.now() - start >= 0.2)
      assert.equal(1, questions(silent))
    end)

    it("is given up by a task that is cancelled", function()
      options.timeout = nil
      local tasks = {}
      for i = 1, 200 do tasks[i] = tl.spawn(tl.resolve, ("h%d.test"):format(i), options) end
      tl.sleep(0.01)
      assert.is_true(count_fds() > before[1])
      for i = 1, 200 do tasks[i]:cancel() end
      tl.sleep(0)
      tl.sleep(0)
      for i = 1, 200 do assert.equal("cancelled", tasks[i].status) end
      assert.equal(before[1], count_fds())
    end)

    it("is given up when a limit around it runs out", function()
      options.timeout = nil
      local start = tl.now()
      assert.same({ nil, "timeout", "ETIMEDOUT" },
        { tl.spawn(tl.timeout, 0.05, tl.resolve, "slow.test", options):join() })
      assert.is_true(tl.now() - start < 1)
      assert.equal(before[1], count_fds())
    end)

    it("shows the descriptors that it has watched", function()
      local task = tl.spawn(tl.resolve, "slow.test", options)
      tl.sleep(0.01)
      local kinds = {}
      for _, row in ipairs(tl.handles()) do
        if row.name == "tl.resolve" then kinds[row.kind] = true end
      end
      assert.same({ timer = true, watch = true }, kinds)
      task:join()
    end)

    it("keeps the loop running while a task waits, and no longer", function()
      local code = ([[local tl = require "timerlua"
        tl.spawn(function()
          print(select(3, tl.resolve("slow.test", { servers = { "%s" }, timeout = 0.1 })))
        end)]]):format(silent.address)
      local start = tl.now()
      local r = support.run(code, { timeout = 10 })
      assert.equal("ETIMEDOUT\n", r.out, r.err)
      assert.equal("", r.err)
      assert.equal(0, r.code)
      assert.is_true(tl.now() - start < 2)
    end)
  end)

  it("returns, in the main chunk of a plain luajit, when the loop is stopped", function()
    local silent = silent_server()
    local r = support.shell(([[LD_PRELOAD=%s luajit -e %s]]):format(
      quote(os.getenv("SANITIZER_PRELOAD") or ""), quote(([[
        local tl = require "timerlua"
        tl.after(0.02, tl.stop)
        print(tl.resolve("slow.test", { servers = { "%s" } }))]]):format(silent.address))),
      { timeout = 10 })
    ffi.C.close(silent.fd)
    assert.equal("nil\tresolve slow.test: the loop ended\tECANCELED\n", r.out, r.err)
  end)
end)

describe("the resolver without c-ares", function()
  local folder, program, shim

  setup(function()
    folder = support.shell("mktemp -d").out:match("[^\n]+")
    shim = folder .. "/names.so"
    local r = support.shell(("cc -O1 -fPIC -shared -o %s tests/support/names.c -ldl"):format(shim))
    assert.equal("", r.err)
    program = support.program
    if with_ares then
      local build = support.build .. "/thread"
      program = build .. "/timerlua"
      r = support.shell(("unset MAKEFLAGS MAKELEVEL MFLAGS; NO_INSTALL=1 make RESOLVER=thread "
        .. "BUILD=%s SANITIZE=%s"):format(quote(build), support.sanitized and 1 or ""),
        { timeout = 300 })
      assert.equal(0, r.code, r.err)
    end
  end)

  teardown(function() support.shell("rm -rf " .. folder) end)

  local function run(code, seconds)
    local r = support.shell(("LD_PRELOAD=%s ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 "
      .. "%s -e %s"):format(shim, program, quote('local tl = require "timerlua"; ' .. code)),
      { timeout = seconds or 10 })
    assert.equal("", r.err)
    assert.equal(0, r.code, r.out)
    return r.out
  end

  it("gives each failure its code", function()
    local out = run [[
      for _, name in ipairs { "gone", "empty", "family", "broken", "again", "late", "refused",
        "memory", "system" } do
        local found, message, code = tl.resolve(name .. ".test")
        print(found, code)
        assert(message:find("resolve " .. name .. ".test: ", 1, true))
      end]]
    assert.equal("nil\tENOTFOUND\nnil\tENODATA\nnil\tENODATA\nnil\tESERVFAIL\nnil\tESERVFAIL\n"
      .. "nil\tETIMEDOUT\nnil\tECONNREFUSED\nnil\tENOMEM\nnil\tENOMEM\n", out)
  end)

  it("gives addresses, and localhost without being configured", function()
    assert.equal("10.0.0.1\n127.0.0.1 ::1\n::1\n", run [[
      print(table.concat(tl.resolve("quick.test"), " "))
      print(table.concat(tl.resolve("a.localhost"), " "))
      print(table.concat(tl.resolve("localhost", { family = "inet6" }), " "))]])
  end)

  it("leaves the loop free while it waits", function()
    local out = run [[
      local ticks = 0
      tl.every(0.01, function(timer) ticks = ticks + 1 + timer.missed end):unref()
      print(tl.resolve("slow.test")[1])
      print(ticks >= 20)]]
    assert.equal("10.0.0.1\ntrue\n", out)
  end)

  it("does not keep the program from ending when it hangs", function()
    local out = run [[
      print(select(3, tl.resolve("stuck.test", { timeout = 0.05 })))]]
    assert.equal("ETIMEDOUT\n", out)
  end)

  it("looks up other names while some hang, until all of its threads do", function()
    local out = run [[
      for i = 1, 15 do tl.resolve(("stuck.h%d.test"):format(i), { timeout = 0.01 }) end
      for i = 1, 3 do print(tl.resolve(("quick.h%d.test"):format(i))[1]) end
      tl.resolve("stuck.test", { timeout = 0.01 })
      print(select(3, tl.resolve("quick.test", { timeout = 0.05 })))]]
    assert.equal("10.0.0.1\n10.0.0.1\n10.0.0.1\nETIMEDOUT\n", out)
  end)

  it("goes on with the addresses of one family when the other's never come", function()
    local out = run [[
      local server = assert(tl.listen("127.0.0.1:0", function(conn) conn:send("hello") end))
      local from = tl.now()
      print(table.concat(assert(tl.resolve("half.test", { timeout = 1 })), " "))
      print(assert(tl.connect("half.test:" .. server.port)):receive(5))
      print(tl.now() - from < 5) -- the other family's answer takes 6 s
      server:close()]]
    assert.equal("127.0.0.1\nhello\ntrue\n", out)
  end)

  it("goes on after a lookup that no task waited for any more", function()
    local out = run [[
      print(select(3, tl.resolve("slow.test", { timeout = 0.05 })))
      local task = tl.spawn(tl.resolve, "gone.test")
      tl.sleep(0)
      task:cancel()
      print(tl.resolve("quick.test")[1])
      while tl.stats().handles > 0 do tl.sleep(0.01) end
      print(#tl.handles() <= 1)]]
    assert.equal("ETIMEDOUT\n10.0.0.1\ntrue\n", out)
  end)

  it("answers many lookups, and releases all descriptors", function()
    local out = run [[
      local tasks, found = {}, 0
      for i = 1, 300 do
        tasks[i] = tl.spawn(function()
          if tl.resolve(("quick.h%d.test"):format(i)) then found = found + 1 end
        end)
      end
      for i = 1, 300 do tasks[i]:join() end
      local left = 0
      for _, row in ipairs(tl.handles()) do
        if row.kind == "watch" then left = left + 1 end
      end
      print(found, left)]]
    assert.equal("300\t0\n", out)
  end)
end)
