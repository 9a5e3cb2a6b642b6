import {
  fork,
  hasInterrupts,
  isInterruptible,
  type RunningFiber,
  stop,
  wasInterrupted,
  withFiber,
  yieldNow
} from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Cause, Effect, Exit, Fiber, FiberId, FiberRef, Request, RequestResolver } from "effect"
import { parkIn } from "../src/internal/effect/fiber.js"
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
const struck = Effect.as(FiberRef.set(FiberRef.interruptedCause, Cause.interrupt(FiberId.none)), "as if nothing had")
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
  "an interruption of itself": Effect.interruptWith(FiberId.none),
  "an interruption that it hears of late": Effect.uninterruptible(interrupted),
  "a failure after an interruption": Effect.uninterruptible(Effect.andThen(interrupted, Effect.fail("no"))),
  "a defect after an interruption": Effect.uninterruptible(Effect.andThen(interrupted, Effect.die("oh"))),
  "an interruption that no message told of": struck,
  "a failure after that": Effect.andThen(struck, Effect.fail("no")),
  "fiber refs of its own": Effect.withLogSpan(interrupted, "span")
}

const surroundings: Record<string, (effect: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>> = {
  "where it may be interrupted": (effect) => effect,
  "where it may not": Effect.uninterruptible,
  "in a region that is open again": (effect) => Effect.uninterruptible(Effect.interruptible(effect)),
  "in a step": (effect) => Effect.flatMap(Effect.step(effect), (exit) => exit as Exit.Exit<unknown, unknown>),
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
      Effect.flatMap((fiber) => fiber.await),
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

  it.effect("is guarded by the mask where its fiber could be given to another", () =>
    Effect.flatMap(Effect.step(guardedPlainly<Guard, never, never>((_, guard) => Effect.succeed(guard))), (step) => {
      const guard = Exit.isExit(step) && Exit.isSuccess(step) ? step.value : undefined
      expect(guard).toHaveProperty("run")
      expect(guard).not.toBe(frame)
      return Effect.void
    }))

  describe("in a batch of requests", () => {
    class Double extends Request.TaggedClass("Double")<number, never, { readonly n: number }> {}

    const batch = (answer: (request: Double) => Effect.Effect<void>, andThen: Effect.Effect<unknown> = Effect.void) => {
      const heard: Array<unknown> = []
      const batches: Array<number> = []
      const resolver = RequestResolver.makeBatched((requests: ReadonlyArray<Double>) => {
        batches.push(requests.length)
        return Effect.forEach(requests, answer, { discard: true })
      })
      const call = (n: number) => guardedWith(heard)(Effect.tap(Effect.request(new Double({ n }), resolver), andThen))
      const all = Effect.forEach([1, 2, 3], call, { batching: true, concurrency: "unbounded" })
      return { all, batches, heard }
    }

    it.effect("is heard of once the answer is there", () =>
      Effect.gen(function*() {
        const { all, batches, heard } = batch((request) => Request.succeed(request, request.n * 2))
        expect(yield* all).toEqual([2, 4, 6])
        expect(batches).toEqual([3])
        expect(heard).toEqual([2, 4, 6])
      }))

    it.effect("is heard of if it is interrupted after the answer, in another fiber by then", () =>
      Effect.gen(function*() {
        const { all, heard } = batch((request) => Request.succeed(request, request.n * 2), interrupted)
        expect(wasInterrupted(yield* Effect.exit(all))).toBe(true)
        expect(heard.map((cause) => Cause.isCause(cause) && hasInterrupts(cause))).toEqual([true, true, true])
      }))
  })
})

/** The guard that a fiber of this version of Effect is given. */
const frame: Guard = Effect.runSync(guardedPlainly<Guard, never, never>((_, guard) => Effect.succeed(guard)))

describe("fibers that resume in one turn", () => {
  const parked = () => {
    const resumes: Array<() => void> = []
    const wait = (name: string) =>
      Effect.as(
        withFiber((fiber) => parkIn<void>(fiber, (resume) => void resumes.push(() => resume(Effect.void)))),
        name
      )
    return { resumes, wait }
  }

  it.effect("go on in the order in which they are resumed, before those that are resumed after that", () =>
    Effect.gen(function*() {
      const { resumes, wait } = parked()
      const order: Array<string> = []
      const note = (name: string) => Effect.map(wait(name), (name) => void order.push(name))
      const last = Effect.sync(() => resumes[3]!())
      const fibers = [note("a"), Effect.andThen(note("b"), last), note("c"), note("d")].map((one) =>
        Effect.runFork(one)
      )
      yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
      for (const at of [2, 1, 0]) resumes[at]!()
      expect(order).toEqual([])
      for (const fiber of fibers) yield* Fiber.join(fiber)
      expect(order).toEqual(["c", "b", "a", "d"])
    }))

  it.effect("go on although an observer of one throws", () =>
    Effect.gen(function*() {
      const { resumes, wait } = parked()
      const [first, second] = [Effect.runFork(wait("first")), Effect.runFork(wait("second"))]
      first!.addObserver(() => {
        throw new Error("an observer has thrown")
      })
      const listeners = process.listeners("unhandledRejection")
      const unhandled = new Promise((heard) => {
        process.removeAllListeners("unhandledRejection").once("unhandledRejection", heard)
      })
      yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
      for (const resume of resumes) resume()
      expect(yield* Fiber.join(second!)).toBe("second")
      expect(String(yield* Effect.promise(() => unhandled))).toBe("Error: an observer has thrown")
      for (const listener of listeners) process.on("unhandledRejection", listener)
    }))
})

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
