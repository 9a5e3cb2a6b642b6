import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { Alarm } from "../src/internal/alarm.js"
import * as Host from "../src/internal/host.js"

/** An alarm whose deadline the test sets; it notes when it rings, and then has none. */
const makeAlarm = Effect.gen(function*() {
  const host = Host.make("test", yield* Effect.runtime<never>(), yield* Effect.clock)
  const rang: Array<number> = []
  let due: number | undefined
  const alarm = new Alarm(host, () => due, (now) => {
    rang.push(now)
    due = undefined
  })
  const start = host.now()
  return {
    rang: () => rang.map((at) => at - start),
    set: (at: number | undefined) => {
      due = at === undefined ? undefined : start + at
      alarm.refresh()
    }
  }
})

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
})
