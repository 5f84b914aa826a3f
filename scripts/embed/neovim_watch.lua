-- For neovim_host.lua: is the server that is being worked on up? Told at each change:
--   local host = require("neovim_host").start(path, function(text)
--     vim.g.server = text
--     vim.cmd "redrawstatus"
--   end)
--   host:call("watch", "127.0.0.1:8080", 0.5)
--   vim.o.statusline = "%f %= %{get(g:, 'server', '')}"
local tl = require "timerlua"

--- Look each period; a server that does not answer within it is down, too.
function watch(address, period) -- luacheck: globals watch
  local last
  tl.every(period, function()
    local conn, message = tl.connect(address, { timeout = period })
    if conn then conn:close() end
    local state = address .. (conn and " is up" or " is down: " .. message)
    if state ~= last then tell(state) end -- luacheck: globals tell
    last = state
  end)
end
