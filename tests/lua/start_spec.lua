-- What a script loads when it starts: the modules that every script needs.
local support = require "tests.support"

local function loaded_by(code)
  local r = support.run(code .. [[

    for name in pairs(package.loaded) do
      if name:find("^timerlua") then print(name) end
    end]])
  assert.equal("", r.err)
  local loaded = {}
  for name in r.out:gmatch("%S+") do loaded[name] = true end
  assert.is_true(loaded["timerlua.loop.timer"])
  return loaded
end

describe("a script", function()
  local NEEDED_BY = {
    ["timerlua.net.connection.making"] = "local conn = tl.stderr",
    ["timerlua.system.process"] = "local exec = tl.exec",
    ["timerlua.loop.paced"] = "local debounce = tl.debounce",
    ["timerlua.loop.watch"] = "local watch = tl.watch",
    ["timerlua.system.notify"] = "local notify = tl.notify",
    ["timerlua.task.channel"] = "local channel = tl.channel",
    ["timerlua.calendar.zone"] = "local zone = tl.zone",
    ["timerlua.calendar.fields"] = "local schedule = tl.schedule",
    ["timerlua.task.scope"] = "local scope = tl.scope",
    ["timerlua.system.signal"] = "local signal = tl.signal",
  }

  for name, use in pairs(NEEDED_BY) do
    it("loads " .. name .. " when it is asked for", function()
      assert.is_nil(loaded_by('local tl = require "timerlua" tl.after(0, function() end)')[name])
      assert.is_true(loaded_by('local tl = require "timerlua" ' .. use)[name])
    end)
  end
end)
