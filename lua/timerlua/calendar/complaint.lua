-- Errors in the text of a schedule: they name the field, the rule, the value and the column.
local misuse = require "timerlua.core.misuse"

local complaint = {}

--- A place in a text: what is read, and where.
--- @class timerlua.Place
--- @field where string the public function
--- @field text string the whole text
--- @field field string? "minute", "day of the month"
--- @field number integer? of the field
--- @field column integer of the value

-- Texts are read in lower case; the value as it was given.
local function as_given(place, value)
  local given = string.sub(place.text, place.column, place.column + #value - 1)
  return string.lower(given) == value and given or value
end

--- Raise "<field> must be <rule>, got <value> (field 1, column 1 of <text>)".
function complaint.raise(place, rule, value)
  local number = place.number and ("field %d, "):format(place.number) or ""
  misuse.raise(place.where, ("%s must be %s, got %s (%scolumn %d of %s)"):format(
    place.field, rule, value == "" and "nothing" or as_given(place, value), number, place.column,
    misuse.show(place.text)))
end

--- The same place for a value that begins `ahead` bytes later.
function complaint.at(place, ahead)
  return { where = place.where, text = place.text, field = place.field, number = place.number,
    column = place.column + ahead }
end

--- Call visit(item, place) for each item of a list with commas; items may be empty.
function complaint.each_item(word, place, visit)
  for at, item in string.gmatch(word .. ",", "()([^,]*),") do
    visit(item, complaint.at(place, at - 1))
  end
end

return complaint
