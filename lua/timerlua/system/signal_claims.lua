-- Signals that a kqueue of the script takes: a signal could go only to the kqueue or only
-- to tl.signal, so the second one to ask is refused. The core tells a kqueue which signals
-- are already blocked; this module checks the other direction.
local claims = {}

local refusal -- set by claims.refuse

-- An owner that is closed, or garbage, claims nothing.
local owners = setmetatable({}, { __mode = "v" })

--- @param owner table its field pointer is nil once it is closed
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

--- Why a kqueue may not take signals; nil when it may.
--- @return string? reason
function claims.refusal()
  return refusal
end

function claims.is_taken(number)
  local owner = owners[number]
  return owner ~= nil and owner.pointer ~= nil
end

return claims
