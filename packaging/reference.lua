-- Writes docs/reference.md to standard output, from the LuaCATS comments of the
-- modules; run in the root of the project by `make reference`. Nothing of timerlua is
-- loaded, so no build is needed. A public function without a comment, a parameter
-- without a type, or an object that is in no section is an error.
package.path = "packaging/?.lua;" .. package.path

local page = require "reference.page"
local sources = require "reference.sources"

io.write(page.of(sources.read "lua/timerlua"))
