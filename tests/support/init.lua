-- Shared by the specs: running the program, counting descriptors, waiting.
local ffi = require "ffi"
local luassert = require "luassert"

ffi.cdef "int fcntl(int fd, int command, ...);"
local F_GETFD = 1

local support = {}

support.program = assert(os.getenv("TIMERLUA"), "run the specs by tests/run")
support.build = assert(os.getenv("BUILD"))
support.sanitized = os.getenv("SANITIZE") == "1"
support.interpreted = os.getenv("JIT") == "off"

function support.quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

function support.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function support.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

--- A new file name for this test; the caller removes it.
function support.temporary(text)
  local path = os.tmpname()
  if text then support.write(path, text) end
  return path
end

--- Run a shell command, bounded in time. Returns a table: out, err, code (124
--- when it took too long; 128 + n when ended by signal n).
function support.shell(command, options)
  options = options or {}
  local out, err = os.tmpname(), os.tmpname()
  local line = ("LD_PRELOAD= timeout %d sh -c %s >%s 2>%s </dev/null; echo $?"):format(
    options.timeout or 30, support.quote(command), out, err)
  local pipe = assert(io.popen(line))
  local code = tonumber(pipe:read("*a"))
  pipe:close()
  local result = { out = support.read(out), err = support.read(err), code = code }
  os.remove(out)
  os.remove(err)
  return result
end

--- Run the program with a list of arguments, or one of Lua code.
function support.run(arguments, options)
  options = options or {}
  if type(arguments) == "string" then arguments = { "-e", arguments } end
  local words = { support.program }
  for _, word in ipairs(arguments) do words[#words + 1] = support.quote(word) end
  local command = table.concat(words, " ")
  if options.stdin then
    local path = support.temporary(options.stdin)
    local result = support.shell((options.before or "") .. command .. " <" .. path, options)
    os.remove(path)
    return result
  end
  return support.shell((options.before or "") .. command, options)
end

--- The open descriptors of this process below 4096, asked of the kernel one by one: a
--- listing by another process might also contain the pipe to that process.
function support.count_fds()
  local count = 0
  for fd = 0, 4095 do
    if ffi.C.fcntl(fd, F_GETFD) >= 0 then count = count + 1 end
  end
  return count
end

--- Have the loop open its timerfd, which happens only in a wait that is not over before
--- it begins.
function support.open_timer()
  local tl = require "timerlua"
  while tl.stats().timerfd_sets == 0 do tl.sleep(0.01) end
end

--- Collect garbage until nothing more is found.
function support.collect()
  for _ = 1, 3 do collectgarbage("collect") end
end

--- The message that `call` raises, with HERE for the file and line of `call`.
function support.raised(call)
  local ok, message = pcall(call)
  if ok then error("nothing was raised", 2) end
  local info = debug.getinfo(call, "S")
  local here = ("%s:%d: "):format(info.short_src, info.linedefined)
  if message:sub(1, #here) == here then message = "HERE: " .. message:sub(#here + 1) end
  return message
end

--- Seeds for a random test: TEST_SEED=n repeats a run.
function support.seeds(count)
  local given = tonumber(os.getenv("TEST_SEED"))
  if given then return { given } end
  local seeds, first = {}, os.time()
  for i = 1, count do seeds[i] = first + i end
  return seeds
end

-- Runs before scripts on virtual time, where every wait takes no time and nothing can
-- be late; the scripts report events by `say`, and `clock()` is seconds since the
-- start.
local PRELUDE = [[
local tl = require "timerlua"
local start = tl.now()
local function clock() return math.floor((tl.now() - start) * 1e6 + 0.5) / 1e6 end
local function say(...)
  local words = { n = select("#", ...), ... }
  for i = 1, words.n do words[i] = tostring(words[i]) end
  io.write(table.concat(words, " "), "\n")
end
]]

--- Run a script in virtual time.
function support.run_script(code)
  return support.run({ "--virtual-time", "-e", PRELUDE .. code }, { timeout = 10 })
end

--- Run a script that is expected to say these lines, without an error.
function support.assert_says(lines, code)
  local r = support.run_script(code)
  luassert.equal("", r.err)
  local said = {}
  for line in r.out:gmatch("([^\n]*)\n") do said[#said + 1] = line end
  luassert.same(lines, said)
  luassert.equal(0, r.code)
end

--- How often a pattern occurs in the output on standard error.
function support.count(text, r)
  return select(2, r.err:gsub(text, ""))
end

--- Run code that has `tl`, and expect exactly this output.
function support.says(expected, code, options)
  local r = support.run('local tl = require "timerlua"\n' .. code, options)
  luassert.equal("", r.err)
  luassert.equal(expected, r.out)
  luassert.equal(0, r.code)
end

return support
