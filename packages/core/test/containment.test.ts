import { Pool, type PoolEvent } from "@socketpool/core"
import { fork, provideScope, repeatN, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { forkSettled, id, type Options, settled, setup, type TestPool, warmUp } from "./setup.js"

/** A promise that is rejected, now or some turns later. */
const rejected = (turns: number): Effect.Effect<never> =>
  Effect.promise(async () => {
    for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next))
    throw new Error("rejected")
  })

const turn = Effect.promise(() => new Promise((next) => setImmediate(next)))

/** The errors that the process would die of while an effect runs. */
const unhandled = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const seen: Array<unknown> = []
      const note = (reason: unknown) => void seen.push(reason)
      process.on("unhandledRejection", note).on("uncaughtException", note)
      return { note, seen }
    }),
    ({ seen }) => Effect.as(Effect.andThen(effect, repeatN(turn, 5)), seen),
    ({ note }) => Effect.sync(() => process.off("unhandledRejection", note).off("uncaughtException", note))
  )

describe("no rejection goes unhandled", () => {
  const callbacks: ReadonlyArray<readonly [string, (turns: number) => Options]> = [
    ["closed", (turns) => ({ closed: () => rejected(turns) })],
    ["onRelease", (turns) => ({ onRelease: () => rejected(turns) })],
    ["validate", (turns) => ({ validate: () => rejected(turns), validateAfterIdle: 0 })]
  ]
  for (const turns of [0, 3]) {
    // F63
    it.scoped.each(callbacks)(`of %s, ${turns} turns later`, ([_, options]) =>
      Effect.gen(function*() {
        const { pool } = yield* setup(options(turns))
        const seen = yield* unhandled(Effect.gen(function*() {
          yield* Effect.exit(pool.use(id))
          yield* repeatN(turn, 5)
          yield* Effect.exit(pool.use(id))
          yield* repeatN(turn, 5)
        }))
        assert.deepStrictEqual(seen, [])
      }))

    // F63
    it.scoped(`of an open in the background or a close, ${turns} turns later`, () =>
      Effect.gen(function*() {
        let opens = 0
        const connector = ScriptedConnector.make()
        const open = Effect.gen(function*() {
          yield* Effect.addFinalizer(() => rejected(turns))
          if (++opens % 2 === 1) return yield* rejected(turns)
          return yield* connector.open
        })
        const seen = yield* unhandled(Effect.scoped(Effect.gen(function*() {
          const pool = yield* Pool.make({ open, minConnections: 2, maxConnections: 3 })
          for (let round = 0; round < 5; round++) {
            yield* repeatN(turn, 10)
            yield* TestClock.adjust("10 seconds")
          }
          const waiter = yield* fork(Effect.exit(pool.use((connection) => pool.drop(connection))))
          yield* repeatN(turn, 10)
          yield* Fiber.interrupt(waiter)
          yield* pool.close
        })))
        assert.deepStrictEqual(seen, [])
        assert.deepStrictEqual([connector.live, connector.closed], [0, connector.opened])
      }))
  }
})

describe("a finalizer that throws", () => {
  // G4: finalizer throws
  it.scoped("holds up neither its borrower nor another's connection nor the close of the pool", () =>
    Effect.gen(function*() {
      let thrown = 0
      const connector = ScriptedConnector.make()
      const scope = yield* Scope.make()
      const pool = yield* provideScope(
        Pool.make({
          maxConnections: 1,
          open: Effect.tap(connector.open, () =>
            Effect.addFinalizer((): Effect.Effect<void> => {
              thrown++
              throw new Error("thrown by a finalizer")
            }))
        }),
        scope
      )
      yield* pool.use((connection) => pool.drop(connection))
      assert.strictEqual(yield* pool.use(id), 2)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([thrown, connector.live, connector.closed], [2, 0, 2])
    }))
})

describe("options", () => {
  const polluted: Options = {
    maxConnections: 1,
    maxPending: 0,
    acquireTimeout: 0,
    isConnected: () => false,
    onRelease: () => Effect.succeed("discard"),
    lease: () => {
      throw new Error("polluted")
    }
  }

  /** Lends as a pool does that nobody has configured. */
  const assertDefault = (
    connector: ScriptedConnector.ScriptedConnector,
    pool: TestPool
  ) =>
    Effect.gen(function*() {
      yield* warmUp(pool, 2)
      assert.deepStrictEqual([(yield* pool.stats).maxConnections, connector.live], [200, 2])
    })

  // H4: option objects as code
  it.scoped("are an object's own: what is put on Object.prototype configures no pool", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const scope = yield* Effect.scope
      const pool = yield* Effect.sync(() => {
        const prototype = Object.prototype as Record<string, unknown>
        try {
          Object.assign(prototype, polluted)
          return Effect.runSync(provideScope(Pool.make({ open: connector.open }), scope))
        } finally {
          for (const option of Object.keys(polluted)) delete prototype[option]
        }
      })
      yield* assertDefault(connector, pool)
    }))

  // H4: option objects as code
  it.scoped("that were merged with a JSON text are not taken from the prototype it names", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const text = `{ "__proto__": { "maxConnections": 1, "order": "fifo", "acquireTimeout": 0 } }`
      const pool = yield* Pool.make(Object.assign({ open: connector.open }, JSON.parse(text) as Options))
      yield* assertDefault(connector, pool)
    }))
})

describe("the events of a pool", () => {
  // H3: memory bounds
  it.scoped("that a subscriber does not read are forgotten, but for the last 1,024", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const gate = yield* Deferred.make<void>()
      const events: Array<PoolEvent> = []
      const subscriber = yield* forkSettled(
        Stream.runForEach(pool.events, (event) => Effect.map(Deferred.await(gate), () => void events.push(event)))
      )
      yield* repeatN(pool.use(id), 9999)
      yield* Deferred.succeed(gate, undefined)
      yield* settled
      // Beside those there is what the subscriber had in hand, which is at most as much again.
      assert.isAtLeast(events.length, 1024)
      assert.isAtMost(events.length, 2 * 1024)
      assert.deepStrictEqual(events.slice(-2).map((event) => event._tag), ["Borrowed", "Released"])
      yield* Fiber.interrupt(subscriber)
    }))
})
