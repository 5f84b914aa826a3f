-- For postgres_worker.c: jobs inside PostgreSQL, at periods far below a second, that keep
-- their grid. INSERT INTO jobs VALUES ('purge', '500ms', 'DELETE FROM ...') begins one, an
-- UPDATE changes it, a DELETE ends it; the table runs tells what came of each.
local tl = require "timerlua"

-- luacheck: globals sql
assert(sql [[CREATE TABLE IF NOT EXISTS jobs
  (name text PRIMARY KEY, period text NOT NULL, command text NOT NULL)]])
assert(sql [[CREATE TABLE IF NOT EXISTS runs
  (job text, ended timestamptz DEFAULT now(), missed int, changed bigint, error text)]])

local jobs = {} -- by name: the row, and its timer

local function note(name, missed, outcome, message)
  local rows = type(outcome) == "table" and #outcome or outcome
  local ok, why = sql("INSERT INTO runs (job, missed, changed, error)"
    .. " VALUES ($1, $2::int, $3::bigint, $4)", name, missed, rows, message)
  if not ok then print(name .. ": " .. why) end
end

local function run(timer, job)
  note(job.name, timer.missed, sql(job.command))
end

local function begin(job)
  local ok, timer = pcall(tl.every, job.period, run, job)
  if ok then return timer end
  note(job.name, 0, nil, timer) -- a period that is none
end

local function read_jobs()
  local listed = {}
  for _, job in ipairs(assert(sql "SELECT name, period, command FROM jobs")) do
    local known = jobs[job.name]
    if known and known.period == job.period and known.command == job.command then
      job = known
    else
      job.timer = begin(job)
    end
    listed[job.name] = job
  end
  for name, job in pairs(jobs) do
    if listed[name] ~= job and job.timer then job.timer:cancel() end
  end
  jobs = listed
end

tl.every("100ms", read_jobs)
tl.on("stop", function() note("all jobs", 0, nil, "PostgreSQL shuts down") end)
