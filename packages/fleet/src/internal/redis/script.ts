/**
 * The one script that a process runs in Redis. It is atomic, and takes its time from the server.
 *
 * Places are shared out by max–min fairness (D. Bertsekas, R. Gallager, "Data Networks", section 6.5.2): each process is
 * entitled to the same number, and one that wants fewer leaves the rest to the others.
 *
 * Keys: the processes, each with its figures; and what the script knows of itself. Arguments: the report, and the channel
 * on which processes learn that there is something new.
 */
export const script = `
local PATIENCE = 1000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me = cjson.decode(ARGV[1])
local meta = redis.call('HMGET', KEYS[2], 'version', 'epoch', 'last')
if meta[1] and meta[1] ~= '1' then return {'Incompatible', meta[1]} end

local rows, changed, freed = {}, {}, 0
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do rows[stored[i]] = cjson.decode(stored[i + 1]) end
local mine = rows[me.id]

-- An older call that was late. What it tells is out of date.
if mine and mine.sequence >= me.sequence then return {'Late'} end

-- Nobody has been here for a whole ttl, or the store has lost what it knew: processes may hold places that it does not
-- know of. They have one ttl to say so.
local epoch = meta[2] and tonumber(meta[2])
if not epoch then
  epoch = me.warm and now - me.ttl or now
elseif now - tonumber(meta[3]) > me.ttl then
  epoch = now
end
local settlesAt = epoch + me.ttl
local isSettling = now < settlesAt

if me.leaves then
  redis.call('HDEL', KEYS[1], me.id)
  rows[me.id] = nil
  freed = mine and mine.held or 0
end

-- The dead. Their places are withheld for a while.
local suspects = {}
for id, row in pairs(rows) do
  if id ~= me.id then
    local seen = me.seen[id]
    if not row.dead then
      if seen and seen.client == row.client then
        if not seen.alive then row.dead = now end
      elseif row.expiry <= now then
        if me.looks and row.client ~= '' then suspects[#suspects + 1] = {id, row.client}
        else row.dead = math.max(row.expiry, epoch) end
      elseif me.looks == 'all' and row.client ~= '' then
        suspects[#suspects + 1] = {id, row.client}
      end
      if row.dead then changed[id] = row end
    end
    if row.dead and not isSettling and now >= row.dead + row.delay then
      redis.call('HDEL', KEYS[1], id)
      rows[id] = nil
      changed[id] = nil
      freed = freed + row.held
    end
  end
end

local LARGEST = 1000000
local limit, reserved = me.leaves and LARGEST or me.limit, me.reserve
local limitBefore = mine and mine.limit or LARGEST
for id, row in pairs(rows) do
  if id ~= me.id and not row.dead then
    limit = math.min(limit, row.limit)
    limitBefore = math.min(limitBefore, row.limit)
    reserved = reserved + row.reserve
  end
end
if me.first and me.reserve > 0 and reserved > limit then return {'Reserve', reserved, limit} end

if not me.leaves then
  if mine then freed = freed + math.max(0, mine.held - me.held) end
  rows[me.id] = {
    holder = me.holder, held = me.held, busy = me.busy, want = me.want, limit = me.limit, reserve = me.reserve,
    expiry = now + me.ttl, delay = me.delay, client = me.client, sequence = me.sequence,
    since = mine and mine.since or now
  }
end

-- What each is entitled to: as much as it wants, up to a level that is the same for all.
local left, living = limit, {}
local held, base, demand = 0, {}, {}
for id, row in pairs(rows) do
  held = held + row.held
  if row.dead then
    left = left - row.held
  else
    living[#living + 1] = id
    demand[id] = math.min(row.held, row.busy) + row.want
    base[id] = math.min(demand[id], row.reserve)
    -- One that has nothing and has waited comes first.
    if row.held == 0 and row.want > 0 and now - row.since >= PATIENCE then base[id] = math.max(base[id], 1) end
  end
end
local function sumAt(level)
  local sum = 0
  for _, id in ipairs(living) do sum = sum + math.max(base[id], math.min(demand[id], level)) end
  return sum
end
local low, high = 0, 0
for _, id in ipairs(living) do high = math.max(high, demand[id]) end
high = math.max(0, math.min(left, high))
while low < high do
  local middle = math.ceil((low + high) / 2)
  if sumAt(middle) <= left then low = middle else high = middle - 1 end
end
-- The rest goes to one after the other: first to those that have it already, so that nothing moves without need.
table.sort(living, function(a, b)
  local hasA, hasB = rows[a].held > low, rows[b].held > low
  if hasA ~= hasB then return hasA end
  -- Every process must come to the same order: none may think that another is the one to give.
  local sinceA = rows[a].held == 0 and rows[a].since or now
  local sinceB = rows[b].held == 0 and rows[b].since or now
  if sinceA ~= sinceB then return sinceA < sinceB end
  return a < b
end)
local target, rest = {}, left - sumAt(low)
for _, id in ipairs(living) do
  target[id] = math.max(base[id], math.min(demand[id], low))
  if rest > 0 and target[id] == low and demand[id] > low then
    target[id] = target[id] + 1
    rest = rest - 1
  end
end

-- What others want, what of it they are entitled to, and what is on its way back to them.
local lacked, needed, promised, withheld, hasGivers = 0, 0, 0, 0, false
for id, row in pairs(rows) do
  if id ~= me.id then
    withheld = withheld + math.max(row.held, row.dead and 0 or math.min(row.reserve, limit))
    if not row.dead then
      lacked = lacked + row.want
      needed = needed + math.min(row.want, math.max(0, target[id] - row.held))
      local isAsked = row.shed and now - row.shedAt < PATIENCE
      if isAsked then promised = promised + math.max(0, row.shed) end
      -- One that does not know of others in need may have idle connections that it has not told of.
      hasGivers = hasGivers or (row.held > 0 and not row.aware) or (row.held > target[id] and not isAsked)
    end
  end
end

local grant, shed = 0, 0
local row = rows[me.id]
if row then
  local room = limit - withheld - me.held
  if not isSettling then grant = math.max(0, math.min(me.want, room)) end
  if needed > 0 then grant = math.min(grant, math.max(0, target[me.id] - me.held)) end
  local lack = math.max(needed - math.max(0, limit - held - grant), held + grant - limit) - promised
  shed = math.max(0, math.min(me.held + grant - target[me.id], lack))
  row.held = me.held + grant
  row.want = me.want - grant
  if row.want == 0 or row.held > 0 then row.since = now end
  row.aware = lacked > 0
  if shed > 0 then row.shed, row.shedAt = shed, now end
  changed[me.id] = row
end

local wait = -1
local function atLatest(moment)
  if moment > now and (wait < 0 or moment - now < wait) then wait = moment - now end
end
if row and row.want > 0 then
  if isSettling then atLatest(settlesAt) end
  for id, other in pairs(rows) do
    if other.dead then atLatest(math.max(settlesAt, other.dead + other.delay))
    elseif id ~= me.id then atLatest(other.expiry) end
  end
  if row.held == 0 then atLatest(row.since + PATIENCE) end
end

-- Others hear of places that have come free for them, and of this process if it lacks what they may give.
local isNews = (freed > 0 and needed > 0) or limit ~= limitBefore or
  (row and hasGivers and row.want > 0)
local holders = {}
for id, one in pairs(rows) do
  holders[#holders + 1] = {holder = one.holder, held = one.held, wanted = one.want, isDead = one.dead ~= nil}
end

for id, one in pairs(changed) do redis.call('HSET', KEYS[1], id, cjson.encode(one)) end
redis.call('HSET', KEYS[2], 'version', '1', 'epoch', epoch, 'last', now)
local keep = math.max(60000, me.ttl * 10)
redis.call('PEXPIRE', KEYS[1], keep)
redis.call('PEXPIRE', KEYS[2], keep)
if isNews then redis.call('PUBLISH', ARGV[2], me.id) end
return {'Ok', me.held + grant, shed, lacked, limit, wait, cjson.encode(holders), cjson.encode(suspects)}
`
