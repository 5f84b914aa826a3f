-- Places for the labels of points that are close to one another. A label beside its
-- point is nearer to that point than to any other; a label further off has a leader, a
-- line to its point, that touches no other point and no label.

local labels = {}

local BESIDE = 9
local DISTANCES = { BESIDE, 22, 36, 52, 70, 90 }
-- Right first; the label's near corner or edge lies in that direction.
local DIRECTIONS = { { 1, 0 }, { -1, 0 }, { 0, -1 }, { 0, 1 }, { 1, -1 }, { 1, 1 }, { -1, -1 },
  { -1, 1 } }
local POINT = 6   -- the room of a point, from its middle
local MARGIN = 4  -- how much nearer another point may not be
local STEP = 0.05 -- of a leader, between the places looked at

local function box_around(x, y, room)
  return { left = x - room, right = x + room, top = y - room, bottom = y + room }
end

local function box_at(point, direction, distance)
  local dx, dy = direction[1], direction[2]
  local x, y = point.x + dx * distance, point.y + dy * distance
  local left = dx > 0 and x or dx < 0 and x - point.width or x - point.width / 2
  local top = dy > 0 and y or dy < 0 and y - point.height or y - point.height / 2
  return { left = left, top = top, right = left + point.width, bottom = top + point.height,
    x = x, y = y, has_leader = distance > BESIDE,
    anchor = dx > 0 and "start" or dx < 0 and "end" or "middle" }
end

function labels.overlap(a, b)
  return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom
end

local function is_clear(box, others)
  for _, other in ipairs(others) do
    if labels.overlap(box, other) then return false end
  end
  return true
end

local function is_inside(box, area)
  return box.left >= area.left and box.right <= area.right and box.top >= area.top
    and box.bottom <= area.bottom
end

local function gap(box, point)
  local dx = math.max(box.left - point.x, 0, point.x - box.right)
  local dy = math.max(box.top - point.y, 0, point.y - box.bottom)
  return math.sqrt(dx * dx + dy * dy)
end

local function belongs(box, point, points)
  for _, other in ipairs(points) do
    if other ~= point and gap(box, other) < gap(box, point) + MARGIN then return false end
  end
  return true
end

local function is_leader_clear(box, point, points, placed)
  for part = 0, 1, STEP do
    local x, y = point.x + (box.x - point.x) * part, point.y + (box.y - point.y) * part
    if not is_clear(box_around(x, y, 1), placed) then return false end
    for _, other in ipairs(points) do
      if other ~= point and gap(box_around(x, y, 1), other) < POINT then return false end
    end
  end
  return true
end

-- `placed` holds boxes of labels, `drawn` all else that a label keeps clear of.
local function place(point, points, placed, drawn, area)
  for _, distance in ipairs(DISTANCES) do
    for _, direction in ipairs(DIRECTIONS) do
      local box = box_at(point, direction, distance)
      if is_inside(box, area) and is_clear(box, placed) and is_clear(box, drawn) then
        local shown = box.has_leader and is_leader_clear(box, point, points, placed)
          or not box.has_leader and belongs(box, point, points)
        if shown then return box end
      end
    end
  end
  error(("no room for the label of the point at %d, %d"):format(point.x, point.y))
end

-- `points`: x and y, and width and height of the label. Returns a box for each, inside
-- `area`, clear of the points, of each other and of `lines`, boxes along lines; a box
-- with `has_leader` wants a line from its x and y to its point. Text of a box begins,
-- ends or is centered at its x, as `anchor` says.
function labels.place(points, area, lines)
  local drawn, placed = {}, {}
  for _, box in ipairs(lines) do drawn[#drawn + 1] = box end
  for _, point in ipairs(points) do
    drawn[#drawn + 1] = box_around(point.x, point.y, POINT)
  end
  for i, point in ipairs(points) do
    placed[i] = place(point, points, placed, drawn, area)
  end
  return placed
end

return labels
