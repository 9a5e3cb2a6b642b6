/** Pools for Effect programs, ours included, and the limits of Effect itself. */
import { type ConnectionPool, Pool, PoolMetrics } from "@socketpool/core"
import {
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  identity,
  Metric,
  Pool as EffectPool,
  Schedule,
  Scope,
  Stream,
  Tracer
} from "effect"
import { longestPause, until } from "../probes.js"
import { type Connector, type Lending, type Load, type Subject, type Thing, things } from "../subject.js"
import { version } from "../versions.js"
import { leaseLoop } from "./loop.js"

type Work = Effect.Effect<void>
export type Lease = (work: () => Work) => Effect.Effect<void, unknown>

const nothing: Work = Effect.void
const step: Work = Effect.yieldNow()

/** Runs each borrower in a fiber of its own. */
export const lending = (
  lease: Lease,
  close: () => Promise<unknown>,
  around: (run: Effect.Effect<void>) => Effect.Effect<void> = identity
): Lending => ({
  close,
  run: (load: Load) => {
    const { borrowers, gate, paces, retryMillis, steps } = load
    const work = gate !== undefined ? Effect.promise(gate) : steps ? step : nothing
    const take: Lease = retryMillis === undefined
      ? lease
      : (work) => Effect.retry(lease(work), Schedule.spaced(retryMillis))
    const turn: Lease = paces ? (work) => Effect.zipRight(take(work), step) : take
    const borrower = (number: number) => Effect.suspend(() => Effect.whileLoop(leaseLoop(load, number, work, turn)))
    const all = Array.from({ length: borrowers }, (_, number) => borrower(number))
    const run = Effect.all(all, { concurrency: "unbounded", discard: true }) as Effect.Effect<void>
    return Effect.runPromise(around(run))
  },
  cancel: (waiters) =>
    Effect.runPromise(
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const holder = yield* Effect.fork(lease(() => Deferred.await(gate)))
        yield* turns
        const fibers = yield* Effect.forEach(Array.from({ length: waiters }), () => Effect.fork(lease(() => nothing)))
        yield* turns
        const start = performance.now()
        yield* Fiber.interruptAll(fibers)
        const took = performance.now() - start
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(holder)
        return took
      }) as Effect.Effect<number>
    )
})

/** Waits until everything that can run has run. */
const turns = Effect.repeatN(Effect.promise(() => new Promise<void>((next) => setImmediate(next))), 5)

export const open = (make: () => Thing) => Effect.acquireRelease(Effect.sync(make), () => Effect.void)

export const connect = (connector: Connector) => {
  const make = things()
  return Effect.acquireRelease(
    Effect.andThen(Effect.try(connector.begin), Effect.as(Effect.sleep(connector.millis), make())),
    () => Effect.void
  )
}

/** Opens connections and counts their closes. */
export const closings = () => {
  const make = things()
  const count = { closed: 0 }
  return { count, open: Effect.acquireRelease(Effect.sync(make), () => Effect.sync(() => void count.closed++)) }
}

