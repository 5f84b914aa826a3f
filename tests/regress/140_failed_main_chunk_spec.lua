-- A script whose main chunk failed half-way lived on with what it had set up by then, for
-- ever: its supervisor never began it anew.
local support = require "tests.support"

local function run(code, option)
  return support.run({ "--virtual-time", option or "--slack=0", "-e",
    'local tl = require "timerlua"\n' .. code }, { timeout = 10 })
end

describe("an error in the main chunk", function()
  it("ends a script that would go on for ever, with status 1", function()
    local r = run [[
      server = tl.listen("127.0.0.1:0", function() end)
      tl.every(0.5, function() end)
      print(cfg.port)]]
    assert.truthy(r.err:find("^timerlua: [^\n]*:4: attempt to index global 'cfg'"), r.err)
    assert.same({ "", 1 }, { r.out, r.code })
  end)

  it("runs the stop handlers, and all else until they have returned", function()
    local r = run [[
      tl.on("stop", function(reason, code)
        print(reason, code)
        tl.sleep(2)
        print "saved"
      end)
      tl.every(1, function(timer) print("tick " .. timer.runs) end)
      tl.sleep(1.5)
      error "broken"]]
    assert.same({ "tick 1\nerror\tnil\ntick 2\ntick 3\nsaved\n", 1 }, { r.out, r.code })
  end)

  it("cuts handlers that take longer than the grace", function()
    local r = run([[tl.on("stop", function() tl.sleep(9) end) error "broken"]], "--stop-grace=2s")
    assert.truthy(r.err:find("the stop handlers took more than 2 s", 1, true), r.err)
    assert.equal(1, r.code)
  end)

  it("leaves another status to tl.stop in a handler", function()
    assert.equal(7, run([[tl.on("stop", function() tl.stop(7) end) error "broken"]]).code)
  end)

  it("ends the script, too, when a handler takes the error", function()
    local r = run [[
      tl.on("error", function(err) tl.sleep(1) print(err) end)
      tl.every(0.6, function() end)
      error("taken", 0)]]
    assert.same({ "taken\n", "", 1 }, { r.out, r.err, r.code })
  end)

  it("in a module of -l ends the script", function()
    local r = support.run({ "-l", "no_such_module", "-e", "print 'ran'" })
    assert.same({ "", 1 }, { r.out, r.code })
  end)

  it("that a deferred function of its raises does not end what goes on", function()
    local r = run [[
      tl.defer(error, "broken", 0)
      tl.after(1, print, "went on")]]
    assert.truthy(r.out:find("went on", 1, true), r.out)
    assert.equal(1, r.code)
  end)
end)
