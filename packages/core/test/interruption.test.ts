import { Overload, Pool } from "@socketpool/core"
import {
  fork,
  provideScope,
  reasonOf,
  type RunningFiber,
  stop,
  toldScheduler,
  withFiber,
  withScheduler,
  yieldNow
} from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector, SteppingScheduler } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import {
  busy,
  type Connection,
  expectHarmless,
  explored,
  isRunning,
  makeWorld,
  settle,
  statsOf,
  warm,
  type World
} from "./explored.js"

type Subject = (world: World) => Effect.Effect<unknown, unknown>
/** The place of the interruption, and the fewest steps that this takes. */
type Case = readonly [where: string, subject: Subject, atLeast: number]

// F26, H1: double hand-out
describe("an interruption at any runtime step", { timeout: 60_000 }, () => {
  const use: Subject = ({ hold, pool }) => pool.use(hold)
  const get: Subject = ({ hold, pool }) => Effect.scoped(Effect.flatMap(pool.get, hold))
  const acquire = (end: "release" | "drop"): Subject => ({ hold, pool }) =>
    Effect.acquireUseRelease(pool.acquire, hold, (connection) => Effect.orDie(pool[end](connection)))
  const useExclusive: Subject = ({ holdAlone, pool }) => pool.useExclusive(holdAlone)
  const exclusive: Subject = ({ holdAlone, pool }) => Effect.scoped(Effect.flatMap(pool.exclusive, holdAlone))
  const acquireWith: Subject = ({ hold, pool }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        pool.acquireWith({ timeout: "1 minute" }),
        (connection) => Effect.ensuring(restore(hold(connection)), Effect.ignore(pool.release(connection)))
      )
    )

  it.effect.each(
    [
      ["in use on an idle connection", use, 12],
      ["in a scoped get", get, 15],
      ["between acquire and release", acquire("release"), 12],
      ["between acquire and drop", acquire("drop"), 12]
    ] as ReadonlyArray<Case>
  )("loses nothing %s", ([_, subject, atLeast]) =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) => Effect.as(warm(world), { subject: subject(world) }))
      expectHarmless(report, atLeast)
    }))

  it.effect.each(
    [
      ["in use while a connection is being opened", use, 15, makeWorld(2)],
      [
        "in use when opening fails",
        (world) => Effect.catchTag(world.pool.use(world.hold), "ScriptedOpenError", () => use(world)),
        20,
        makeWorld(1, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
      ],
      ["in a scoped get that waits for an open", get, 15, makeWorld(1)]
    ] as ReadonlyArray<readonly [...Case, Effect.Effect<World>]>
  )("loses nothing %s", ([_, subject, atLeast, cold]) =>
    Effect.gen(function*() {
      const report = yield* explored(cold, (world) => Effect.succeed({ subject: subject(world) }))
      expectHarmless(report, atLeast)
    }))

  // F8
  it.effect.each(
    [
      ["in use", use, 12],
      ["in a scoped get", get, 15],
      ["with a timeout of its own", acquireWith, 12]
    ] as ReadonlyArray<Case>
  )("loses nothing when a connection is handed to a waiter %s", ([_, subject, atLeast]) =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.map(busy(world), (stage) => ({ ...stage, subject: subject(world) })))
      expectHarmless(report, atLeast)
    }))

  it.effect.each(
    [
      ["in useExclusive on an idle connection", useExclusive, 12],
      ["in a scoped exclusive", exclusive, 15]
    ] as ReadonlyArray<Case>
  )("loses nothing %s", ([_, subject, atLeast]) =>
    Effect.gen(function*() {
      const report = yield* explored(
        makeWorld(1, {}, 2),
        (world) => Effect.as(warm(world), { subject: subject(world) })
      )
      expectHarmless(report, atLeast)
    }))

  it.effect.each(
    [
      ["in useExclusive", useExclusive, 12],
      ["in a scoped exclusive", exclusive, 15]
    ] as ReadonlyArray<Case>
  )(
    "loses nothing when a connection is reserved, and handed over after its last lease, %s",
    ([_, subject, atLeast]) =>
      Effect.gen(function*() {
        const report = yield* explored(
          makeWorld(1, {}, 2),
          (world) => Effect.map(busy(world), (stage) => ({ ...stage, subject: subject(world) }))
        )
        expectHarmless(report, atLeast)
      })
  )

  // On the live clock, whose time goes on between two turns of the event loop.
  it.live.each(
    [
      ["in use", use, 5],
      ["in a scoped get", get, 12]
    ] as ReadonlyArray<Case>
  )("loses nothing when a waiter is shed %s", ([_, subject, atLeast]) =>
    Effect.gen(function*() {
      const codel = Overload.codel({ target: 0.001, interval: 0.001 })
      let shed = 0
      const report = yield* explored(makeWorld(1, {}, 1, codel), (world) =>
        Effect.gen(function*() {
          const go = yield* Deferred.make<void>()
          const others: Array<RunningFiber<unknown, unknown>> = []
          const join = Effect.gen(function*() {
            const before = statsOf(world).pending
            others.push(yield* fork(Effect.exit(world.pool.use(world.hold))))
            yield* settle(() => statsOf(world).pending > before)
          })
          others.push(yield* fork(world.pool.use((one) => world.hold(one, Deferred.await(go)))))
          yield* settle(() => statsOf(world).inUse === 1)
          // The first to be served shows that the waits are long; at the next turn the subject is the oldest.
          yield* join
          return {
            subject: subject(world),
            meanwhile: Effect.gen(function*() {
              yield* yieldNow
              yield* join
              yield* Deferred.succeed(go, undefined)
            }),
            afterwards: Effect.gen(function*() {
              for (const fiber of others) yield* Fiber.await(fiber)
              shed += statsOf(world).failed.Shed
            })
          }
        }))
      expectHarmless(report, atLeast)
      expect(shed).toBeGreaterThan(0)
    }))

  it.effect("leaves a close running that it strikes", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(2), (world) =>
        Effect.gen(function*() {
          const go = yield* Deferred.make<void>()
          const holder = yield* fork(world.pool.use(() => Deferred.await(go)))
          yield* settle(() => statsOf(world).inUse === 1)
          return {
            subject: world.pool.close,
            meanwhile: Effect.andThen(
              settle(() => !isRunning(world)),
              Deferred.succeed(go, undefined)
            ),
            afterwards: Fiber.await(holder)
          }
        }))
      expectHarmless(report, 3)
    }))

  it.effect("loses nothing when the pool closes under a waiter", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.map(busy(world), (stage) => ({
          subject: Effect.exit(world.pool.use(world.hold)),
          meanwhile: Effect.andThen(fork(world.pool.close), stage.meanwhile),
          afterwards: stage.afterwards
        })))
      expectHarmless(report, 6)
    }))
})

