-- Keeps callbacks and objects alive: pages of a Lua table that mirror the core's pages of
-- handles. The dispatcher reads them (runtime/lua/dispatch.c).
local bit = bit
local new_table = require "table.new"
local core = require "timerlua.core.ffi"
local misuse = require "timerlua.core.misuse"

local pages = core.dispatcher.anchors
local band, rshift = bit.band, bit.rshift
local ENDED, FULL = core.C.TL_ENDED, core.C.TL_FULL
local PAGE_BITS = core.C.TL_PAGE_BITS
local PAGE_SIZE = 2 ^ PAGE_BITS
local PAGE_MASK = PAGE_SIZE - 1

local MOST_ARGUMENTS = 4000 -- as many as a coroutine's stack surely holds

local anchors = {
  MOST_ARGUMENTS = MOST_ARGUMENTS,
  --- Forget the callbacks of cancelled timers. A turn of the loop does so, too.
  forget_cancelled = core.dispatcher.forget_cancelled,
}

local function add_page(slot)
  local page = new_table(2 * PAGE_SIZE, 0)
  pages[rshift(slot, PAGE_BITS)] = page
  return page
end

--- Keep what a handle runs (a function, coroutine or bound call) and the object that its
--- callback receives.
function anchors.set(slot, what, object)
  local page = pages[rshift(slot, PAGE_BITS)] or add_page(slot)
  local i = 2 * band(slot, PAGE_MASK)
  page[i + 1] = what
  page[i + 2] = object
end

--- Change what the handle runs, and keep the object.
function anchors.set_what(slot, what)
  pages[rshift(slot, PAGE_BITS)][2 * band(slot, PAGE_MASK) + 1] = what
end

function anchors.clear(slot)
  local page = pages[rshift(slot, PAGE_BITS)]
  if not page then return end -- already released
  local i = 2 * band(slot, PAGE_MASK)
  page[i + 1] = nil
  page[i + 2] = nil
end

--- Forget what tl_timer_cancel, by its result, leaves to be forgotten.
function anchors.cancelled(slot, result)
  if result % FULL >= ENDED then anchors.clear(slot) end
  if result >= FULL then anchors.forget_cancelled() end
end

--- The anchored values: what the handle runs, and the object.
function anchors.get(slot)
  local page = pages[rshift(slot, PAGE_BITS)]
  if not page then return nil end
  local i = 2 * band(slot, PAGE_MASK)
  return page[i + 1], page[i + 2]
end

--- A call with arguments, in the form that the dispatcher unpacks. The fast path, a plain
--- function without arguments, does not need this form.
function anchors.bind(what, ...)
  local n = select("#", ...)
  if n == 0 and type(what) == "function" then return what end
  if n > MOST_ARGUMENTS then
    misuse.got("call", ("arguments must be at most %d"):format(MOST_ARGUMENTS), n)
  end
  return { [0] = n + 1, what, ... }
end

--- The function or coroutine in a possibly bound call.
function anchors.unbind(what)
  if type(what) == "table" then return what[1] end
  return what
end

return anchors
