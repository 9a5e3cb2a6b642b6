/**
 * The runner for tests of what happens in memory alone: their clock costs next to nothing.
 *
 * Effect's test clock cannot know when all fibers wait. It compares the states of all of them again and again, and for
 * each sleeper that it wakes it waits for several turns of the real timer. Here the fibers run on a scheduler that
 * counts the tasks it has: when there is none, and the next turn of the event loop brings none, everything rests.
 * A wait for a socket, a file or a process does not show, so tests of these need `vitest.js` with Effect's own clock.
 */
import { it as plain } from "@effect/vitest"
import { Duration, Effect, Scheduler, type Scope, type TestServices } from "effect"
import { identity } from "effect/Function"
import { async, type RunningFiber } from "./fibers.js"
import { Sleepers } from "./sleepers.js"
import { type DurationInput, makeClock } from "./time.js"

export { assert, describe, expect, expectTypeOf } from "@effect/vitest"

/** Effect's own scheduler, which knows when no fiber of its own can go on. */
class CountingScheduler implements Scheduler.Scheduler {
  private readonly inner = new Scheduler.MixedScheduler(2048)
  private tasks = 0
  /** Called whenever the last task has been done. */
  onRest: () => void = () => undefined

  get isResting(): boolean {
    return this.tasks === 0
  }

  shouldYield(fiber: RunningFiber<unknown, unknown>): number | false {
    return this.inner.shouldYield(fiber)
  }

  scheduleTask(task: () => void, priority: number): void {
    this.tasks++
    this.inner.scheduleTask(() => {
      this.tasks--
      try {
        task()
      } finally {
        if (this.tasks === 0) this.onRest()
      }
    }, priority)
  }
}

/** A clock that somebody sets, in place of Effect's. Sleepers wake in the order of their times, those of one together. */
class VirtualTime {
  now = 0
  private readonly sleepers = new Sleepers()
  private readonly adjusting: Array<{ readonly end: number; readonly done: () => void }> = []
  private looks = false

  constructor(readonly scheduler: CountingScheduler) {
    scheduler.onRest = () => this.look()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return this.sleepers.sleep(() => this.now, (now) => now + Duration.toMillis(duration))
  }

  /** Lets everything come to rest, then wakes the next sleeper, until there is none up to this instant. */
  setTime(end: () => number): Effect.Effect<void> {
    return async((resume) => {
      this.adjusting.push({ end: end(), done: () => resume(Effect.void) })
      this.look()
    })
  }

  /** Promises and the event loop's own queues may bring something: one turn of it is enough for what is in memory. */
  private look(): void {
    if (this.adjusting.length === 0 || this.looks) return
    this.looks = true
    setImmediate(() => {
      this.looks = false
      if (this.scheduler.isResting) this.goOn()
    })
  }

  private goOn(): void {
    const [first] = this.adjusting
    if (first === undefined) return
    const { next } = this.sleepers
    if (next <= first.end) {
      this.now = Math.max(this.now, next)
      while (this.sleepers.next <= this.now) this.sleepers.wakeNext()
    } else {
      this.adjusting.shift()
      this.now = Math.max(this.now, first.end)
      first.done()
    }
    this.look()
  }
}

const virtually = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const scheduler = new CountingScheduler()
    const time = new VirtualTime(scheduler)
    const clock = {
      ...makeClock({
        wallMillis: () => time.now,
        nanos: () => BigInt(Math.floor(time.now * 1e6)),
        sleep: (duration) => time.sleep(duration)
      }),
      // `TestClock.adjust` finds these at the current clock.
      adjust: (duration: DurationInput) => time.setTime(() => time.now + Duration.toMillis(duration)),
      setTime: (instant: number) => time.setTime(() => instant)
    }
    return Effect.withScheduler(Effect.withClock(Effect.zipRight(Effect.yieldNow(), effect), clock), scheduler)
  })

type Around = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Scope.Scope>>
type Body = (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, TestServices.TestServices>

/** The same tester, and all that hangs from it, with each test's effect in virtual time. */
const inVirtualTime = <F extends (...args: any) => unknown>(tester: F, around: Around): F =>
  new Proxy(tester, {
    apply: (target, _, args) => {
      const made: unknown = target(...args.map((arg: unknown) => isBody(arg) ? wrapped(arg, around) : arg))
      return typeof made === "function" ? inVirtualTime(made as F, around) : made
    },
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key)
      return typeof member === "function" ? inVirtualTime(member as F, around) : member
    }
  })

const isBody = (arg: unknown): arg is Body => typeof arg === "function"

const wrapped = (body: Body, around: Around): Body => (...args) =>
  virtually(around(Effect.suspend(() => body(...args))))

const effect = inVirtualTime(plain.effect, identity as Around)
const scoped = inVirtualTime(plain.effect as typeof plain.scoped, Effect.scoped)

/** Effect's `it`, whose `effect` and `scoped` run in virtual time. */
export const it: typeof plain = new Proxy(plain, {
  get: (target, key) => key === "effect" ? effect : key === "scoped" ? scoped : Reflect.get(target, key)
})