/** Makes a pool. Returns it with a function that closes it. */
export const made = async <A>(make: Effect.Effect<A, never, Scope.Scope>) => {
  const scope = Effect.runSync(Scope.make())
  const pool = await Effect.runPromise(Scope.extend(make, scope))
  return { pool, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

/** Borrows all connections at once and releases them, so that all are open. */
const warm = <C>(size: number, get: Effect.Effect<C, unknown, Scope.Scope>) =>
  Effect.scoped(Effect.all(Array.from({ length: size }, () => get), { concurrency: "unbounded", discard: true }))

const ours = (name: string, lease: (pool: ConnectionPool<Thing, unknown>) => Lease): Subject => ({
  name: `socketpool ${name}`,
  kind: "ours",
  canTimeOut: true,
  from: "this repository",
  open: async (size, timeout) => {
    const { close, pool } = await made(
      Pool.make({
        open: open(things()),
        maxConnections: size,
        maxPending: Infinity,
        acquireTimeout: timeout ?? Duration.infinity
      })
    )
    await Effect.runPromise(warm(size, pool.get))
    return lending(lease(pool), close)
  },
  over: async (connector, size) => {
    const { close, pool } = await made(Pool.make({ open: connect(connector), maxConnections: size }))
    return lending(lease(pool), close)
  },
  reap: async (size) => {
    const { count, open } = closings()
    const { close, pool } = await made(Pool.make({ open, maxConnections: size, idleTimeout: "1 second" }))
    await Effect.runPromise(warm(size, pool.get))
    const pause = await longestPause(() => until(() => count.closed === size))
    await close()
    return pause
  }
})

const use = ours("use", (pool) => (work) => pool.use(work))

type Observed = ConnectionPool<Thing>

/** Makes a subject of a pool with observers. Their result wraps each run. */
const observed = (
  name: string,
  options: Pick<Pool.Options<Thing, never, never>, "leakThreshold">,
  observe: (pool: Observed) => Effect.Effect<(run: Effect.Effect<void>) => Effect.Effect<void>, never, Scope.Scope>
): Subject => ({
  ...use,
  name: `socketpool use, ${name}`,
  open: async (size, timeout) => {
    const { close, pool: { around, pool } } = await made(
      Effect.gen(function*() {
        const pool = yield* Pool.make({
          open: open(things()),
          name,
          maxConnections: size,
          maxPending: Infinity,
          acquireTimeout: timeout ?? Duration.infinity,
          ...options
        })
        return { pool, around: yield* observe(pool) }
      })
    )
    await Effect.runPromise(warm(size, pool.get))
    return lending((work) => pool.use(work), close, around)
  }
})

/** All observers that cost little: a tracer, exports each second, a subscriber to the notices. */
const watched = observed("watched", { leakThreshold: "1 minute" }, (pool) => {
  const look = Effect.all([pool.stats, pool.leases, pool.advise, PoolMetrics.prometheus])
  const looks = Effect.schedule(Effect.zipRight(look, Effect.sync(Metric.unsafeSnapshot)), everySecond)
  return Effect.forkScoped(looks).pipe(
    Effect.zipRight(Effect.forkScoped(Stream.runDrain(pool.notices))),
    Effect.as((run) => Effect.withTracer(Effect.withSpan(run, "request"), collecting))
  )
})

/** One subscriber that takes every event, two for each lease. A run ends when it has them all. */
const subscribed = observed("a subscriber of events", {}, (pool) => {
  let released = 0
  const take = Stream.runForEach(pool.events, ({ _tag }) =>
    Effect.sync(() => {
      if (_tag === "Released") released++
    }))
  const allTaken = Effect.repeat(Effect.zipRight(turns, pool.stats), {
    until: ({ acquired }) => released === acquired
  }).pipe(
    Effect.timeoutFail({ duration: "5 seconds", onTimeout: () => new Error("the subscriber has lost events") }),
    Effect.orDie
  )
  return Effect.as(Effect.zipRight(Effect.forkScoped(take), turns), (run) => Effect.zipRight(run, allTaken))
})

const everySecond = Schedule.spaced("1 second")

/** A tracer that is not Effect's own, so that spans are made. */
const collecting: Tracer.Tracer = (() => {
  const { context, span } = Effect.runSync(Effect.tracer)
  return Tracer.make({ span, context })
})()

const get = ours("get, scoped", (pool) => (work) => Effect.scoped(Effect.flatMap(pool.get, work)))

const acquire = ours(
  "acquire and release",
  (pool) => (work) => Effect.flatMap(pool.acquire, (thing) => Effect.zipRight(work(), pool.release(thing)))
)

// --- effect 3 -------------------------------------------------------------------------------------------------------

const effect3 = (
  name: string,
  make: (
    size: number,
    acquire: Effect.Effect<Thing, never, Scope.Scope>
  ) => Effect.Effect<EffectPool.Pool<Thing>, never, Scope.Scope>,
  lease: (pool: EffectPool.Pool<Thing, unknown>, timeout: number | undefined) => Lease
): Subject => ({
  name: `effect 3 ${name}`,
  kind: "pool",
  canTimeOut: name.includes("timeout"),
  isSlowInQueues: true,
  from: version("effect"),
  open: async (size, timeout) => {
    const { close, pool } = await made(make(size, open(things())))
    await Effect.runPromise(warm(size, pool.get))
    return lending(lease(pool, timeout), close)
  },
  ...(name !== "Pool.makeWithTTL" ? {} : {
    over: async (connector, size) => {
      const { close, pool } = await made(
        EffectPool.makeWithTTL({ acquire: connect(connector), min: 0, max: size, timeToLive: "10 minutes" })
      )
      return lending(lease(pool, undefined), close)
    },
    reap: async (size) => {
      const { count, open } = closings()
      const { close, pool } = await made(
        EffectPool.makeWithTTL({
          acquire: open,
          min: 0,
          max: size,
          timeToLive: "1 second",
          timeToLiveStrategy: "usage"
        })
      )
      await Effect.runPromise(warm(size, pool.get))
      const pause = await longestPause(() => until(() => count.closed === size))
      await close()
      return pause
    }
  })
})

const plain3 = effect3(
  "Pool.make",
  (size, acquire) => EffectPool.make({ acquire, size }),
  (pool) => (work) => Effect.scoped(Effect.flatMap(pool.get, work))
)

const ttl3 = effect3(
  "Pool.makeWithTTL",
  (size, acquire) => EffectPool.makeWithTTL({ acquire, min: size, max: size, timeToLive: "10 minutes" }),
  (pool) => (work) => Effect.scoped(Effect.flatMap(pool.get, work))
)

/** The timeout that a user of effect/Pool adds so that every borrow ends. */
const limited3 = effect3(
  "Pool.make with Effect.timeout",
  (size, acquire) => EffectPool.make({ acquire, size }),
  (pool, timeout = 60_000) => (work) => Effect.scoped(Effect.flatMap(Effect.timeout(pool.get, timeout), work))
)

// --- Limits ---------------------------------------------------------------------------------------------------------

const stack = (size: number): Array<Thing> => {
  const make = things()
  return Array.from({ length: size }, make)
}

/** Makes a limit without a queue, so it must not have more borrowers than things. */
const bare = (name: string, lease: (idle: Array<Thing>) => Lease): Subject => ({
  name: `effect 3 ${name}`,
  kind: "limit",
  canTimeOut: false,
  from: version("effect"),
  open: async (size) => lending(lease(stack(size)), async () => {})
})

const bareUse = bare("acquireUseRelease over an array", (idle) => {
  const pop = Effect.sync(() => idle.pop()!)
  const push = (thing: Thing) => Effect.sync(() => idle.push(thing))
  return (work) => Effect.acquireUseRelease(pop, work, push)
})

const bareScoped = bare("scoped with a finalizer over an array", (idle) => {
  const pop = Effect.sync(() => idle.pop()!)
  const push = (thing: Thing) => Effect.sync(() => idle.push(thing))
  return (work) => Effect.scoped(Effect.flatMap(Effect.acquireRelease(pop, push), work))
})

/** The cost of fibers that queue once for an array, and can neither leave the queue nor fail. */
const fibersInLine = bare("fibers in line for an array", (idle) => {
  const waiting: Array<(thing: Effect.Effect<Thing>) => void> = []
  let served = 0
  const pop = Effect.suspend(() => {
    const thing = idle.pop()
    return thing === undefined ? Effect.async<Thing>((resume) => void waiting.push(resume)) : Effect.succeed(thing)
  })
  const push = (thing: Thing) => {
    if (served < waiting.length) return waiting[served++]!(Effect.succeed(thing))
    idle.push(thing)
    waiting.length = served = 0
  }
  return (work) => Effect.flatMap(pop, (thing) => Effect.map(work(), () => push(thing)))
})

export const ourPools = [use, get, acquire]
export const effect3Pools = [plain3, ttl3, limited3]
export const bareEffects = [bareUse, bareScoped]
/** The same pool without and with observers. */
export const inView = [use, subscribed, watched]
export const linesOfFibers = [fibersInLine]
