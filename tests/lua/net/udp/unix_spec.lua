-- Datagram sockets with a Unix address.
local datagrams = require "tests.support.datagrams"
local tl = require "timerlua"

local udp, echo, until_true = datagrams.udp, datagrams.echo, datagrams.until_true

describe("tl.udp", function()
  local before

  before_each(function() before = datagrams.begin() end)
  after_each(datagrams.finish)

  describe("with a Unix address", function()
    local path

    before_each(function()
      path = os.tmpname()
      os.remove(path)
    end)

    it("is a file until it is closed", function()
      local server = udp("unix:" .. path)
      local client = udp("unix:")
      assert.equal("unix:" .. path, server:sock())
      assert.truthy(client:sock():find("^unix:@%x+$"), client:sock())
      assert.equal(2, client:send("hi", server:sock()))
      assert.same({ "hi", client:sock() }, { server:receive() })
      server:close()
      assert.is_nil(io.open(path))
      local _, err, code = client:send("hi", "unix:" .. path)
      assert.same({ "no such file or directory", "ENOENT" }, { err, code })
    end)

    it("reports a datagram that is too long by its length", function()
      local server, client = udp("unix:" .. path), udp("unix:", nil, { sndbuf = 400000 })
      local told
      local flowing = udp("unix:@" .. path, { data = echo,
        error = function(_, ...) told = { ... } end })
      assert.equal(100001, client:send(("x"):rep(100001), server:sock()))
      client:send("next", server:sock())
      assert.same({ nil, "a datagram of 100001 bytes is longer than 65536", "EMSGSIZE" },
        { server:receive() })
      assert.equal("next", (server:receive()))
      assert.equal(65536, client:send(("x"):rep(65536), server:sock()))
      assert.equal(65536, #server:receive())
      local task = tl.spawn(function() return server:receive() end)
      tl.sleep(0)
      client:send(("x"):rep(70000), server:sock())
      assert.same({ nil, "a datagram of 70000 bytes is longer than 65536", "EMSGSIZE" },
        { task:join() })
      client:send(("x"):rep(65537), flowing:sock())
      until_true(function() return told end)
      assert.same({ "a datagram of 65537 bytes is longer than 65536", "EMSGSIZE" }, told)
    end)

    -- It is the receiver's queue that is full, net.unix.max_dgram_qlen.
    local function fill(client, ...)
      client:settimeout(0.005)
      local sent = 0
      while true do
        local ok, err, code = client:send(sent, ...)
        if not ok then return sent, err, code end
        sent = sent + 1
      end
    end

    it("waits for room, connected and not", function()
      for _, connected in ipairs { true, false } do
        local server, client = udp("unix:"), udp("unix:")
        local to = server:sock()
        if connected then assert.is_true(client:connect(to)) end
        if connected then to = nil end
        local sent, err, code = fill(client, to)
        assert.same({ "timeout", "ETIMEDOUT" }, { err, code })
        assert.is_true(sent > 1)
        client:settimeout(5)
        local tasks = {}
        for i = 0, 2 do
          tasks[i] = tl.spawn(function() return client:send(sent + i, to) end)
        end
        tl.sleep(0.002)
        local got = {}
        for _ = 1, sent + 3 do got[#got + 1] = tonumber((server:receive())) end
        for i = 0, 2 do assert.is_number((tasks[i]:join())) end
        table.sort(got)
        for i = 1, sent + 3 do assert.equal(i - 1, got[i]) end
      end
    end)

    it("stops waiting for room when the task is cancelled, or it is closed", function()
      local server, client = udp("unix:"), udp("unix:")
      client:connect(server:sock())
      fill(client)
      client:settimeout(nil)
      assert.same({ nil, "timeout", "ETIMEDOUT" },
        { tl.timeout(0.005, function() return client:send("x") end) })
      assert.equal(before.active + 1, tl.stats().active)
      local task = tl.spawn(function() return client:send("x") end)
      tl.sleep(0.002)
      client:close()
      assert.same({ nil, "closed", "EBADF" }, { task:join() })
    end)
  end)
end)
