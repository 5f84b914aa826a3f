-- xpcall as LuaJIT has it, for our modules: for scripts, task/message_handler.lua puts
-- another function in its place.
return xpcall
