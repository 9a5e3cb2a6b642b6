/** Watches all pools of the process: reads their figures at intervals, listens to their notices, and tells who looks. */
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type History, type Notice, type Point, pointOf, type PoolSnapshot, type Snapshot } from "../Snapshot.js"
import type { Resolved } from "./options.js"

/** What is told as it happens. */
export type Message =
  | { readonly event: "history"; readonly data: History }
  | { readonly event: "pools"; readonly data: Snapshot }
  | { readonly event: "notice"; readonly data: Notice }

export interface Watch {
  readonly snapshot: Effect.Effect<Snapshot>
  readonly history: Effect.Effect<History>
  /** First the history, then what happens. Who is slow loses the oldest of 64 messages. */
  readonly messages: Stream.Stream<Message>
  readonly pool: (id: number) => Effect.Effect<ConnectionPool<any, unknown> | undefined>
}

const shownLeases = 200
const keptNotices = 200
const behind = 64

interface Kept {
  readonly name: string
  readonly points: Array<Point>
}

/** One number for each pool that this process has had, the same for all who ask. */
let ids = 0
const known = new WeakMap<object, number>()
const idOf = (pool: object): number => {
  const id = known.get(pool) ?? ++ids
  known.set(pool, id)
  return id
}

const see = (pool: ConnectionPool<any, unknown>): Effect.Effect<PoolSnapshot> =>
  Effect.map(Effect.all([pool.stats, pool.leases, pool.advise]), ([stats, leases, advice]) => ({
    id: idOf(pool),
    name: pool.name,
    stats,
    leases: leases.slice(0, shownLeases),
    advice
  }))

const snapshot: Effect.Effect<Snapshot> = Effect.gen(function*() {
  const pools = yield* Pool.running
  return { at: yield* Clock.currentTimeMillis, pools: yield* Effect.forEach(pools, see) }
})

/** Watches for as long as the scope lives. */
export const make = (options: Resolved): Effect.Effect<Watch, never, Scope.Scope> =>
  Effect.gen(function*() {
    const hub = yield* PubSub.sliding<Message>(behind)
    const scope = yield* Effect.scope
    const kept = new Map<number, Kept>()
    const notices: Array<Notice> = []
    const heard = new Set<number>()

    const listen = (pool: ConnectionPool<any, unknown>) =>
      Effect.suspend(() => {
        const id = idOf(pool)
        if (heard.has(id)) return Effect.void
        heard.add(id)
        const note = (notice: Notice) => {
          notices.push(notice)
          if (notices.length > keptNotices) notices.shift()
          return PubSub.publish(hub, { event: "notice", data: notice })
        }
        return Stream.runForEach(pool.notices, (event) => note({ id, event })).pipe(
          Effect.ensuring(Effect.sync(() => heard.delete(id))),
          Effect.forkIn(scope)
        )
      })

    const keep = ({ at, pools }: Snapshot) => {
      for (const { id, name, stats } of pools) {
        const points = kept.get(id)?.points ?? []
        points.push(pointOf(at, stats))
        if (points.length > options.points) points.shift()
        kept.set(id, { name, points })
      }
      // What has closed is forgotten when its last point is as old as those that go.
      const oldest = at - options.points * options.intervalMillis
      for (const [id, { points }] of kept) if ((points.at(-1)?.at ?? -Infinity) < oldest) kept.delete(id)
    }

    const look = Effect.gen(function*() {
      yield* Effect.forEach(yield* Pool.running, listen, { discard: true })
      const data = yield* snapshot
      keep(data)
      yield* PubSub.publish(hub, { event: "pools", data })
    })
    yield* look
    // By a timer of Node's, as a sleeping fiber would keep the process alive.
    const fork = Runtime.runFork(yield* Effect.runtime())
    yield* Effect.acquireRelease(
      Effect.sync(() => setInterval(() => fork(look), options.intervalMillis).unref()),
      (timer) => Effect.sync(() => clearInterval(timer))
    )

    const history = Effect.sync((): History => ({
      intervalMillis: options.intervalMillis,
      hasActions: options.token !== undefined,
      pools: Array.from(kept, ([id, { name, points }]) => ({ id, name, points: [...points] })),
      notices: [...notices]
    }))
    const messages = Stream.unwrapScoped(Effect.gen(function*() {
      const subscription = yield* PubSub.subscribe(hub)
      const before: ReadonlyArray<Message> = [
        { event: "history", data: yield* history },
        { event: "pools", data: yield* snapshot }
      ]
      return Stream.concat(Stream.fromIterable(before), Stream.fromQueue(subscription))
    }))
    const pool = (id: number) => Effect.map(Pool.running, (pools) => pools.find((pool) => known.get(pool) === id))
    return { snapshot, history, messages, pool }
  })
