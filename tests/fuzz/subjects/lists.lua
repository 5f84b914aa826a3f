-- What lists and counts, and the collector.
local limits = require "timerlua.limits"
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"

local add = actions.of "lists"

add(2, "handles", function()
  local texts = {}
  for i, row in ipairs(tl.handles()) do
    texts[i] = tostring(row.handle) .. tostring(row.site) .. tostring(row.name)
  end
  return texts
end)

add(1, "stats", function() return tl.stats().lateness.quantile(chance.to(100) / 100) end)

add(1, "limits", function() return limits.nofile() end)

add(1, "unknown function", function()
  return tl[chance.of { "evry", "setTimeout", "nothing like it", 1 }]
end)

add(1, "collect", function() collectgarbage(chance.of { "collect", "step" }) end)
