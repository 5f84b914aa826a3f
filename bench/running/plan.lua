-- What a run will do: a part for each workload, with its rows, their commands, how
-- often each is run, and notes about the rows that are left out.

local find_peer = require "running.peers"
local shell = require "running.shell"
local workloads = require "running.workloads"

local plan = {}

local function command_of(workload, row, peer)
  if workload.mode then
    local mode = row.mode or workload.mode
    return ("luajit bench/load.lua %s %s %s"):format(
      workload.of or workload.name, workload.mode, shell.quote(peer.server .. " " .. mode))
  end
  if workload.name == "M1" then
    return shell.built "bench/spawn" .. " "
      .. (row.code and peer.code .. shell.quote(row.code) or peer.workloads .. " M1")
  end
  local name = peer.one_workload and "" or workload.of or workload.name
  return ("%s %s %s"):format(peer.workloads, name, row.args or "")
end

-- What a workload needs beside its peers, or why it cannot run.
local function prepare(workload)
  local needs = workload.needs
  if needs and not shell.succeeds("command -v " .. needs) then
    return "skipped, no " .. needs
  end
  if workload.name == "M1" then shell.compile("spawn", "") end
  if workload.mode then shell.compile("sockets_client", "") end
end

local function part_of(workload, options)
  local rows, notes, told = {}, {}, {}
  local part = { workload = workload, rows = rows, notes = notes,
    times = options.runs * (workload.times or 1) }
  notes[1] = prepare(workload)
  if notes[1] then return part end
  for _, row in ipairs(workload.rows) do
    local name, wanted = row[1], options.peers
    local peer = (not wanted or wanted[name]) and find_peer(name)
    if peer and not peer.missing then
      rows[#rows + 1] = {
        name = name .. (row.label and ", " .. row.label or ""),
        peer = name, label = row.label, command = command_of(workload, row, peer),
        is_c = peer.is_c, seen = {}, seconds = 0, runs = 0,
      }
    elseif peer and not told[name] then
      notes[#notes + 1] = ("%s: skipped, %s"):format(name, peer.missing)
      told[name] = true
    end
  end
  return part
end

-- The workloads of these names, or all; nil and the name that none has.
function plan.choose(names)
  if #names == 0 then return workloads end
  local list, by_name = {}, {}
  for _, workload in ipairs(workloads) do by_name[workload.name] = workload end
  for _, name in ipairs(names) do
    if not by_name[name] then return nil, name end
    list[#list + 1] = by_name[name]
  end
  return list
end

-- `options`: `runs` of each row, and `peers`, whose names are keys, or nil for all.
function plan.of(chosen, options)
  local parts = {}
  for i, workload in ipairs(chosen) do parts[i] = part_of(workload, options) end
  return parts
end

return plan
