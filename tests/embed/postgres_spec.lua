-- PostgreSQL with the runtime in a background worker: scripts/embed/postgres_worker.c,
-- run by a server of the spec's own.
local examples = require "tests.support.examples"
local server = require "tests.support.server"
local support = require "tests.support"

local found = support.shell("test -f $(pg_config --includedir-server)/postgres.h"
  .. " && test -x $(pg_config --bindir)/postgres").code == 0
if support.sanitized or not found then
  -- other projects' programs cannot load a library that is sanitized
  pending("PostgreSQL needs make deps-hosts, and no sanitizer")
  return
end

local programs = support.shell("pg_config --bindir").out:gsub("%s+$", "")
local folder, as_user
local running -- the server of the running test

local function done(command)
  local r = support.shell(command, { timeout = 300 })
  assert.equal(0, r.code, r.err)
end

-- The server does not run as root, and its user need not see the build.
setup(function()
  local built = examples.install "postgres"
  built:build "postgres_worker"
  folder = support.temporary()
  os.remove(folder)
  done(("mkdir %s && cp %s/embed/timerlua_worker.so %s/lib/libtimerlua.so.0 %s"):format(
    folder, built.home, built.prefix, folder))
  as_user = "env LD_LIBRARY_PATH=" .. folder
  if support.shell("id -u").out == "0\n" then
    as_user = "setpriv --reuid=postgres --regid=postgres --clear-groups " .. as_user
    done("chown postgres " .. folder)
  end
  done(("%s %s/initdb -D %s/data -A trust -U postgres --no-sync --locale=C -E UTF8"):format(
    as_user, programs, folder))
end)

after_each(function()
  if running then running:stop "QUIT" end
  running = nil
end)

teardown(function() support.shell("rm -rf " .. folder) end)

-- A server whose worker runs this script.
local function start(script)
  local path = folder .. "/script.lua"
  support.write(path, script)
  done("chmod a+r " .. path)
  local postgres = server.command(("%s %s/postgres -D %s/data -k %s -c listen_addresses="
    .. " -c fsync=off -c 'dynamic_library_path=%s:$libdir'"
    .. " -c shared_preload_libraries=timerlua_worker -c timerlua.script=%s"):format(
    as_user, programs, folder, folder, folder, path))
  running = postgres
  postgres:await "ready to accept connections"
  return postgres
end

local function query(text)
  local r = support.shell(("%s/psql -h %s -U postgres -AtX -c %s"):format(programs, folder,
    support.quote(text)))
  assert.same({ "", 0 }, { r.err, r.code }, text)
  return (r.out:gsub("\n$", ""))
end

local function await(what, text)
  server.await(what, function() return query(text) == "t" end)
end

-- A fast shutdown, which workers end in good order.
local function stop(postgres)
  running = nil
  local r = postgres:stop "INT"
  assert.equal(0, r.code)
  assert.is_nil(r.err:find('worker "timerlua"[^\n]*terminated by signal'))
  return r.err
end

