-- Signals that a kqueue of the script's takes: each could go to it or to tl.signal
-- only, so who comes second is refused. The core tells a kqueue what is blocked
-- already; the other way goes through here.
local claims = {}

local refusal -- of claims.refuse

-- Whoever is closed, or garbage, claims nothing.
local owners = setmetatable({}, { __mode = "v" })

--- @param owner table whose field pointer is nil once it is closed
function claims.take(number, owner)
  owners[number] = owner
end

function claims.leave(number, owner)
  if owners[number] == owner then owners[number] = nil end
end

--- No kqueue may take a signal from now on.
--- @param reason string
function claims.refuse(reason)
  refusal = reason
end

--- Why a kqueue may take none; nil when it may.
--- @return string? reason
function claims.refusal()
  return refusal
end

function claims.is_taken(number)
  local owner = owners[number]
  return owner ~= nil and owner.pointer ~= nil
end

return claims
