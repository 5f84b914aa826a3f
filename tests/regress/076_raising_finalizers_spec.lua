-- An error that a finalizer raised went through the dispatcher wherever it happened to
-- request memory, and destroyed the work in progress there.
local support = require "tests.support"

-- Interpreted: LuaJIT itself crashes where compiled code is left, see
-- docs/embedding.md.
local SCRIPT = [[
  jit.off()
  local tl = require "timerlua"
  tl.clock.virtual()
  local told, ticks, wakes, received, sent = 0, 0, 0, 0, 0
  tl.on("error", function(err)
    told = told + (tostring(err):find "spoilt" and 1 or 0)
  end)
  local spoiling = tl.every("1ms", function()
    for _ = 1, 20 do
      getmetatable(newproxy(true)).__gc = function() error "spoilt" end
    end
  end)
  tl.every("10ms", function() ticks = ticks + 1 end)
  -- errors raised in the script's own code are for the script to catch
  local function try(fn, ...) return (pcall(fn, ...)) end
  tl.spawn(function()
    while true do
      try(tl.sleep, "5ms")
      wakes = wakes + 1
    end
  end)
  local l = assert(tl.listen("127.0.0.1:0", {
    data = function(_, bytes) received = received + #bytes end }))
  local a = assert(tl.connect(l:sock()))
  tl.every("2ms", function()
    if try(a.send, a, "0123456789") then sent = sent + 10 end
    try(tl.spawn, tl.sleep, "1ms")
  end)
  tl.after(1, function()
    spoiling:cancel()
    repeat until try(collectgarbage)
    tl.sleep("10ms")
    print(told > 100, ticks >= 99, wakes >= 200, sent > 4000, received >= sent)
    os.exit(0)
  end)]]

describe("finalizers that raise errors", function()
  it("ended innocent timers and tasks, and the program", function()
    local r = support.run(SCRIPT, { timeout = 30 })
    assert.equal("", r.err)
    assert.equal("true\ttrue\ttrue\ttrue\ttrue\n", r.out)
    assert.equal(0, r.code)
  end)
end)
