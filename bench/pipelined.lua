-- For wrk: sixteen requests in one go (S2).
-- luacheck: globals init request wrk

local sixteen

function init()
  local requests = {}
  for i = 1, 16 do requests[i] = wrk.format() end
  sixteen = table.concat(requests)
end

function request() return sixteen end
