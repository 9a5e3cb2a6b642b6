// The differences between this pool and the one of Effect 4.1, and the faults of Effect 3's that 4.1 has mended. The
// README of the edition says no more than this.
import { Pool } from "@socketpool/core"
import { TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Fiber, Pool as EffectPool, Scope } from "effect"

interface Options<A, E> {
  readonly open: Effect.Effect<A, E, Scope.Scope>
  readonly max: number
}

/** The verbs of both pools. */
interface Subject<A> {
  readonly use: <B, E, R>(f: (item: A) => Effect.Effect<B, E, R>) => Effect.Effect<B, unknown, R>
  readonly invalidate: (item: A) => Effect.Effect<unknown>
}

type Make = <A, E>(options: Options<A, E>) => Effect.Effect<Subject<A>, never, Scope.Scope>

const theirs: Make = ({ max, open }) =>
  Effect.map(EffectPool.makeWithTTL({ acquire: open, min: 0, max, timeToLive: "1 hour" }), (pool) => ({
    use: (f) => EffectPool.use(pool, f),
    invalidate: (item) => EffectPool.invalidate(pool, item)
  }))

const ours: Make = ({ max, open }) =>
  Effect.map(Pool.make({ open, maxConnections: max, acquireTimeout: "10 seconds", connectTimeout: "1 second" }), (
    pool
  ) => ({ use: pool.use.bind(pool) as any, invalidate: (item) => pool.invalidate(item) }))

/** The end of an effect within a minute. */
const ending = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(effect))
    const ended = yield* Effect.timeoutOption(Fiber.join(fiber), "1 minute")
    if (ended._tag === "None") return "waits"
    if (Exit.isSuccess(ended.value)) return "served"
    return Exit.hasInterrupts(ended.value) ? "interrupted" : "fails"
  })

const all = (effects: ReadonlyArray<Effect.Effect<string, never, any>>) =>
  Effect.all(effects, { concurrency: "unbounded" })

/** Plays a scenario with Effect's pool, and then with this one. */
const played = (scenario: (make: Make) => Effect.Effect<unknown, unknown, any>) =>
  Effect.forEach([theirs, ours], (make) => Effect.scoped(scenario(make) as Effect.Effect<unknown, never, Scope.Scope>))

/** Moves the test's clock on while an effect runs. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("3 minutes")
    return yield* Fiber.join(fiber)
  })

describe("mended in Effect 4", () => {
  it.effect("a get can be interrupted while an item opens", () =>
    Effect.gen(function*() {
      const found = yield* inTime(played((make) =>
        Effect.gen(function*() {
          const pool = yield* make({ open: Effect.delay(Effect.succeed(1), "30 seconds"), max: 1 })
          const fiber = yield* Effect.forkChild(pool.use(Effect.succeed))
          yield* Effect.sleep("1 second")
          return yield* ending(Fiber.interrupt(fiber))
        })
      ))
      expect(found).toEqual(["served", "served"])
    }))

  it.effect("the waiters behind a failed open are served", () =>
    Effect.gen(function*() {
      const found = yield* inTime(played((make) => {
        let opens = 0
        const open = Effect.suspend(() => ++opens === 1 ? Effect.fail("refused") : Effect.succeed(opens))
        return Effect.flatMap(
          make({ open: Effect.delay(open, "100 millis"), max: 1 }),
          (pool) => all([1, 2, 3].map(() => ending(pool.use(() => Effect.sleep(1)))))
        )
      }))
      expect(found).toEqual([["fails", "served", "served"], ["fails", "served", "served"]])
    }))

  it.effect("a fiber that borrows again and again starves nobody", () =>
    Effect.gen(function*() {
      const found = yield* inTime(played((make) =>
        Effect.gen(function*() {
          const pool = yield* make({ open: Effect.succeed(1), max: 1 })
          const greedy = yield* Effect.forkChild(Effect.forever(pool.use(() => Effect.sleep("1 second"))))
          yield* Effect.sleep("5 seconds")
          const waited = yield* ending(Effect.timeout(pool.use(Effect.succeed), "5 seconds"))
          yield* Fiber.interrupt(greedy)
          return waited
        })
      ))
      expect(found).toEqual(["served", "served"])
    }))
})

describe("not in Effect 4", () => {
  it.effect("a limit of the wait: an exhausted pool waits for ever", () =>
    Effect.gen(function*() {
      const found = yield* inTime(played((make) =>
        Effect.gen(function*() {
          const pool = yield* make({ open: Effect.succeed(1), max: 1 })
          yield* Effect.forkScoped(pool.use(() => Effect.never))
          yield* Effect.sleep(1)
          return yield* ending(pool.use(Effect.succeed))
        })
      ))
      expect(found).toEqual(["waits", "fails"])
    }))

  it.effect("a limit of an open: one that hangs holds up everybody", () =>
    Effect.gen(function*() {
      const found = yield* inTime(played((make) => {
        let opens = 0
        const open = Effect.suspend(() => ++opens === 1 ? Effect.never : Effect.succeed(opens))
        return Effect.gen(function*() {
          const pool = yield* make({ open, max: 10 })
          const first = yield* Effect.forkChild(ending(pool.use(Effect.succeed)))
          yield* Effect.sleep(1)
          const others = yield* all([2, 3, 4, 5].map(() => ending(pool.use(Effect.succeed))))
          return [yield* Fiber.join(first), ...others, opens]
        })
      }))
      expect(found[0]).toEqual(["waits", "waits", "waits", "waits", "waits", 1])
      expect((found[1] as Array<unknown>).slice(0, 5)).toEqual(["served", "served", "served", "served", "served"])
    }))

  it.effect("the maximum: an item that is invalidated while it is lent does not count", () =>
    Effect.gen(function*() {
      const found = yield* inTime(played((make) => {
        let live = 0
        let most = 0
        const open = Effect.acquireRelease(
          Effect.sync(() => {
            most = Math.max(most, ++live)
            return { number: live }
          }),
          () => Effect.sync(() => live--)
        )
        return Effect.gen(function*() {
          const pool = yield* make({ open, max: 1 })
          yield* pool.use((item) =>
            Effect.andThen(pool.invalidate(item), ending(Effect.timeout(pool.use(Effect.succeed), "1 second")))
          )
          return most
        })
      }))
      expect(found).toEqual([2, 1])
    }))

  it.effect("a fresh connection after an interrupted use: the next borrower gets the same", () =>
    Effect.gen(function*() {
      const found = yield* inTime(played((make) => {
        let opens = 0
        return Effect.gen(function*() {
          const pool = yield* make({ open: Effect.sync(() => ++opens), max: 1 })
          const fiber = yield* Effect.forkChild(pool.use(() => Effect.never))
          yield* Effect.sleep("1 second")
          yield* Fiber.interrupt(fiber)
          return yield* pool.use(Effect.succeed)
        })
      }))
      expect(found).toEqual([1, 2])
    }))

  it.effect("an error for a borrower of a pool that closes: it is interrupted", () =>
    Effect.gen(function*() {
      const found = yield* inTime(played((make) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const pool = yield* Scope.provide(make({ open: Effect.succeed(1), max: 1 }), scope)
          yield* Effect.forkChild(pool.use(() => Effect.sleep("5 seconds")))
          yield* Effect.sleep(1)
          const waiter = yield* Effect.forkChild(ending(pool.use(Effect.succeed)))
          yield* Effect.sleep(1)
          yield* Effect.forkChild(Scope.close(scope, Exit.void))
          return yield* Fiber.join(waiter)
        })
      ))
      expect(found).toEqual(["interrupted", "fails"])
    }))
})
