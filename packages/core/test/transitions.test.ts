import { withFiber } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Effect } from "effect"
import { type Holder, type Limits, State, Waiter } from "../src/internal/state.js"
import * as Demand from "../src/internal/transitions/demand.js"
import * as Keepalive from "../src/internal/transitions/keepalive.js"
import * as Leases from "../src/internal/transitions/leases.js"
import * as Opening from "../src/internal/transitions/opening.js"
import { penalize } from "../src/internal/transitions/openLimiter.js"
import * as Queue from "../src/internal/transitions/queue.js"
import * as Retiring from "../src/internal/transitions/retiring.js"
import * as Trial from "../src/internal/transitions/trial.js"

const limits: Limits = {
  max: 1,
  min: 0,
  initial: 0,
  maxConnecting: 1,
  concurrency: 1,
  maxUses: Infinity,
  lifo: true,
  fewest: false,
  connectTimeout: 1_000,
  idleTimeout: Infinity,
  keepaliveTime: Infinity,
  validateTimeout: 1_000,
  closeTimeout: 1_000,
  fatalPause: 1_000
}

/** A pool of one connection that has just been handed to a waiter with a deadline of its own. */
const handed = (holder: Holder, deadline: number) => {
  const state = new State<string>(limits)
  const waiter = new Waiter<string>(holder, undefined, 0, deadline, true, undefined)
  const slot = Queue.enqueue(state, waiter, 0).flatMap((command) => command._tag === "Open" ? [command.slot] : [])[0]!
  Opening.opened(state, slot, "connection", Infinity, 1)
  return { slot, state, waiter }
}

describe("a waiter whose connection is lost before it takes it up", () => {
  it.effect("waits again until its deadline", () =>
    withFiber<void>((fiber) => {
      const { slot, state, waiter } = handed(fiber, 10)
      Retiring.retire(state, slot, "Dropped", 9)
      Queue.requeue(state, waiter, 9)
      expect(state.waiters.head).toBe(waiter)
      expect(waiter.failure).toBe(undefined)
      return Effect.void
    }))

  it.effect("is refused at once when its deadline passed meanwhile, as its timer will not ring again", () =>
    withFiber<void>((fiber) => {
      const { slot, state, waiter } = handed(fiber, 10)
      Retiring.retire(state, slot, "Dropped", 10)
      expect(Queue.requeue(state, waiter, 10)).toEqual([{ _tag: "Wake", waiter }])
      expect(waiter.failure).toEqual({ _tag: "AcquireTimeout" })
      expect(state.waiters.length).toBe(0)
      return Effect.void
    }))
})

describe("a timer that rings at its very moment finds something to do, or it would ring for ever:", () => {
  // Sums of fractions are rounded: 733.625604 + 1000 - 733.625604 is less than 1000.
  const moments = [0, 121.241709, 598.666816, 733.625604]
  const idleAt = (now: number) => {
    const state = new State<string>({ ...limits, idleTimeout: 1_000, keepaliveTime: 1_000 })
    const [slot] = Demand.openForNext(state, now).flatMap((command) => command._tag === "Open" ? [command.slot] : [])
    Opening.opened(state, slot!, "connection", Infinity, now)
    return state
  }

  it.each(moments)("the end of a trial that began at %d ms", (openedAt) => {
    const state = idleAt(openedAt)
    penalize(state, Trial.noError, openedAt)
    Trial.passAged(state, Trial.nextPassed(state)!)
    expect([Trial.nextPassed(state), state.onTrial.size]).toEqual([undefined, 0])
  })

  it.each(moments)("the idleTimeout of a connection that is idle since %d ms", (since) => {
    const state = idleAt(since)
    Retiring.expireIdle(state, Retiring.nextStale(state)!)
    expect(Retiring.nextStale(state)).toBe(undefined)
  })

  it.each(moments)("the keepaliveTime of a connection that is idle since %d ms", (since) => {
    const state = idleAt(since)
    expect(Keepalive.takeSilent(state, Keepalive.nextSilent(state)!)).toBe([...state.slots][0])
  })
})

describe("waiters that share a timeout", () => {
  it.effect("time out in their order, whoever waits between them, also after one of them has come back", () =>
    withFiber<void>((fiber) => {
      const state = new State<string>({ ...limits, max: 0 })
      const join = (deadline: number, own: boolean) => {
        const waiter = new Waiter<string>(fiber, undefined, 0, deadline, own, undefined)
        Queue.enqueue(state, waiter, 0)
        return waiter
      }
      const own = join(5, true)
      const first = join(10, false)
      const between = join(1, true)
      const second = join(20, false)
      const third = join(30, false)
      Queue.withdraw(state, second)
      Queue.requeue(state, second, 2)
      expect([...state.waiters]).toEqual([own, first, between, second, third])

      const timedOut = (now: number) =>
        Queue.expireWaiters(state, now).flatMap((command) => command._tag === "Wake" ? [command.waiter] : [])
      expect(timedOut(9)).toEqual([])
      expect(timedOut(10)).toEqual([first])
      expect(timedOut(30)).toEqual([second, third])
      expect([...state.waiters]).toEqual([own, between])
      return Effect.void
    }))
})

describe("an expired connection that the floor needs", () => {
  it.effect("gives way while somebody waits, as its place is worth more", () =>
    withFiber<void>((fiber) => {
      const state = new State<string>({ ...limits, max: 2, min: 2, maxConnecting: 2 })
      for (const command of Demand.demand(state, 0)) {
        if (command._tag === "Open") Opening.opened(state, command.slot, "connection", 10, 0)
      }
      const [asked, expired] = [...state.idle]
      Leases.take(state, asked!)
      Leases.validate(state, asked!, 1)
      Queue.enqueue(state, new Waiter<string>(fiber, undefined, 1, 10, true, undefined), 1)
      Retiring.expire(state, expired!, 10)
      expect([expired!.phase, state.expiring.length]).toEqual(["Closing", 0])
      return Effect.void
    }))

  it.effect("stays while nobody waits, until another has taken its place", () =>
    withFiber<void>(() => {
      const state = new State<string>({ ...limits, max: 2, min: 1 })
      for (const command of Demand.demand(state, 0)) {
        if (command._tag === "Open") Opening.opened(state, command.slot, "connection", 10, 0)
      }
      const expired = state.idle.head!
      Retiring.expire(state, expired, 10)
      expect([expired.phase, state.expiring.length]).toEqual(["Expiring", 1])
      const next = Demand.demand(state, 10).flatMap((command) => command._tag === "Open" ? [command.slot] : [])[0]!
      Opening.opened(state, next, "connection", 20, 11)
      expect([expired.phase, next.phase]).toEqual(["Closing", "Idle"])
      return Effect.void
    }))
})