describe("the explorer", { timeout: 60_000 }, () => {
  /** A `use` with one flaw: an interrupt can strike after the lease has begun and before this fiber knows it. */
  const flawedUse = ({ hold, pool }: World) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        restore(pool.acquire),
        (connection) => Effect.ensuring(restore(hold(connection)), Effect.ignore(pool.release(connection)))
      )
    )

  it.effect("finds the lease that is lost when ownership is looked at inside restore", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.map(busy(world), (stage) => ({ ...stage, subject: flawedUse(world) })))
      expect(report.violations.length).toBeGreaterThan(0)
      expect(report.violations.some(({ problem }) =>
        problem.includes("cannot lend 1 again")
      )).toBe(true)
    }))

  it.effect("finds the connection that is lost by an acquire without a mask around it", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.as(warm(world), {
          subject: Effect.flatMap(
            world.pool.acquire,
            (connection) => Effect.ensuring(world.hold(connection), Effect.ignore(world.pool.release(connection)))
          )
        }))
      expect(report.violations.length).toBeGreaterThan(0)
    }))
})

describe("a close at any runtime step of an open", { timeout: 60_000 }, () => {
  // F26, F53
  it.effect("closes what the open gave, even if it came too late to be wanted", () =>
    Effect.gen(function*() {
      let late = 0
      for (let at = 0;; at++) {
        const scheduler = SteppingScheduler.make()
        let struck = false
        let strike = () => {}
        const connector = ScriptedConnector.make()
        const open = withFiber<Connection, ScriptedConnector.ScriptedOpenError, Scope.Scope>((fiber) => {
          scheduler.watch(fiber, {
            at,
            strike: () => {
              struck = true
              strike()
            }
          })
          return connector.open
        })
        const scope = yield* Scope.make()
        const pool = yield* Pool.make({ open }).pipe(provideScope(scope), withScheduler(scheduler))
        strike = () => void Effect.runFork(pool.close)
        const borrower = yield* fork(pool.use(() => Effect.void))
        yield* Fiber.await(borrower)
        yield* pool.close
        expect(yield* settle(() => connector.live === 0)).toBe(true)
        expect(connector.closed).toBe(connector.opened)
        expect(connector.audit(yield* pool.stats)).toEqual([])
        if (connector.opened === 1 && (yield* pool.stats).opened === 0) late++
        yield* Scope.close(scope, Exit.void)
        if (!struck) break
      }
      // Otherwise the case in question has not been met.
      expect(late).toBeGreaterThan(0)
    }))
})

describe("an open that a stranger interrupts", () => {
  it.scoped("before it has begun fails its borrower, and the pool goes on", () =>
    Effect.gen(function*() {
      // Interrupts the first fiber that is to run after it was armed, before that fiber's first step.
      let armed = false
      const assassin = toldScheduler((fiber) => {
        if (!armed) return
        armed = false
        stop(fiber)
      })
      const connector = ScriptedConnector.make()
      const pool = yield* withScheduler(Pool.make({ open: connector.open, maxConnections: 1 }), assassin)
      armed = true
      const exit = yield* Effect.exit(pool.use(() => Effect.void))
      expect(Exit.isFailure(exit) && reasonOf(exit.cause)).toBe("Die")
      expect(connector.log).toEqual([])
      yield* pool.use(() => Effect.void)
      expect(connector.log).toEqual(["open 1"])
    }))
})

describe("a pool that is made by a fiber that has been interrupted", () => {
  it.effect("opens connections all the same, where its maker may go on", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const maker = yield* fork(Effect.uninterruptible(Effect.scoped(Effect.gen(function*() {
        yield* withFiber<void>((fiber) => {
          stop(fiber)
          return yieldNow
        })
        const pool = yield* Pool.make({ open: connector.open })
        yield* pool.use(() => Effect.void)
      }))))
      yield* Fiber.await(maker)
      expect(connector.log).toEqual(["open 1", "close 1"])
    }))
})

// The tag's accessors add steps of their own around the pool's verbs.
describe("the accessors", { timeout: 60_000 }, () => {
  it.effect("lose nothing either", () =>
    Effect.gen(function*() {
      class Explored
        extends Pool.Service<Explored, Connection, ScriptedConnector.ScriptedOpenError>()("test/Explored")
      {}
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.as(warm(world), {
          subject: Effect.provideService(
            Effect.scoped(Effect.flatMap(Explored.connection, world.hold)),
            Explored,
            world.pool
          )
        }))
      expectHarmless(report, 15)
    }))
})
