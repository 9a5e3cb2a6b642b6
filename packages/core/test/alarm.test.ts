import { clockLike, currentClock, nanos, TestClock, withClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Duration, Effect } from "effect"
import { Alarm } from "../src/internal/alarm.js"
import { surroundings } from "../src/internal/effect/fiber.js"
import { type Linked, List } from "../src/internal/list.js"
import * as PoolRuntime from "../src/internal/runtime.js"

/** An alarm whose deadline the test sets; it notes when it rings, and then has none. */
const makeAlarm = Effect.gen(function*() {
  const runtime = PoolRuntime.make("test", yield* surroundings<never>(), yield* currentClock, undefined)
  const rang: Array<number> = []
  let due: number | undefined
  const alarm = new Alarm(runtime, () => due, (now) => {
    rang.push(now)
    due = undefined
  })
  const start = runtime.now()
  return {
    rang: () => rang.map((at) => at - start),
    set: (at: number | undefined) => {
      due = at === undefined ? undefined : start + at
      alarm.refresh()
    }
  }
})

interface Entry extends Linked<Entry> {
  readonly deadline: number
}

describe("an alarm", () => {
  it.scoped("rings when the deadline has come", () =>
    Effect.gen(function*() {
      const { rang, set } = yield* makeAlarm
      set(100)
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(rang(), [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(rang(), [100])
    }))

  // Found by the simulation: a waiter that came back to its place timed out when those behind it did.
  it.scoped("rings in time when an earlier deadline comes up while it sleeps", () =>
    Effect.gen(function*() {
      const { rang, set } = yield* makeAlarm
      set(100)
      yield* TestClock.adjust(10)
      set(50)
      yield* TestClock.adjust(40)
      assert.deepStrictEqual(rang(), [50])
    }))

  it.scoped("does not ring for a deadline that was put off", () =>
    Effect.gen(function*() {
      const { rang, set } = yield* makeAlarm
      set(50)
      yield* TestClock.adjust(10)
      set(100)
      yield* TestClock.adjust(89)
      assert.deepStrictEqual(rang(), [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(rang(), [100])
    }))

  it.scoped("does not ring for a deadline that was lifted", () =>
    Effect.gen(function*() {
      const { rang, set } = yield* makeAlarm
      set(50)
      yield* TestClock.adjust(10)
      set(undefined)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(rang(), [])
    }))

  /** An alarm for a list, on a clock that a stall moves on while something sleeps. */
  const makeStalling = (stalls: ReadonlyArray<number>, meanwhile: (wait: (deadline: number) => void) => void) =>
    Effect.gen(function*() {
      const clock = yield* currentClock
      const slept: Array<number> = []
      const rang: Array<readonly [deadline: number, at: number]> = []
      let stalled = 0
      const stalling = clockLike(clock, {
        nanos: () => nanos(clock) + BigInt(stalled * 1e6),
        sleep: (duration) => {
          const millis = Duration.toMillis(duration)
          slept.push(millis)
          return Effect.tap(clock.sleep(duration), () =>
            Effect.sync(() => {
              stalled += stalls[slept.length - 1] ?? 0
              if (slept.length === 2) meanwhile(wait)
            }))
        }
      })
      const context = yield* withClock(surroundings<never>(), stalling)
      const runtime = PoolRuntime.make("test", context, stalling, undefined)
      const start = runtime.now()
      const list = new List<Entry>()
      const alarm = Alarm.of(runtime, list, (entry, now) => {
        list.remove(entry)
        rang.push([entry.deadline - start, now - start])
      })
      const wait = (deadline: number) => {
        list.push({ deadline: start + deadline, prev: undefined, next: undefined, list: undefined })
        alarm.refresh()
      }
      return { rang, slept, wait }
    })

  // Timers fire before what came during a stall is read, and those that they start can, too.
  it.scoped("gives as much time again as it was too late, at most 10 ms", () =>
    Effect.gen(function*() {
      for (const [stall, grace] of [[0, 0], [4, 4], [300, 10]] as const) {
        const { rang, slept, wait } = yield* makeStalling([stall], () => {})
        wait(100)
        yield* TestClock.adjust(100)
        yield* TestClock.adjust(grace)
        assert.deepStrictEqual(slept, [100, grace])
        assert.deepStrictEqual(rang, [[100, 100 + stall + grace]])
      }
    }))

  it.scoped("gives it again if that time ends too late itself, and lets what falls due in it have it, too", () =>
    Effect.gen(function*() {
      const { rang, slept, wait } = yield* makeStalling([0, 300], (wait) => wait(250))
      wait(100)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rang, [])
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(slept, [100, 0, 10])
      assert.deepStrictEqual(rang, [[100, 410], [250, 410]])
    }))

  it.scoped("gives what falls due in that time its own", () =>
    Effect.gen(function*() {
      const { rang, slept, wait } = yield* makeStalling([0, 8], (wait) => wait(105))
      wait(100)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rang, [[100, 108]])
      yield* TestClock.adjust(8)
      assert.deepStrictEqual(slept, [100, 0, 8])
      assert.deepStrictEqual(rang, [[100, 108], [105, 116]])
    }))

  it.scoped("rings in the end, however often the process stands still", () =>
    Effect.gen(function*() {
      const { rang, slept, wait } = yield* makeStalling([50, 50, 50, 50, 50, 50, 50, 50], () => {})
      wait(100)
      yield* TestClock.adjust(100)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(slept, [100, 10, 10, 10, 10])
      assert.deepStrictEqual(rang, [[100, 390]])
    }))
})
