-- The known word nearest to an unknown one, for messages.
local nearest = {}

-- The number of insertions, deletions, replacements and swaps of neighbors that turn one
-- text into the other (optimal string alignment).
local function distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    local row, above = { [0] = i }, rows[i - 1]
    rows[i] = row
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], rows[i - 2][j - 2] + 1)
      end
    end
  end
  return rows[#a][#b]
end

local LONGEST = 40 -- of the given text; longer texts are not typing errors

--- The nearest of some words; the first of several that are equally near.
--- @param word string
--- @param words string[]
--- @return string? nearest nil when no word shares half of the letters
function nearest.of(word, words)
  if #word > LONGEST then return nil end
  local best, least
  for _, each in ipairs(words) do
    local d = distance(word, each)
    if d <= math.max(#word, #each) / 2 and (not least or d < least) then
      best, least = each, d
    end
  end
  return best
end

--- The indices of the nearest of some words, the nearest first, and of words that are
--- farther by one letter.
--- @param word string
--- @param words string[]
--- @param most integer how many
--- @return integer[] indices
function nearest.several(word, words, most)
  local found = {}
  for i, each in ipairs(#word <= LONGEST and words or {}) do
    local d = distance(word, each)
    if d <= math.max(#word, #each) / 2 then found[#found + 1] = { index = i, distance = d } end
  end
  table.sort(found, function(a, b)
    if a.distance ~= b.distance then return a.distance < b.distance end
    return a.index < b.index
  end)
  local indices = {}
  for i = 1, math.min(most, #found) do
    if found[i].distance <= found[1].distance + 1 then indices[i] = found[i].index end
  end
  return indices
end

--- Return the word that was meant by a typing error: one letter in a short word, two in a
--- word of more than four.
--- @param word string
--- @param words string[]
--- @return string? meant
function nearest.typo(word, words)
  local meant = nearest.of(word, words)
  return meant and distance(word, meant) <= (#word > 4 and 2 or 1) and meant or nil
end

return nearest
