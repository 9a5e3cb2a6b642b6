// Deadlines of opens: one sleeping fiber serves any number, and a deadline does what `Effect.raceFirst` would.
import { TransportPool } from "@socketpool/core"
import {
  clockLike,
  currentClock,
  exitOf,
  fork,
  inherited,
  joinsState,
  result,
  TestClock,
  withClock
} from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { settled } from "../setup.js"

const options = { address: "db:1", connectTimeout: "1 second" } as const
const inTime = <A, E>(open: Effect.Effect<A, E>, more: { readonly catchUp?: Effect.Effect<void> } = {}) =>
  TransportPool.openInTime({ ...options, ...more }, open, Effect.succeed)
const timeout = { failure: { _tag: "ConnectError", reason: "Timeout", address: "db:1" } }

/** Forks an open and lets a second pass. */
const afterASecond = <A, E>(open: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const opening = yield* fork(result(open))
    yield* settled
    yield* TestClock.adjust("1 second")
    yield* settled
    return opening
  })

describe("an open with a deadline", () => {
  it.effect("that comes in time gives its value, its failure or its defect, and its fiber's state", () =>
    Effect.gen(function*() {
      const state = inherited("old")
      expect(yield* inTime(Effect.as(state.set("new"), 1))).toBe(1)
      expect(yield* state.get).toBe(joinsState ? "new" : "old")
      expect(yield* Effect.flip(inTime(Effect.fail("no")))).toBe("no")
      const died = yield* Effect.exit(inTime(Effect.die("bad")))
      expect(Exit.isFailure(died) && Cause.squash(died.cause)).toBe("bad")
    }))

  it.effect("that interrupts itself ends at once", () =>
    Effect.gen(function*() {
      const opening = yield* fork(inTime(Effect.interrupt))
      yield* settled
      expect(exitOf(opening)).toMatchObject({ _tag: "Failure" })
    }))

  it.effect("that is late is interrupted, and fails once it has ended", () =>
    Effect.gen(function*() {
      let failed = false
      const open = inTime(Effect.onInterrupt(Effect.never, () => Effect.sleep("5 seconds")))
      const opening = yield* afterASecond(Effect.onError(open, () => Effect.sync(() => (failed = true))))
      const hadFailed = failed
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(opening)).toMatchObject(timeout)
      expect([hadFailed, failed]).toEqual([false, true])
    }))

  it.effect("that has opened when the time is over fails with HandshakeTimeout", () =>
    Effect.gen(function*() {
      const opening = yield* afterASecond(
        TransportPool.openInTime(options, Effect.void, () => Effect.never)
      )
      expect(yield* Fiber.join(opening)).toMatchObject({ failure: { reason: "HandshakeTimeout" } })
    }))

  it.effect("counts as in time if it ends before the catch-up has", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const opening = yield* afterASecond(inTime(Effect.as(Deferred.await(gate), 1), { catchUp: Effect.never }))
      expect(exitOf(opening)).toBeUndefined()
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(opening)).toMatchObject({ success: 1 })
    }))

  it.effect("is late once the catch-up has completed, and is interrupted if that dies", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const never = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const late = yield* afterASecond(inTime(never, { catchUp: Effect.void }))
      expect(yield* Fiber.join(late)).toMatchObject(timeout)
      const dying = yield* afterASecond(Effect.exit(inTime(never, { catchUp: Effect.die("bad") })))
      expect(yield* Fiber.join(dying)).toMatchObject({ success: { _tag: "Failure" } })
      expect(interrupted).toBe(2)
    }))

  it.effect("is interrupted with its caller", () =>
    Effect.gen(function*() {
      let interrupted = false
      const opening = yield* fork(
        inTime(Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true))))
      )
      yield* settled
      yield* Fiber.interrupt(opening)
      expect(interrupted).toBe(true)
    }))

  it.effect("shares one sleeping fiber with others", () =>
    Effect.gen(function*() {
      const clock = yield* currentClock
      let sleeps = 0
      const counting = clockLike(clock, {
        sleep: (duration) => {
          sleeps++
          return clock.sleep(duration)
        }
      })
      const openings = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => fork(withClock(Effect.flip(inTime(Effect.never)), counting))
      )
      yield* settled
      expect(sleeps).toBe(1)
      yield* TestClock.adjust("1 second")
      for (const opening of openings) expect(yield* Fiber.join(opening)).toMatchObject({ reason: "Timeout" })
    }))
})
