/** The pool of Effect 4, which has its own interpreter. */
import { Deferred, Effect, Exit, Fiber, Pool, Schedule, Scope } from "effect-4"
import { longestPause, until } from "../probes.js"
import { type Lending, type Load, type Subject, type Thing, things } from "../subject.js"
import { version } from "../versions.js"
import { leaseLoop } from "./loop.js"

type Work = Effect.Effect<void>
type Lease = (work: () => Work) => Effect.Effect<void, unknown>

const nothing: Work = Effect.void
const step: Work = Effect.yieldNow

const lending = (lease: Lease, close: () => Promise<unknown>): Lending => ({
  close,
  run: (load: Load) => {
    const { borrowers, gate, paces, retryMillis, steps } = load
    const work = gate !== undefined ? Effect.promise(gate) : steps ? step : nothing
    const take: Lease = retryMillis === undefined
      ? lease
      : (work) => Effect.retry(lease(work), Schedule.spaced(retryMillis))
    const turn: Lease = paces ? (work) => Effect.andThen(take(work), step) : take
    const borrower = (number: number) => Effect.suspend(() => Effect.whileLoop(leaseLoop(load, number, work, turn)))
    const all = Array.from({ length: borrowers }, (_, number) => borrower(number))
    return Effect.runPromise(Effect.all(all, { concurrency: "unbounded", discard: true }) as Effect.Effect<void>)
  },
  cancel: (waiters) =>
    Effect.runPromise(
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const holder = yield* Effect.forkChild(lease(() => Deferred.await(gate)))
        yield* turns
        const fibers = yield* Effect.forEach(Array.from({ length: waiters }), () =>
          Effect.forkChild(lease(() => nothing)))
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
const turns = Effect.repeat(Effect.promise(() => new Promise<void>((next) => setImmediate(next))), { times: 5 })

const effect4 = (name: string, lease: (pool: Pool.Pool<Thing, unknown>) => Lease): Subject => ({
  name: `effect 4 ${name}`,
  kind: "pool",
  canTimeOut: false,
  from: version("effect-4", "effect"),
  open: async (size) => {
    const make = things()
    const scope = Effect.runSync(Scope.make())
    const pool = await Effect.runPromise(
      Pool.make<Thing, unknown, Scope.Scope>({
        acquire: Effect.acquireRelease(Effect.sync(make), () => Effect.void),
        size
      }).pipe(
        Effect.provideService(Scope.Scope, scope)
      )
    )
    await Effect.runPromise(
      Effect.scoped(
        Effect.all(Array.from({ length: size }, () => Pool.get(pool)), { concurrency: "unbounded", discard: true })
      )
    )
    return lending(lease(pool), () => Effect.runPromise(Scope.close(scope, Exit.void)))
  },
  over: async (connector, size) => {
    const make = things()
    const scope = Effect.runSync(Scope.make())
    const acquire = Effect.acquireRelease(
      Effect.andThen(
        Effect.try({ try: connector.begin, catch: (error) => error }),
        Effect.as(Effect.sleep(connector.millis), make())
      ),
      () => Effect.void
    )
    const pool = await Effect.runPromise(
      Pool.makeWithTTL({ acquire, min: 0, max: size, timeToLive: "10 minutes" }).pipe(
        Effect.provideService(Scope.Scope, scope)
      )
    )
    return lending(lease(pool), () => Effect.runPromise(Scope.close(scope, Exit.void)))
  },
  reap: async (size) => {
    const make = things()
    let closed = 0
    const scope = Effect.runSync(Scope.make())
    const acquire = Effect.acquireRelease(Effect.sync(make), () => Effect.sync(() => void closed++))
    const pool = await Effect.runPromise(
      Pool.makeWithTTL({ acquire, min: 0, max: size, timeToLive: "1 second", timeToLiveStrategy: "usage" }).pipe(
        Effect.provideService(Scope.Scope, scope)
      )
    )
    await Effect.runPromise(
      Effect.scoped(
        Effect.all(Array.from({ length: size }, () => Pool.get(pool)), { concurrency: "unbounded", discard: true })
      )
    )
    const pause = await longestPause(() => until(() => closed === size))
    await Effect.runPromise(Scope.close(scope, Exit.void))
    return pause
  }
})

const get = effect4("Pool.get, scoped", (pool) => (work) => Effect.scoped(Effect.flatMap(Pool.get(pool), work)))
const use = effect4("Pool.use", (pool) => (work) => Pool.use(pool, work))

export const effect4Pools = [get, use]
