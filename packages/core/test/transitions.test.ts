import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Holder, type Limits, State, Waiter } from "../src/internal/state.js"
import * as Transitions from "../src/internal/transitions.js"

const limits: Limits = {
  max: 1,
  min: 0,
  initial: 0,
  maxConnecting: 1,
  lifo: true,
  connectTimeout: 1_000,
  connectionTTL: Infinity,
  closeTimeout: 1_000
}

/** A pool of one connection that has just been handed to a waiter with a deadline of its own. */
const handed = (holder: Holder, deadline: number) => {
  const state = new State<string>(limits)
  const waiter = new Waiter<string>(holder, 0, deadline, true)
  const slot = Transitions.enqueue(state, waiter, 0).flatMap((command) =>
    command._tag === "Open" ? [command.slot] : []
  )[0]!
  Transitions.opened(state, slot, "connection", 1)
  return { slot, state, waiter }
}

describe("a waiter whose connection is lost before it takes it up", () => {
  it.effect("waits again until its deadline", () =>
    Effect.withFiberRuntime<void>((fiber) => {
      const { slot, state, waiter } = handed(fiber, 10)
      Transitions.retire(state, slot, "Dropped", 9)
      Transitions.requeue(state, waiter, 9)
      expect(state.waiters.head).toBe(waiter)
      expect(waiter.refusal).toBe(undefined)
      return Effect.void
    }))

  it.effect("is refused at once when its deadline passed meanwhile, as its timer will not ring again", () =>
    Effect.withFiberRuntime<void>((fiber) => {
      const { slot, state, waiter } = handed(fiber, 10)
      Transitions.retire(state, slot, "Dropped", 10)
      expect(Transitions.requeue(state, waiter, 10)).toEqual([{ _tag: "Wake", waiter }])
      expect(waiter.refusal).toEqual({ _tag: "AcquireTimeout" })
      expect(state.waiters.length).toBe(0)
      return Effect.void
    }))
})

describe("waiters that share a timeout", () => {
  it.effect("time out in their order, whoever waits between them, also after one of them has come back", () =>
    Effect.withFiberRuntime<void>((fiber) => {
      const state = new State<string>({ ...limits, max: 0 })
      const join = (deadline: number, own: boolean) => {
        const waiter = new Waiter<string>(fiber, 0, deadline, own)
        Transitions.enqueue(state, waiter, 0)
        return waiter
      }
      const own = join(5, true)
      const first = join(10, false)
      const between = join(1, true)
      const second = join(20, false)
      const third = join(30, false)
      Transitions.withdraw(state, second)
      Transitions.requeue(state, second, 2)
      expect([...state.waiters]).toEqual([own, first, between, second, third])

      const timedOut = (now: number) =>
        Transitions.expireWaiters(state, now).flatMap((command) => command._tag === "Wake" ? [command.waiter] : [])
      expect(timedOut(9)).toEqual([])
      expect(timedOut(10)).toEqual([first])
      expect(timedOut(30)).toEqual([second, third])
      expect([...state.waiters]).toEqual([own, between])
      return Effect.void
    }))
})
