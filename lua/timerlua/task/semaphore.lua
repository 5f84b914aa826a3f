-- Semaphores: a bound on the number of tasks that do something at a time.
--
-- A permit that is released while tasks wait is handed to the first of them, and to the
-- next if the first is cancelled before it runs.
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local misuse = require "timerlua.core.misuse"
local rethrow = require "timerlua.task.rethrow"
local wait = require "timerlua.task.wait"
local waiters = require "timerlua.task.waiters"

local semaphore = {}

--- @class timerlua.Semaphore
--- @since 0.1
local Semaphore = {}
Semaphore.__index = Semaphore

function Semaphore.__tostring(self)
  return ("timerlua.Semaphore: %d of %d free"):format(self.free, self.permits)
end

-- The permit that a task leaves behind when it is cancelled before it runs.
local Handed = {}
Handed.__index = Handed

--- Make a semaphore: at most `permits` tasks hold a permit at a time.
--- @param permits integer >= 1
--- @return timerlua.Semaphore semaphore
function semaphore.semaphore(permits)
  check.integer("semaphore", "permits", permits, 1)
  local self = setmetatable({ permits = permits, free = permits,
    waiting = waiters.new() }, Semaphore)
  self.handed = setmetatable({ semaphore = self }, Handed)
  return self
end

local check_self = check.self_of(Semaphore, "semaphore", "a semaphore")

local function give_back(self)
  local waiting = self.waiting
  for waiter in waiting.take, waiting do
    if wait.wake(waiter, true) then
      waiter.list = self.handed
      return
    end
  end
  self.free = self.free + 1
end

function Handed:remove() give_back(self.semaphore) end

local function acquire(self, where)
  if self.free > 0 then
    self.free = self.free - 1
    return true
  end
  local waiter = wait.begin(where)
  self.waiting:add(waiter)
  if wait.suspend(waiter) == true then return true end
  return nil, "acquire: the loop ended", "ECANCELED"
end

--- Wait for a permit and take it. First come, first served.
--- @return boolean? acquired true
--- @return string? message
--- @return string? code "ECANCELED": the loop ended first, in the main chunk of a plain luajit
function Semaphore:acquire()
  check_self(self, "acquire")
  return acquire(self, "semaphore:acquire")
end

--- Take a permit if one is free; does not wait.
--- @return boolean acquired false when none is free
function Semaphore:try_acquire()
  check_self(self, "try_acquire")
  if self.free == 0 then return false end
  self.free = self.free - 1
  return true
end

--- Give a permit back, in any task.
--- Raises when all permits are free.
function Semaphore:release()
  check_self(self, "release")
  if self.free == self.permits then
    misuse.raise("semaphore:release", ("all %d permits are free already"):format(
      self.permits))
  end
  give_back(self)
end

local function finish(self, ok, ...)
  give_back(self)
  if ok then return ... end
  rethrow.raise(...)
end

--- Wait for a permit, call `fn(...)`, and release the permit however `fn` ends.
--- @param fn function
--- @param ... any passed to `fn`
--- @return any ... the results of `fn`; nil, message, "ECANCELED" as for `acquire`
--- Raises the error of `fn`.
function Semaphore:use(fn, ...)
  check_self(self, "use")
  callable.check("semaphore:use", "fn", fn)
  local acquired, message, code = acquire(self, "semaphore:use")
  if not acquired then return nil, message, code end
  return finish(self, rethrow.call(fn, ...))
end

return semaphore
