import { describe, expect, it } from "@effect/vitest"
import { Pool } from "@socketpool/core"
import { Interruptions, ScriptedConnector, SteppingScheduler } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber, Scheduler, Scope } from "effect"
import { parked } from "../src/internal/borrow.js"
import { ConnectionPoolImpl } from "../src/internal/connectionPool.js"
import { Engine } from "../src/internal/engine.js"
import { resolve } from "../src/internal/options.js"
import { Waiter } from "../src/internal/state.js"

type Connection = ScriptedConnector.ScriptedConnection
type Connector = ScriptedConnector.ScriptedConnector
type TestPool = ConnectionPoolImpl<Connection, ScriptedConnector.ScriptedOpenError>

/** What is wrong in one run; each scenario adds to it. */
type Problems = Array<string>

interface World {
  readonly connector: Connector
  readonly engine: Engine<Connection, ScriptedConnector.ScriptedOpenError>
  readonly pool: TestPool
  readonly problems: Problems
  /** Holds a connection for a few steps and notices if somebody else holds it too. */
  readonly hold: (connection: Connection) => Effect.Effect<number>
}

const makeWorld = (
  maxConnections: number,
  script: Parameters<typeof ScriptedConnector.make>[0] = {}
): Effect.Effect<World> =>
  Effect.gen(function*() {
    const connector = ScriptedConnector.make(script)
    const runtime = yield* Effect.runtime<never>()
    const clock = yield* Effect.clock
    const options = resolve({ open: connector.open, name: "explored", maxConnections, minConnections: 0 }, () => "pool")
    const engine = new Engine({ ...options, open: connector.open }, runtime, clock, () => {})
    const problems: Problems = []
    return {
      connector,
      engine,
      pool: new ConnectionPoolImpl(engine),
      problems,
      hold: (connection) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            if (connection.held) problems.push(`connection ${connection.id} has two holders`)
            if (!connection.alive) problems.push(`connection ${connection.id} was lent although it is closed`)
            connection.held = true
          }),
          () => Effect.as(Effect.yieldNow(), connection.id),
          () => Effect.sync(() => connection.held = false)
        )
    }
  })

/** Lets everything that can run do so. */
const settle = (done: () => boolean) =>
  Effect.gen(function*() {
    for (let i = 0; i < 200 && !done(); i++) yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
    return done()
  })

/** After the subject has ended: nothing leased, nothing waiting, everything there can be lent again, and it closes. */
const examine = (world: World) =>
  Effect.gen(function*() {
    const { connector, engine, pool, problems } = world
    const { state } = engine
    const quiet = yield* settle(() =>
      state.waiters.length === 0 && state.opening.length === 0 && state.aborting.length === 0 &&
      state.closing.length === 0 && state.inUse === 0
    )
    const stats = yield* pool.stats
    if (!quiet) problems.push(`it does not come to rest: ${JSON.stringify(stats)}`)
    problems.push(...connector.audit(stats))
    if (state.phase === "Running") {
      const again = yield* Effect.forEach(
        Array.from({ length: stats.maxConnections }),
        // A scripted failure that the subject did not live to see is met here.
        () => Effect.exit(Effect.retry(pool.acquireWith({ timeout: "1 second" }), { times: 1 })),
        { concurrency: "unbounded" }
      ).pipe(Effect.fork)
      if (!(yield* settle(() => again.unsafePoll() !== null))) {
        problems.push(`it cannot lend ${stats.maxConnections} again: ${JSON.stringify(yield* pool.stats)}`)
        yield* Fiber.interrupt(again)
      } else {
        for (const exit of yield* Fiber.join(again)) {
          if (Exit.isSuccess(exit)) yield* Effect.ignore(pool.release(exit.value))
          else problems.push(`it cannot lend again: ${String(exit.cause)}`)
        }
      }
    }
    const closing = yield* Effect.fork(pool.close)
    if (!(yield* settle(() => closing.unsafePoll() !== null))) problems.push("it does not close")
    if (connector.live !== 0) problems.push(`${connector.live} connections are still open after the close`)
    if (connector.closed !== connector.opened) {
      problems.push(`${connector.opened} were opened, ${connector.closed} closed`)
    }
    return problems
  })

