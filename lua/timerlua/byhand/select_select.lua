-- select.select: select(2) as in Python. It uses poll(2), so there is no highest
-- descriptor; readiness is as in select(2).
local bit = bit
local duration = require "timerlua.core.duration"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local fileno = require "timerlua.core.fileno"
local misuse = require "timerlua.core.misuse"
local poll = require "timerlua.byhand.select_poll"
local poll_wait = require "timerlua.byhand.poll_wait"

local band, bor = bit.band, bit.bor
local is_number = fileno.is_number
local EBADF = errno.EBADF
local POLL = poll.constants
local WHERE = "select.select"

-- The events that the kernel's fs/select.c asks for, and those that it takes as an answer.
local ERR, HUP, NVAL = POLL.POLLERR, POLL.POLLHUP, POLL.POLLNVAL
local READ = POLL.POLLIN + POLL.POLLRDNORM + POLL.POLLRDBAND
local WRITE = POLL.POLLOUT + POLL.POLLWRNORM + POLL.POLLWRBAND
local EXCEPT = POLL.POLLPRI
local ANSWERS = { [READ] = READ + HUP + ERR, [WRITE] = WRITE + ERR, [EXCEPT] = EXCEPT }

local function check_list(name, list)
  if type(list) ~= "table" or (list[1] == nil and next(list) ~= nil) then
    misuse.got(WHERE, name .. " must be a list of descriptors and objects with fileno()", list)
  end
end

local function number_in(name, i, object)
  if is_number(object) then return object end
  return fileno.of(WHERE, ("%s[%d]"):format(name, i), object)
end

-- Each requested descriptor once: with more entries than RLIMIT_NOFILE poll(2) fails.
local function new_question()
  return { count = 0, fds = {}, events = {}, index = {} }
end

local function ask_for(question, fd, events)
  local at = question.index[fd]
  if not at then
    at = question.count + 1
    question.count = at
    question.index[fd] = at
    question.fds[at], question.events[at] = fd, 0
  end
  question.events[at] = bor(question.events[at], events)
  return at
end

-- The objects of a list, and the place of each in the request. The list is read afresh at
-- each step, because a script's fileno() may change it.
local function read_list(question, name, list, events)
  check_list(name, list)
  local objects, places, i = {}, {}, 1
  while list[i] ~= nil do
    local object = list[i]
    objects[i] = object
    places[i] = ask_for(question, number_in(name, i, object), events)
    i = i + 1
  end
  return { objects = objects, places = places, answers = ANSWERS[events] }
end

local function array_of(question)
  local array = poll_wait.array(question.count)
  for i = 1, question.count do
    array[i - 1].fd, array[i - 1].events = question.fds[i], question.events[i]
  end
  return array
end

-- Leave in revents what select(2) would report.
local function judge(fds, count)
  local found = 0
  for i = 0, count - 1 do
    local revents, events = fds[i].revents, fds[i].events
    if band(revents, NVAL) ~= 0 then return EBADF end
    local answers = bor(band(events, READ) ~= 0 and ANSWERS[READ] or 0,
      band(events, WRITE) ~= 0 and ANSWERS[WRITE] or 0, band(events, EXCEPT))
    if band(revents, answers) ~= 0 then found = found + 1 end
  end
  return found
end

local function bad_descriptor(fds, count)
  for i = 0, count - 1 do
    if band(fds[i].revents, NVAL) ~= 0 then return fds[i].fd end
  end
end

local function ready_of(list, fds)
  local ready, count = {}, 0
  for i = 1, #list.objects do
    if band(fds[list.places[i] - 1].revents, list.answers) ~= 0 then
      count = count + 1
      ready[count] = list.objects[i]
    end
  end
  return ready
end

local select = {}

--- Wait until one of the descriptors is ready.
--- @param rlist timerlua.Descriptor[] for reading
--- @param wlist timerlua.Descriptor[] for writing
--- @param xlist timerlua.Descriptor[] for an exceptional condition: urgent data of a TCP socket,
---   poll(2), POLLPRI
--- @param timeout? timerlua.Duration 0: only check; nil: no end. Never ends early
--- @return table? r new lists of the caller's own objects, in the caller's order; all three
---   are empty when the time is over
--- @return table|string w or the message
--- @return table|string x or the code: "EBADF" (a descriptor is not open), "EMFILE" (in a
---   task, a wait needs a descriptor), "ENOMEM", "ENOSPC", "ELOOP", "EINVAL"
function select.select(rlist, wlist, xlist, timeout)
  local delay = timeout ~= nil and duration.of(WHERE, "timeout", timeout) or nil
  poll_wait.turn(WHERE)
  local question = new_question()
  local r = read_list(question, "rlist", rlist, READ)
  local w = read_list(question, "wlist", wlist, WRITE)
  local x = read_list(question, "xlist", xlist, EXCEPT)
  local found, fds = poll_wait.wait(WHERE, array_of(question), question.count, delay, judge)
  if found == EBADF then
    local fd = bad_descriptor(fds, question.count)
    return errors.failed(fd and "select fd " .. fd or "select", found)
  elseif found < 0 then
    return errors.failed("select", found)
  elseif found == 0 then
    return {}, {}, {}
  end
  return ready_of(r, fds), ready_of(w, fds), ready_of(x, fds)
end

return select
