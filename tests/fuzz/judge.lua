-- The judge of errors. Everything that the API raises must be one of these:
--
--   the interruption of a task
--   an error that the run itself raised, in a callback or in a metamethod
--   "tests/fuzz/...:LINE: timerlua.FUNCTION: RULE": told at the line that called
--   "tests/fuzz/...:LINE: OPERATION: CAUSE (ECODE)": an iterator's, which cannot return it
--   the end of memory or of the stack
--
-- Anything else was not meant for a script: an error of timerlua's own.
local tl = require "timerlua"

local judge = { problems = 0, reports = 0 }

local BY_CHANCE = "by chance" -- in each text that the run raises
local values = setmetatable({}, { __mode = "k" }) -- what it raises besides texts
local told = {}

--- Note an object as one that the run raises.
function judge.own(value)
  values[value] = true
  return value
end

--- A text for the run to raise.
function judge.own_text(text)
  return text .. " " .. BY_CHANCE
end

local function is_own(err)
  local kind = type(err)
  if kind == "string" then return err:find(BY_CHANCE, 1, true) ~= nil end
  return kind == "number" or kind == "boolean" or kind == "nil" or values[err] == true
end

-- Without a position when C called, and with one more for each coroutine.wrap around it.
local function is_misuse(err)
  local message = err:gsub("^[^\n:]*tests/fuzz/[%w_/]+%.lua:%d+: ", "")
  while message ~= err do
    err, message = message, message:gsub("^[^\n:]*tests/fuzz/[%w_/]+%.lua:%d+: ", "")
  end
  return message:find "^timerlua%.[%w_.:]+: " ~= nil or message:find "^%S+: .*%(E%u+%)$" ~= nil
end

local function is_exhaustion(err)
  return err:find("not enough memory", 1, true) or err:find("stack overflow", 1, true)
    or err:find("C stack overflow", 1, true)
end

--- Whether an error is one that a script may see.
function judge.is_proper(err)
  if is_own(err) or tl.is_cancelled(err) or tl.is_timeout(err) then return true end
  return type(err) == "string" and (is_misuse(err) or is_exhaustion(err)) and true
end

local function text_of(err)
  local ok, text = pcall(tostring, err)
  return ok and type(text) == "string" and text or "(a " .. type(err) .. " without a text)"
end

--- Note that something is wrong; of equal things, the first.
function judge.problem(text)
  local key = text:gsub("0x%x+", "?"):gsub("%d+", "#")
  if told[key] then return end
  told[key] = true
  judge.problems = judge.problems + 1
  io.stdout:write("PROBLEM: ", text, "\n")
  io.stdout:flush()
end

--- Judge an error that something raised.
--- @param source string the action
function judge.error(source, err)
  if not judge.is_proper(err) then
    judge.problem(("%s raised %s"):format(source, text_of(err)))
  end
end

-- The reports that nothing raised: a task catches its interruption again and again, or a
-- connection without an error callback could not be made or broke.
local function is_report(err)
  return type(err) == "string" and (err:find("waits in a row have raised this", 1, true)
    or err:find "^%l+ %S+: %l") and true
end

--- Judge the errors that are reported, too.
function judge.listen()
  return tl.on("error", function(err, traceback, source)
    judge.reports = judge.reports + 1
    if judge.is_proper(err) or is_report(err) then return end
    judge.problem(("the report of a %s says %s\n%s"):format(
      tostring(source and source.kind), text_of(err), tostring(traceback)))
  end)
end

return judge
