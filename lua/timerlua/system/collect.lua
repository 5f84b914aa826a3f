-- Running a program to its end in one call: its input is given, its output collected.
local buffers = require "string.buffer"
local check = require "timerlua.core.check"
local entries = require "timerlua.core.entries"
local exec = require "timerlua.system.exec"
local misuse = require "timerlua.core.misuse"
local options = require "timerlua.net.options"
local task = require "timerlua.task.task"
local timeout = require "timerlua.task.timeout"

local KNOWN = check.names(exec.options, "input limit")
local LIMIT = 64 * 2 ^ 20 -- bytes of output
local AFTER_EXIT = 1      -- seconds that output may take to end after the program
local PIECE = 65536

local collect = {}

--- @class timerlua.Result: timerlua.Status
--- @since 0.1
--- @field stdout string? the output; nil if stdout is not a pipe
--- @field stderr string? as stdout
--- @field open boolean the output had not ended 1 s after the program: a child of the
---   program still has it open

-- Continuing makes no sense: keep the first reason.
local function give_up(state, message, code)
  if not state.message then
    state.message, state.code = message, code
    state.process:stop()
  end
end

-- Read a stream to its end, or until there is too much output.
local function read(state, conn, name)
  local buffer = buffers.new()
  state.buffers[conn] = buffer
  while true do
    local count, message, _, code = conn:receive_into(buffer, PIECE)
    if not count then
      if code ~= "EOF" then give_up(state, ("%s: %s"):format(name, message), code) end
      break
    end
    state.total = state.total + count
    if state.total > state.limit then
      give_up(state, ("more than %d bytes of output"):format(state.limit), "EMSGSIZE")
      break
    end
  end
  conn:close()
end

-- A program that closes its input early wants no more of it.
local function write(state, conn, input)
  local sent, message, _, code = conn:send(input)
  if sent then
    sent, message, code = conn:flush()
  end
  if not sent and code ~= "EPIPE" then give_up(state, "stdin: " .. message, code) end
  conn:close()
end

local function begin(state, input)
  local p = state.process
  for _, name in ipairs { "stdout", "stderr" } do
    if p[name] then table.insert(state.readers, task.spawn(read, state, p[name], name)) end
  end
  if input then state.writer = task.spawn(write, state, p.stdin, input) end
end

local function join_readers(state)
  for _, reader in ipairs(state.readers) do reader:join() end
  return true
end

-- Wait until the program and its output have ended. Raises when interrupted.
local function await(state)
  local status, message, code = state.process:wait()
  if not status then return nil, message, code end
  state.open = not timeout.timeout(AFTER_EXIT, join_readers, state)
  return status
end

local function close_all(state)
  local p = state.process
  for _, reader in ipairs(state.readers) do reader:cancel() end
  if state.writer then state.writer:cancel() end
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    if p[name] then p[name]:close() end
  end
end

local function text_of(state, conn)
  local buffer = conn and state.buffers[conn]
  return buffer and buffer:tostring() or conn and "" or nil
end

local function result_of(state, status)
  local p, result = state.process, { open = state.open }
  for key, value in entries(status) do result[key] = value end
  result.stdout, result.stderr = text_of(state, p.stdout), text_of(state, p.stderr)
  return result
end

local function finish(state, ok, status, message, code)
  local name = "run " .. state.process.argv[1]
  close_all(state)
  if not ok or not status then state.process:stop() end
  if not ok then error(status, 0) end
  if not status then return nil, ("%s: %s"):format(name, message), code end
  local result = result_of(state, status)
  if not state.message then return result end
  return nil, ("%s: %s"):format(name, state.message), state.code, result
end

local function settings(opts)
  local copy = {}
  for name, value in entries(opts) do copy[name] = value end
  if copy.input ~= nil then
    if type(copy.input) ~= "string" then
      misuse.got("run", "option input must be a string", copy.input)
    elseif copy.stdin ~= nil then
      misuse.raise("run", "options input and stdin exclude each other")
    end
    copy.stdin = "pipe"
  end
  for name, default in entries { stdin = "null", stdout = "pipe", stderr = "pipe" } do
    if copy[name] == nil then copy[name] = default end
  end
  if copy.stdin == "pipe" and not copy.input then
    misuse.raise("run", 'option stdin must not be "pipe": use input')
  end
  return copy
end

--- @class timerlua.RunOptions: timerlua.ExecOptions by default `stdout` and `stderr` are "pipe",
---   and `stdin` is "null"
--- @since 0.1
--- @field input? string the program's standard input
--- @field limit? number bytes of output in total; default 64 MiB; beyond it the program is
---   ended

--- tl.run with arguments; see init.lua.
--- @param argv string[]
--- @param opts? timerlua.RunOptions
--- @return timerlua.Result? result
--- @return string? message
--- @return string? code
--- @return timerlua.Result? partial
function collect.run(argv, opts)
  local caller = misuse.caller()
  opts = settings(check.options("run", opts, KNOWN))
  local limit = options.bytes("run", opts, "limit", LIMIT)
  local p, message, code = exec.start("run", argv, opts, caller)
  if not p then return nil, message, code end
  local state = { process = p, limit = limit, total = 0, buffers = {}, readers = {}, open = false }
  begin(state, opts.input)
  return finish(state, pcall(await, state))
end

return collect