/** Explores one scenario: `prepare` sets the stage and gives the effect to be interrupted and what comes after. */
const explored = (
  world: Effect.Effect<World>,
  scenario: (world: World) => Effect.Effect<{
    readonly subject: Effect.Effect<unknown, unknown>
    readonly meanwhile?: Effect.Effect<unknown>
    readonly afterwards?: Effect.Effect<unknown>
  }>
) =>
  Interruptions.explore((forkSubject) =>
    Effect.gen(function*() {
      const here = yield* world
      const { afterwards, meanwhile, subject } = yield* scenario(here)
      const fiber = yield* forkSubject(subject)
      if (meanwhile !== undefined) yield* meanwhile
      if (!(yield* settle(() => fiber.unsafePoll() !== null))) here.problems.push("the subject never ends")
      if (afterwards !== undefined) yield* afterwards
      return yield* examine(here)
    })
  )

const expectHarmless = (report: Interruptions.Report, atLeast: number) => {
  expect(report.violations).toEqual([])
  // A program that takes fewer steps than it must has not been explored.
  expect(report.steps).toBeGreaterThanOrEqual(atLeast)
}

const warm = (world: World) => Effect.orDie(world.pool.use(() => Effect.void))

/** Somebody has the only connection and gives it back when told to; others wait behind the subject. */
const busy = (world: World) =>
  Effect.gen(function*() {
    const go = yield* Deferred.make<void>()
    const holder = yield* Effect.fork(
      world.pool.use((connection) => Effect.andThen(Deferred.await(go), world.hold(connection)))
    )
    yield* settle(() => world.engine.state.inUse === 1)
    const behind: Array<Fiber.RuntimeFiber<number, unknown>> = []
    return {
      meanwhile: Effect.gen(function*() {
        yield* Effect.yieldNow()
        behind.push(yield* Effect.fork(world.pool.use(world.hold)))
        yield* settle(() => world.engine.state.waiters.length > 0)
        yield* Deferred.succeed(go, undefined)
      }),
      afterwards: Effect.gen(function*() {
        yield* Fiber.await(holder)
        for (const fiber of behind) {
          if (!(yield* settle(() => fiber.unsafePoll() !== null))) {
            world.problems.push("the waiter behind the subject was never served")
            yield* Fiber.interrupt(fiber)
          }
        }
      })
    }
  })

const scoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.scoped(effect)

// F26, H1: double hand-out
describe("an interruption at any runtime step", { timeout: 60_000 }, () => {
  it.effect("loses nothing in use on an idle connection", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.as(warm(world), { subject: world.pool.use(world.hold) }))
      expectHarmless(report, 12)
    }))

  it.effect("loses nothing in use while a connection is being opened", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(2), (world) => Effect.succeed({ subject: world.pool.use(world.hold) }))
      expectHarmless(report, 15)
    }))

  it.effect("loses nothing in use when opening fails", () =>
    Effect.gen(function*() {
      const failing = makeWorld(1, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
      const report = yield* explored(failing, (world) =>
        Effect.succeed({
          subject: Effect.catchTag(world.pool.use(world.hold), "ScriptedOpenError", () => world.pool.use(world.hold))
        }))
      expectHarmless(report, 20)
    }))

  it.effect("loses nothing in a scoped get", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.as(warm(world), { subject: scoped(Effect.flatMap(world.pool.get, world.hold)) }))
      expectHarmless(report, 15)
    }))

  it.effect("loses nothing in a scoped get that waits for an open", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.succeed({ subject: scoped(Effect.flatMap(world.pool.get, world.hold)) }))
      expectHarmless(report, 15)
    }))

  for (const end of ["release", "drop"] as const) {
    it.effect(`loses nothing between acquire and ${end}`, () =>
      Effect.gen(function*() {
        const report = yield* explored(makeWorld(1), (world) =>
          Effect.as(warm(world), {
            subject: Effect.acquireUseRelease(
              world.pool.acquire,
              world.hold,
              (connection) => Effect.orDie(world.pool[end](connection))
            )
          }))
        expectHarmless(report, 12)
      }))
  }

  // F8
  it.effect("loses nothing when a connection is handed to a waiter in use", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.map(busy(world), (stage) => ({ ...stage, subject: world.pool.use(world.hold) })))
      expectHarmless(report, 12)
    }))

  // F8
  it.effect("loses nothing when a connection is handed to a waiter in a scoped get", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.map(busy(world), (stage) => ({
          ...stage,
          subject: scoped(Effect.flatMap(world.pool.get, world.hold))
        })))
      expectHarmless(report, 15)
    }))

  it.effect("loses nothing when a connection is handed to a waiter with a timeout of its own", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(1), (world) =>
        Effect.map(busy(world), (stage) => ({
          ...stage,
          subject: Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(world.pool.acquireWith({ timeout: "1 minute" }), (connection) =>
              Effect.ensuring(restore(world.hold(connection)), Effect.ignore(world.pool.release(connection))))
          )
        })))
      expectHarmless(report, 12)
    }))

  it.effect("leaves a close running that it strikes", () =>
    Effect.gen(function*() {
      const report = yield* explored(makeWorld(2), (world) =>
        Effect.gen(function*() {
          const go = yield* Deferred.make<void>()
          const holder = yield* Effect.fork(world.pool.use(() => Deferred.await(go)))
          yield* settle(() => world.engine.state.inUse === 1)
          return {
            subject: world.pool.close,
            meanwhile: Effect.andThen(
              settle(() => world.engine.state.phase !== "Running"),
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
          meanwhile: Effect.andThen(Effect.fork(world.pool.close), stage.meanwhile),
          afterwards: stage.afterwards
        })))
      expectHarmless(report, 8)
    }))
})

