import { addLogger, exitOf, fiberNumber, fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber, Stream } from "effect"
import { forkSettled, settled, setup } from "./setup.js"

/** Collects the warnings that name a suspected leak. */
const listening = <A, E, R>(effect: (warnings: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
  const warnings: Array<string> = []
  return Effect.provide(
    effect(warnings),
    addLogger("warning", ({ message }) => warnings.push(String(message)))
  )
}

describe("a lease that never comes back", () => {
  // F47
  it.scoped("is reported after leakThreshold with the span that took it, and closed when the drain is over", () =>
    listening((warnings) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({
          name: "orders",
          leakThreshold: "1 minute",
          drainTimeout: "1 second"
        })
        const leak = yield* fork(Effect.withSpan(Effect.andThen(pool.acquire, Effect.never), "forgetful"))
        yield* TestClock.adjust(59_999)
        assert.deepStrictEqual(warnings, [])
        yield* TestClock.adjust(1)
        assert.strictEqual(warnings.length, 1)
        for (const word of [`Pool "orders"`, `span "forgetful"`, `#${fiberNumber(leak)}`, "60000 ms"]) {
          assert.include(warnings[0], word)
        }
        const closing = yield* forkSettled(pool.close)
        yield* TestClock.adjust(999)
        assert.isUndefined(exitOf(closing))
        yield* TestClock.adjust(1)
        yield* Fiber.join(closing)
        assert.strictEqual(connector.live, 0)
        yield* Fiber.interrupt(leak)
      })
    ))

  // F47
  it.scoped("is told of as an event, and so is one that comes back late", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ leakThreshold: "1 minute" })
      const events: Array<string> = []
      const listener = yield* forkSettled(Stream.runForEach(pool.events, (event) =>
        Effect.sync(() =>
          events.push(
            event._tag === "LeakSuspected" || event._tag === "LeakReturned" ?
              `${event._tag} ${event.holder.heldMillis}` :
              event._tag
          )
        )))
      const late = yield* forkSettled(pool.use(() => Effect.sleep("2 minutes")))
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(late)
      yield* settled
      assert.deepStrictEqual(events, [
        "Opened",
        "Borrowed",
        "LeakSuspected 60000",
        "Released",
        "LeakReturned 120000"
      ])
      assert.strictEqual((yield* pool.stats).leaksSuspected, 1)
      yield* Fiber.interrupt(listener)
    }))
})
