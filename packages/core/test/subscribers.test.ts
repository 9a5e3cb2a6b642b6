import { Pool, type PoolEvent } from "@socketpool/core"
import {
  clockLike,
  collect,
  currentClock,
  exitOf,
  forEachBatch,
  fork,
  repeatN,
  withClock,
  yieldNow
} from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { listen, tags } from "./events.js"
import { forkSettled, id, settled, setup, warmUp } from "./setup.js"

describe("a subscriber to events", () => {
  it.scoped("hears of what happens from then on", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      yield* pool.use(id)
      const { events } = yield* listen(pool)
      yield* pool.use(id)
      yield* settled
      assert.deepStrictEqual(tags(events), ["Borrowed", "Released"])
    }))

  it.scoped("hears the same as any other", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const [first, second] = [yield* listen(pool), yield* listen(pool)]
      yield* warmUp(pool, 3)
      yield* pool.close
      yield* Fiber.join(first.listener)
      yield* Fiber.join(second.listener)
      assert.isAtLeast(first.events.length, 12)
      assert.deepStrictEqual(first.events, second.events)
    }))

  it.scoped("who leaves disturbs no other", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const [first, second] = [yield* listen(pool), yield* listen(pool)]
      yield* Fiber.interrupt(first.listener)
      yield* pool.use(id)
      yield* settled
      assert.deepStrictEqual([tags(first.events), tags(second.events)], [[], ["Opened", "Borrowed", "Released"]])
    }))

  it.scoped("of a closed pool hears nothing, and is done at once", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      yield* pool.close
      assert.lengthOf(yield* collect(pool.events), 0)
    }))

  it.scoped("of a closing pool hears the rest", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const connection = yield* pool.acquire
      const closing = yield* forkSettled(pool.close)
      const { events, listener } = yield* listen(pool)
      yield* pool.release(connection)
      yield* Fiber.join(closing)
      yield* Fiber.join(listener)
      assert.deepStrictEqual(tags(events), ["Released", "Closed", "PoolClosed"])
    }))

  it.live("who keeps up loses nothing of a busy pool, and is not woken up for every event", () =>
    Effect.scoped(Effect.gen(function*() {
      const leases = 2_000
      const pool = yield* Pool.make({ open: Effect.sync(() => ({})) })
      const chunks: Array<ReadonlyArray<PoolEvent>> = []
      const listener = yield* fork(forEachBatch(pool.events, (chunk) => Effect.sync(() => chunks.push(chunk))))
      yield* repeatN(yieldNow, 10)
      // Every lease takes a turn of its own.
      yield* repeatN(pool.use(() => Effect.void), leases - 1)
      yield* pool.close
      yield* Fiber.join(listener)
      assert.deepStrictEqual<ReadonlyArray<string>>(tags(chunks.flat()), [
        "Opened",
        ...Array.from({ length: leases }, () => ["Borrowed", "Released"]).flat(),
        "Draining",
        "Closed",
        "PoolClosed"
      ])
      assert.isBelow(chunks.length, leases / 10)
    })))

  it.scoped("who is slow loses the oldest events beyond 1,024, and holds up nobody", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      yield* pool.use(id)
      const gate = yield* Deferred.make<void>()
      const seen: Array<PoolEvent> = []
      const slow = yield* forkSettled(Stream.runForEach(
        pool.events,
        (event) => Effect.andThen(Deferred.await(gate), Effect.sync(() => seen.push(event)))
      ))
      yield* pool.resize({ max: 3 })
      yield* settled
      for (let max = 1001; max <= 5000; max++) yield* pool.resize({ max })
      yield* pool.close
      yield* Deferred.succeed(gate, void 0)
      yield* settled
      assert.isDefined(exitOf(slow))
      // The first it had already; the last four are the pool's last words.
      const sizes = seen.flatMap((event) => event._tag === "Resized" ? [event.maxConnections] : [])
      assert.deepStrictEqual(sizes, [3, ...Array.from({ length: 1021 }, (_, i) => 3980 + i)])
      assert.deepStrictEqual(tags(seen.slice(-3)), ["Draining", "Closed", "PoolClosed"])
    }))
})

describe("without a subscriber", () => {
  it.scoped("nothing is put into words: no event asks for the time of day", () =>
    Effect.gen(function*() {
      let asked = 0
      const counting = clockLike(yield* currentClock, {
        wallMillis: () => {
          asked++
          return 0
        }
      })
      // A schedule asks for the time of day, too.
      const pool = yield* withClock(Pool.make({ open: Effect.sync(() => ({})), reapExpired: false }), counting)
      const busy = Effect.andThen(pool.use(() => Effect.void), Effect.exit(pool.use(() => Effect.die("defect"))))
      // Each loan of an idle connection asks once, whether the machine has slept.
      const asks = Effect.suspend(() => {
        asked = 0
        return Effect.map(busy, () => asked)
      })
      yield* busy
      const quiet = yield* asks
      const { listener } = yield* listen(pool)
      assert.isAbove(yield* asks, quiet)
      yield* Fiber.interrupt(listener)
      assert.strictEqual(yield* asks, quiet)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(pool.close)))
    }))
})
