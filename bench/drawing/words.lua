-- How pictures name peers, numbers and times.

local words = {}

local PEERS = { libev = "libev (C)", libuv = "libuv (C)", libtimerlua = "timerlua from C" }
local OURS = { timerlua = true, libtimerlua = true }

function words.is_ours(row) return OURS[row.peer] or false end

function words.row(row)
  local name = PEERS[row.peer] or row.peer
  return row.label and name .. ", " .. row.label or name
end

-- 1234567 as "1,234,567"; small numbers with a digit or two.
function words.number(value)
  if value < 10 and value % 1 ~= 0 then return (("%.2f"):format(value):gsub("0$", "")) end
  local digits = ("%.0f"):format(value)
  return (digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

function words.microseconds(us)
  if us == 0 then return "0" end
  if us >= 1e6 then return ("%g s"):format(us / 1e6) end
  if us >= 1000 then return ("%g ms"):format(us / 1000) end
  return ("%g µs"):format(us)
end

-- How the figures were measured.
function words.origin(record)
  local machine = record.machine:gsub("(Linux %d+%.%d+)%S*", "%1")
  return ("make bench BENCH=%s; medians of %d; %s; %s"):format(
    record.name, record.times, machine, record.date)
end

return words
