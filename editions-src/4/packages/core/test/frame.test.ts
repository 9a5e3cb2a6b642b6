import { fork, isInterruptible, type RunningFiber, stop, withFiber, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Cause, Effect, Fiber } from "effect"
import { Continuation, type Guard, guarded, inMask, isAsGood } from "../src/internal/interruption.js"

type Fibre = RunningFiber<any, any>

/** Notes what it hears, and lets it pass. */
class Note extends Continuation<unknown, unknown, unknown, unknown, never> {
  constructor(fiber: Fibre, protected readonly heard: Array<unknown>) {
    super(fiber)
  }

  onFailure(cause: Cause.Cause<unknown>) {
    this.heard.push(cause)
    return Effect.failCause(cause)
  }

  onSuccess(value: unknown): Effect.Effect<unknown, unknown> {
    this.heard.push(value)
    return Effect.succeed(value)
  }
}

/** Goes on with other guarded effects, as one that has waited waits again and then goes on with a lease. */
class GoOn extends Note {
  constructor(fiber: Fibre, heard: Array<unknown>, private readonly guard: Guard, private readonly more = 1) {
    super(fiber, heard)
  }

  override onSuccess(value: unknown): Effect.Effect<unknown, unknown> {
    const { fiber, guard, heard, more } = this
    const next = Effect.map(isInterruptible, (mayBe) => [value, "and the next", mayBe])
    return guard.run(() => next, undefined, more > 0 ? new GoOn(fiber, heard, guard, more - 1) : new Note(fiber, heard))
  }
}

/** Effects that end in every way there is, and leave the fiber in every state that there is. */
const interrupted = withFiber<string>((fiber) => {
  stop(fiber)
  return Effect.succeed("not any more")
})
const endings: Record<string, Effect.Effect<unknown, unknown>> = {
  "a success": Effect.succeed(1),
  "a success, later": Effect.as(yieldNow, 1),
  "a failure": Effect.fail("no"),
  "a defect": Effect.die("oh"),
  "nothing that is an effect": 5 as never,
  "an interruption": interrupted,
  "an interruption of itself": Effect.failCause(Cause.interrupt()),
  "an interruption that it hears of late": Effect.uninterruptible(interrupted),
  "a failure after an interruption": Effect.uninterruptible(Effect.andThen(interrupted, Effect.fail("no"))),
  "a defect after an interruption": Effect.uninterruptible(Effect.andThen(interrupted, Effect.die("oh"))),
  "an interruption, later": Effect.andThen(yieldNow, Effect.andThen(interrupted, yieldNow)),
  "a context of its own": Effect.withLogSpan(interrupted, "span")
}

const surroundings: Record<string, (effect: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>> = {
  "where it may be interrupted": (effect) => effect,
  "where it may not": Effect.uninterruptible,
  "in a region that is open again": (effect) => Effect.uninterruptible(Effect.interruptible(effect)),
  "after another": (effect) => Effect.andThen(guardedWith([])(Effect.void), effect),
  "within another": (effect) => guardedWith([])(effect)
}

type Way = typeof inMask

/** For a body that works on nothing besides. */
const guardedPlainly: Way = (body) => guarded(body, undefined, undefined, undefined)

const guardedWith = (heard: Array<unknown>, way: Way = guardedPlainly) => (effect: Effect.Effect<unknown, unknown>) =>
  way<unknown, unknown, never>((fiber, guard) => guard.run(() => effect, undefined, new Note(fiber, heard)))

const twoGuarded = (heard: Array<unknown>, way: Way) => (effect: Effect.Effect<unknown, unknown>) =>
  way<unknown, unknown, never>((fiber, guard) => guard.run(() => effect, undefined, new GoOn(fiber, heard, guard)))

describe("a guarded effect", () => {
  const cases = Object.entries(surroundings).flatMap(([where, around]) =>
    Object.entries(endings).map(([what, effect]) => ({ where, around, what, effect }))
  )
  type Case = (typeof cases)[number]

  const outcome = (way: Way, make: typeof twoGuarded, { around, effect }: Case) => {
    const heard: Array<unknown> = []
    return fork(around(make(heard, way)(effect))).pipe(
      Effect.flatMap(Fiber.await),
      Effect.map((exit) => ({ exit, heard }))
    )
  }

  it.effect.each(cases)(
    "that ends with $what, $where, is heard of once, as in a mask",
    (one) =>
      Effect.gen(function*() {
        const framed = yield* outcome(guardedPlainly, guardedWith, one)
        expect(framed.heard).toHaveLength(1)
        expect(framed).toEqual(yield* outcome(inMask, guardedWith, one))
      })
  )

  it.effect.each(cases)(
    "that ends with $what, $where, goes on with another as in a mask",
    (one) =>
      Effect.gen(function*() {
        const framed = yield* outcome(guardedPlainly, twoGuarded, one)
        expect(framed.heard).toHaveLength(1)
        expect(framed).toEqual(yield* outcome(inMask, twoGuarded, one))
      })
  )

  it.effect("is guarded by a frame, with this version of Effect", () =>
    guardedPlainly<void, never, never>((_, guard) => {
      expect(guard).toBe(frame)
      return Effect.void
    }))
})

/** The guard that a fiber of this version of Effect is given. */
const frame: Guard = Effect.runSync(guardedPlainly<Guard, never, never>((_, guard) => Effect.succeed(guard)))

describe("a guard that does not do what the mask does", () => {
  it("is found out", () => {
    const passedOver: Guard = {
      run: (f, x, continuation) =>
        Effect.matchCauseEffect(f(x), {
          onFailure: (cause) => continuation.onFailure(cause),
          onSuccess: (value) => continuation.onSuccess(value)
        })
    }
    const forgetful: Guard = { run: (f, x) => f(x) as Effect.Effect<any, any> }
    const broken: Guard = {
      run: () => {
        throw new TypeError("stack.pushStack is not a function")
      }
    }
    expect([frame, passedOver, forgetful, broken].map(isAsGood)).toEqual([true, false, false, false])
  })
})