describe("a PostgreSQL server with a worker", function()
  it("runs jobs on their grid, and lists what came of them", function()
    local postgres = start(support.read "scripts/embed/postgres_jobs.lua")
    await("table", "SELECT to_regclass('runs') IS NOT NULL")
    query [[INSERT INTO jobs VALUES ('count', '50ms', 'SELECT 1 UNION SELECT 2'),
      ('fail', '50ms', 'SELECT 1/0'), ('misspelt', '5 parsecs', 'SELECT 1'),
      ('end', '50ms', 'COMMIT')]]
    await("runs", "SELECT count(*) >= 20 FROM runs WHERE job = 'count'")
    query "DELETE FROM jobs WHERE name = 'count'"

    local ticks, seconds = query([[SELECT count(*) + sum(missed) - 1,
      extract(epoch FROM max(ended) - min(ended)) FROM runs WHERE job = 'count']])
      :match("^(%d+)|([%d.]+)$")
    assert.is_true(math.abs(ticks - seconds / 0.05) <= 3, ticks .. " ticks in " .. seconds)
    assert.equal("2|t", query [[SELECT min(changed), bool_and(error IS NULL) FROM runs
      WHERE job = 'count']])
    assert.equal("division by zero", query "SELECT DISTINCT error FROM runs WHERE job = 'fail'")
    assert.equal("SPI_ERROR_TRANSACTION: not a command for a script",
      query "SELECT DISTINCT error FROM runs WHERE job = 'end'")
    assert.truthy(query("SELECT error FROM runs WHERE job = 'misspelt'")
      :find('timerlua.every: period must be .* got "5 parsecs"'))
    stop(postgres)
  end)

  it("lets the script end in good order when the server shuts down", function()
    local jobs = support.read "scripts/embed/postgres_jobs.lua"
    local postgres = start(jobs)
    await("table", "SELECT to_regclass('runs') IS NOT NULL")
    query "TRUNCATE runs"
    assert.is_nil(stop(postgres):find('worker "timerlua"', 1, true)) -- it ended with status 0
    postgres = start(jobs)
    assert.equal("PostgreSQL shuts down", query "SELECT error FROM runs WHERE job = 'all jobs'")
    stop(postgres)
  end)

  it("logs the script's errors, and begins again after a jump out of a message", function()
    local postgres = start [[
      local tl = require "timerlua"
      print(("begun with %s"):format(sql("SELECT $1::text AS word", "yes")[1].word))
      print(sql("SELECT missing", nil))
      tl.every("20ms", function() sql({}) end)
      tl.every("20ms", function(timer)
        local till = tl.now() + 0.01
        while tl.now() < till do end
        print("tick")
      end)]]
    postgres:await("LOG:  timerlua: begun with yes.*timerlua: nil\t"
      .. "column \"missing\" does not exist\t42703.*bad argument #1 to 'sql'.*timerlua: tick")
    assert.equal("t", query [[SELECT pg_cancel_backend(pid) FROM pg_stat_activity
      WHERE backend_type = 'timerlua']])
    postgres:await "ERROR:  canceling statement.*begun with yes.*timerlua: tick"
    stop(postgres)
  end)

  it("begins a worker again, and nothing else, after any status but 0", function()
    local postgres = start [[
      print "begun"
      require("timerlua").after("50ms", function() require("timerlua").stop(3) end)]]
    postgres:await("timerlua: begun.*timerlua: the script ended with status 3.*"
      .. "exited with exit code 1\n.*timerlua: begun")
    assert.equal("1", query "SELECT 1")
    assert.is_nil(stop(postgres):find("terminating any other active server processes", 1, true))
  end)

  it("tells of a step that failed, and begins the worker again", function()
    local postgres = start(examples.SPOILED)
    postgres:await("timerlua: begun.*FATAL:  timerlua: [^\n]*ad file descriptor.*timerlua: begun")
    assert.equal("1", query "SELECT 1")
    stop(postgres)
  end)

  it("gets a script's numbers exactly, and tells of bad parameters", function()
    local postgres = start [[
      local function refusal(...) return (select(2, pcall(sql, ...))) end
      for _, number in ipairs { 1e14, -2 ^ 53, -0.0 } do
        print("bigint " .. sql("SELECT $1::bigint AS n", number)[1].n)
      end
      print("text " .. sql("SELECT $1 AS n", 0.1)[1].n)
      for _, number in ipairs { 1 / 3, 1e300, -1 / 0 } do
        print(tonumber((sql("SELECT $1::float8 AS n", number)[1].n:gsub("inity", ""))) == number)
      end
      local words = {}
      for i = 1, 17 do words[i] = "x" end
      print(#sql("SELECT $16", unpack(words, 1, 16)))
      print(refusal("SELECT 1", unpack(words)))
      print(refusal("SELECT $1", "a\0b"))
      print(refusal("SELECT 1\0 FROM none"))
      print(refusal(nil))
      print "end"]]
    postgres:await "timerlua: end\n"
    local said = {}
    for text in stop(postgres):gmatch("LOG:  timerlua: ([^\n]*)") do said[#said + 1] = text end
    assert.same({ "bigint 100000000000000", "bigint -9007199254740992", "bigint 0", "text 0.1",
      "true", "true", "true", "1", "bad argument #18 to '?' (at most 16 parameters, got 17)",
      "bad argument #2 to '?' (a text of PostgreSQL has no zero byte)",
      "bad argument #1 to '?' (a text of PostgreSQL has no zero byte)",
      "bad argument #1 to '?' (string expected, got nil)", "end" }, said)
  end)

  it("goes on without a script that cannot be read", function()
    local postgres = start "this is no Lua"
    postgres:await "FATAL:  timerlua: [^\n]*script.lua:1: '=' expected near 'is'"
    assert.equal("1", query "SELECT 1")
    stop(postgres)
  end)
end)
