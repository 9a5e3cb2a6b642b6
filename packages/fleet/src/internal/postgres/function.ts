/**
 * The function that a process runs in PostgreSQL, in its own temporary schema: nothing of it is left behind. Everything
 * that the processes know of each other is in advisory locks of their sessions, which end with these:
 *
 * - class c: the places, numbered from 1, each locked by the process that has it;
 * - classes c + 1 to c + 5: what a process wants, how much of what it has is busy, its limit, its reserve, and the second
 *   since which it has had nothing, each as the number of a shared lock;
 * - class c + 6: locked by the one that is sharing out;
 * - class c + 7: a second hash of the budget's name, which tells budgets whose first hash is the same;
 * - class c + 8: locked by a process that knows of others that lack something.
 *
 * Places are shared out as by the script in Redis.
 */
export const functionText = `
create function pg_temp.socketpool_sync(
  c int, channel text, name_hash int, my_held int, my_busy int, my_want int, my_limit int, my_reserve int,
  is_first boolean, leaves boolean,
  out status text, out held int, out shed int, out others_want int, out total_limit int, out wait int, out holders json
) language plpgsql as $function$
declare
  me constant int := pg_backend_pid();
  second_now constant int := extract(epoch from clock_timestamp())::bigint % 2147483647;
  numbers int[];
  values int[];
  known int[];
  gave int := 0;
  place int;
  took int;
  before_limit int;
  member record;
  pids int[] := '{}';
  helds int[] := '{}';
  wants int[] := '{}';
  demands int[] := '{}';
  bases int[] := '{}';
  reserves int[] := '{}';
  sinces int[] := '{}';
  target int;
  my_target int := 0;
  all_held int := 0;
  all_reserved int := 0;
  withheld int := 0;
  low int := 0;
  high int;
  middle int;
  rest int;
  room int;
  wanted int := 0;
  lack int;
  others_lack int := 0;
  free int;
  my_since int;
  was_aware boolean;
  has_givers boolean := false;
  has_larger boolean := false;
  awares boolean[] := '{}';
  i int;
begin
  perform pg_advisory_xact_lock(c + 6, 0);
  shed := 0;
  others_want := 0;
  wait := -1;

  if exists (
    select from pg_locks l where l.locktype = 'advisory' and l.objsubid = 2 and l.classid = (c + 7)::oid
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
      and l.objid <> name_hash::oid
  ) then
    status := 'Collision';
    return;
  end if;

  select coalesce(array_agg(l.objid::bigint::int order by l.objid desc), '{}') into numbers from pg_locks l
    where l.pid = me and l.locktype = 'advisory' and l.objsubid = 2 and l.granted and l.classid = c::oid;

  -- Gives back, the highest numbers first.
  while cardinality(numbers) > my_held loop
    perform pg_advisory_unlock(c, numbers[1]);
    numbers := numbers[2:];
    gave := gave + 1;
  end loop;
  -- Takes back what it had before its session ended, above the limit if need be.
  place := 0;
  while cardinality(numbers) < my_held loop
    place := place + 1;
    if not place = any (numbers) and pg_try_advisory_lock(c, place) then numbers := place || numbers; end if;
  end loop;

  select array_agg(coalesce(v.objid, -1) order by k.k) into known from generate_series(1, 5) k
    left join lateral (
      select l.objid::bigint::int as objid from pg_locks l
        where l.pid = me and l.locktype = 'advisory' and l.objsubid = 2 and l.classid = (c + k.k)::oid limit 1
    ) v on true;
  before_limit := known[3];
  my_since := case when my_want > 0 and my_held = 0 then case when known[5] >= 0 then known[5] else second_now end end;
  values := array[my_want, my_busy, my_limit, my_reserve, coalesce(my_since, -1)];
  for i in 1..5 loop
    if known[i] <> values[i] or leaves then
      if known[i] >= 0 then perform pg_advisory_unlock_shared(c + i, known[i]); end if;
      if values[i] >= 0 and not leaves then perform pg_advisory_lock_shared(c + i, values[i]); end if;
    end if;
  end loop;
  if before_limit < 0 and not leaves then
    perform pg_advisory_lock_shared(c + 7, name_hash);
  elsif leaves then
    perform pg_advisory_unlock_shared(c + 7, name_hash);
  end if;

  total_limit := my_limit;
  for member in
    select l.pid,
      count(*) filter (where l.classid = c::oid)::int as held,
      max(l.objid::bigint::int) filter (where l.classid = (c + 1)::oid) as want,
      max(l.objid::bigint::int) filter (where l.classid = (c + 2)::oid) as busy,
      max(l.objid::bigint::int) filter (where l.classid = (c + 3)::oid) as most,
      max(l.objid::bigint::int) filter (where l.classid = (c + 4)::oid) as reserve,
      max(l.objid::bigint::int) filter (where l.classid = (c + 5)::oid) as since,
      bool_or(l.classid = (c + 8)::oid) as aware
    from pg_locks l
    where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
      and (l.classid::bigint between c and c + 5 or l.classid = (c + 8)::oid)
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
    group by l.pid
    having bool_or(l.classid = (c + 3)::oid)
    order by l.pid
  loop
    total_limit := least(total_limit, member.most);
    if member.pid <> me and member.most > my_limit then has_larger := true; end if;
    pids := pids || member.pid;
    helds := helds || member.held;
    wants := wants || coalesce(member.want, 0);
    reserves := reserves || coalesce(member.reserve, 0);
    sinces := sinces || coalesce(member.since, second_now);
    demands := demands || (least(member.held, coalesce(member.busy, 0)) + coalesce(member.want, 0));
    bases := bases || greatest(
      least(demands[cardinality(demands)], reserves[cardinality(reserves)]),
      -- One that has nothing and has waited comes first.
      case when member.held = 0 and member.want > 0 and second_now - member.since >= 1 then 1 else 0 end
    );
    awares := awares || member.aware;
    all_held := all_held + member.held;
    all_reserved := all_reserved + coalesce(member.reserve, 0);
  end loop;

  if is_first and my_reserve > 0 and all_reserved > total_limit then
    status := 'Reserve';
    others_want := all_reserved;
    perform pg_advisory_unlock_shared(c + k.k, values[k.k]) from generate_series(1, 5) k where values[k.k] >= 0;
    perform pg_advisory_unlock_shared(c + 7, name_hash);
    return;
  end if;

  -- What each is entitled to: as much as it wants, up to a level that is the same for all.
  high := greatest(0, total_limit);
  while low < high loop
    middle := (low + high + 1) / 2;
    if (select coalesce(sum(greatest(b, least(d, middle))), 0) from unnest(bases, demands) t(b, d)) <= total_limit then
      low := middle;
    else
      high := middle - 1;
    end if;
  end loop;
  rest := total_limit - (select coalesce(sum(greatest(b, least(d, low))), 0) from unnest(bases, demands) t(b, d));
  -- The rest goes to one after the other: first to those that have it already, so that nothing moves without need.
  for i in
    select n from generate_subscripts(pids, 1) n order by helds[n] > low desc, sinces[n], pids[n]
  loop
    target := greatest(bases[i], least(demands[i], low));
    if rest > 0 and target = low and demands[i] > low then
      target := target + 1;
      rest := rest - 1;
    end if;
    if pids[i] = me then
      my_target := target;
      was_aware := awares[i];
    else
      has_givers := has_givers or (helds[i] > 0 and not awares[i]) or helds[i] > target;
      others_lack := others_lack + wants[i];
      withheld := withheld + greatest(helds[i], least(reserves[i], total_limit));
      others_want := others_want + least(wants[i], greatest(0, target - helds[i]));
    end if;
  end loop;

  held := my_held;
  if not leaves then
    room := total_limit - withheld - my_held;
    took := greatest(0, least(my_want, room));
    if others_want > 0 then took := least(took, greatest(0, my_target - my_held)); end if;
    place := 0;
    while took > 0 and place < total_limit loop
      place := place + 1;
      if not place = any (numbers) and pg_try_advisory_lock(c, place) then
        numbers := place || numbers;
        held := held + 1;
        took := took - 1;
      end if;
    end loop;
    wanted := my_want - (held - my_held);
    free := total_limit - all_held - (held - my_held);
    lack := greatest(others_want - greatest(0, free), -free);
    shed := greatest(0, least(held - my_target, lack));
    if wanted <> my_want then
      perform pg_advisory_unlock_shared(c + 1, my_want);
      perform pg_advisory_lock_shared(c + 1, wanted);
    end if;
    if held > 0 and my_since is not null then perform pg_advisory_unlock_shared(c + 5, my_since); end if;
    if wanted > 0 and held = 0 then wait := 1000; end if;
    if others_lack > 0 and not was_aware then
      perform pg_advisory_lock_shared(c + 8, 1);
    elsif others_lack = 0 and was_aware then
      perform pg_advisory_unlock_shared(c + 8, 1);
    end if;
  elsif was_aware then
    perform pg_advisory_unlock_shared(c + 8, 1);
  end if;

  select coalesce(json_agg(json_build_object(
      'pid', pids[n], 'holder', coalesce(nullif(a.application_name, ''), pids[n]::text),
      'held', case when pids[n] = me then held else helds[n] end,
      'wanted', case when pids[n] = me then wanted else wants[n] end
    ) order by n), '[]') into holders
    from generate_subscripts(pids, 1) n left join pg_stat_activity a on a.pid = pids[n];

  if leaves then
    perform pg_notify(channel, 'left ' || me);
  elsif before_limit < 0 then
    perform pg_notify(channel, 'here ' || me || case when has_larger then ' news' else '' end);
  elsif (gave > 0 and others_want > 0) or before_limit <> my_limit
    or (has_givers and wanted > 0) then
    perform pg_notify(channel, 'news');
  end if;
  others_want := others_lack;
  status := 'Ok';
end
$function$
`
