-- Suggestions for names that do not exist: names that other libraries use for the same, and
-- typing errors.
local misuse = require "timerlua.core.misuse"
local nearest = require "timerlua.core.nearest"

local suggest = {}

--- Have classes of objects raise for the names that other libraries use. Objects may have
--- fields of the script's own, so all other absent fields stay nil.
--- @param class table whose absent fields are read
--- @param noun string the class in messages: "connection"
--- @param synonyms table<string, string> the existing method for each such name
--- @return table class
function suggest.methods(class, noun, synonyms)
  return setmetatable(class, { __index = function(_, key)
    local meant = synonyms[key]
    if meant then
      misuse.raise(noun, ("no method %q; did you mean %s:%s?"):format(key, noun, meant))
    end
  end })
end

--- Return the hint for an unknown name.
--- @param key any
--- @param words string[] the names that exist
--- @param synonyms table<string, string>
--- @return string hint empty if no name is near
function suggest.hint(key, words, synonyms)
  local meant = type(key) == "string" and (synonyms[key] or nearest.typo(key, words))
  return meant and ("; did you mean %q?"):format(meant) or ""
end

return suggest
