-- Connections under load, in this process: queued bytes are bounded or their memory is
-- released, and nothing stays open.
local tl = require "timerlua"
local support = require "tests.support"

local fds_before

before_each(function()
  support.open_timer()
  support.collect()
  fds_before = support.count_fds()
end)

after_each(function()
  tl.run()
  support.collect()
  for _ = 1, 1000 do -- closed connections wait for the end of their peers
    if support.count_fds() == fds_before then break end
    tl.sleep(0.001)
  end
  assert.equal(fds_before, support.count_fds())
end)

local function resident()
  return tonumber(support.read("/proc/self/statm"):match("^%d+ (%d+)")) * 4096
end

describe("a slow reader", function()
  it("has 100 MB queued for it, gets every byte, and the memory is given back", function()
    local size, got = 100 * 2 ^ 20, 0
    local server = assert(tl.listen("127.0.0.1:0", {
      open = function(c)
        local piece = ("x"):rep(2 ^ 20)
        for _ = 1, 100 do assert(c:send(piece)) end
        assert(c:queued() > 80 * 2 ^ 20)
        c:shutdown("send")
      end,
      eof = function(c) c:close() end }))
    local before = resident()
    local c = assert(tl.connect("127.0.0.1:" .. server.port))
    tl.sleep(0.05)
    local peak = resident()
    while true do
      local data = c:receive_some(2 ^ 20)
      if not data then break end
      got = got + #data
    end
    c:close()
    server:close()
    tl.run()
    support.collect()
    assert.equal(size, got)
    if not support.sanitized then -- whose allocator keeps what is freed
      assert.truthy(peak - before > 80 * 2 ^ 20, "nothing was queued")
      assert.truthy(resident() - before < 30 * 2 ^ 20, resident() - before)
    end
  end)
end)

describe("a writer that is faster than its reader", function()
  it("waits above the high-water mark, so that little is queued", function()
    local high, size, most = 2 ^ 18, 32 * 2 ^ 20, 0
    local server = assert(tl.listen("127.0.0.1:0", function(c)
      local piece = ("y"):rep(2 ^ 16)
      for _ = 1, size / #piece do
        assert(c:send(piece))
        most = math.max(most, (c:queued()))
      end
    end, { high = high }))
    local c, got = assert(tl.connect("127.0.0.1:" .. server.port)), 0
    while got < size do
      got = got + #assert(c:receive_some(2 ^ 17))
      if got % 2 ^ 21 == 0 then tl.sleep(0.001) end
    end
    assert.equal("EOF", select(4, c:receive(1)))
    c:close()
    server:close()
    assert.truthy(most <= high + 2 ^ 16, most)
  end)
end)

describe("a port without a listener", function()
  it("refuses a thousand connects at once, each with its cause", function()
    local server = assert(tl.listen("127.0.0.1:0", print))
    local target, refused = "127.0.0.1:" .. server.port, 0
    server:close()
    tl.scope(function(scope)
      for _ = 1, 1000 do
        scope:spawn(function()
          local c, message, code = tl.connect(target)
          assert.is_nil(c)
          assert.equal("connect " .. target .. ": connection refused", message)
          assert.equal("ECONNREFUSED", code)
          refused = refused + 1
        end)
      end
    end)
    assert.equal(1000, refused)
  end)
end)

describe("idle connections", function()
  -- A byte every 20 ms; the limit is thirty times that.
  local PACE = support.sanitized and 0.1 or 0.02

  it("are closed on time by timers that each byte arms again", function()
    local count, closed, early = support.sanitized and 100 or 200, 0, 0
    local server = assert(tl.listen("127.0.0.1:0", {
      open = function(c)
        c.idle = tl.after(PACE * 30, function() c:close() end)
        c.last = tl.now()
      end,
      data = function(c)
        c.idle:reset(PACE * 30)
        c.last = tl.now()
      end,
      close = function(c)
        closed = closed + 1
        if tl.now() - c.last < PACE * 30 then early = early + 1 end
      end }))
    local clients = {}
    for i = 1, count do
      clients[i] = assert(tl.connect("127.0.0.1:" .. server.port))
    end
    for _ = 1, 5 do
      for _, c in ipairs(clients) do assert(c:send("z")) end
      tl.sleep(PACE)
    end
    assert.equal(0, closed)
    for _, c in ipairs(clients) do
      assert.equal("EOF", select(4, c:receive(1)))
      c:close()
    end
    tl.sleep(PACE)
    server:close()
    assert.equal(count, closed)
    assert.equal(0, early)
  end)
end)