describe("the explorer", { timeout: 60_000 }, () => {
  /** `use` with the one flaw: who owns what is looked at inside `restore`. */
  const flawedUse = (world: World) => {
    const { engine, hold } = world
    return Effect.uninterruptibleMask((restore) =>
      Effect.withFiberRuntime<number, unknown>((fiber) => {
        const now = engine.now()
        const waiter = new Waiter<Connection>(fiber, undefined, now, now + 10_000, false, undefined)
        engine.leases.enqueue(waiter, now)
        return restore(Effect.matchCauseEffect(parked(engine, waiter), {
          onFailure: (cause) => {
            engine.leases.withdraw(waiter)
            return Effect.failCause(cause)
          },
          onSuccess: () => {
            const lease = waiter.lease!
            return Effect.onExit(hold(engine.leases.present(lease, "Scoped", 0)), (exit) =>
              Effect.sync(() => engine.leases.end(lease, exit)))
          }
        }))
      })
    )
  }

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
        const open = Effect.withFiberRuntime<Connection, ScriptedConnector.ScriptedOpenError, Scope.Scope>((fiber) => {
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
        const pool = yield* Pool.make({ open }).pipe(Scope.extend(scope), Effect.withScheduler(scheduler))
        strike = () => void Effect.runFork(pool.close)
        const borrower = yield* Effect.fork(pool.use(() => Effect.void))
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
  /** Interrupts the first fiber that is to run after it was armed, before that fiber's first step. */
  class Assassin extends Scheduler.MixedScheduler {
    armed = false

    override scheduleTask(task: Scheduler.Task, priority: number, fiber?: Fiber.RuntimeFiber<unknown, unknown>): void {
      if (this.armed && fiber !== undefined) {
        this.armed = false
        fiber.unsafeInterruptAsFork(fiber.id())
      }
      super.scheduleTask(task, priority, fiber)
    }
  }

  it.scoped("before it has begun fails its borrower, and the pool goes on", () =>
    Effect.gen(function*() {
      const assassin = new Assassin(2048)
      const connector = ScriptedConnector.make()
      const pool = yield* Effect.withScheduler(Pool.make({ open: connector.open, maxConnections: 1 }), assassin)
      assassin.armed = true
      const exit = yield* Effect.exit(pool.use(() => Effect.void))
      expect(Exit.isFailure(exit) && exit.cause._tag).toBe("Die")
      expect(connector.log).toEqual([])
      yield* pool.use(() => Effect.void)
      expect(connector.log).toEqual(["open 1"])
    }))
})

describe("a pool that is made by a fiber that has been interrupted", () => {
  it.effect("opens connections all the same, where its maker may go on", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const maker = yield* Effect.fork(Effect.uninterruptible(Effect.scoped(Effect.gen(function*() {
        yield* Effect.withFiberRuntime<void>((fiber) => {
          fiber.unsafeInterruptAsFork(fiber.id())
          return Effect.yieldNow()
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
