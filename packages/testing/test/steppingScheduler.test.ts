import { fork, stop, wasInterrupted, withFiber, withScheduler } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { SteppingScheduler } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber } from "effect"

/** An effect of this many runtime steps. */
const steps = (count: number, then: (step: number) => void = () => {}) =>
  Effect.gen(function*() {
    for (let i = 0; i < count; i++) yield* Effect.sync(() => then(i))
  })

/** Forks an effect on the scheduler and watches it from its first step on. */
const forkWatched = <A, E>(
  scheduler: SteppingScheduler.SteppingScheduler,
  at: SteppingScheduler.Stop,
  effect: Effect.Effect<A, E>
) =>
  Effect.gen(function*() {
    let watch: SteppingScheduler.Watch | undefined
    const subject = withFiber<A, E>((fiber) => {
      watch = scheduler.watch(fiber, at)
      return effect
    })
    const fiber = yield* fork(withScheduler(subject, scheduler))
    const exit = yield* Fiber.await(fiber)
    return { exit, watch: watch! }
  })

describe("SteppingScheduler", () => {
  it.effect("runs `strike` at the step, before anything else runs", () =>
    Effect.gen(function*() {
      const done: Array<number> = []
      const { exit, watch } = yield* forkWatched(
        SteppingScheduler.make(),
        { at: 6, strike: stop },
        steps(100, (step) => done.push(step))
      )
      expect(wasInterrupted(exit)).toBe(true)
      expect(watch.reached).toBe(true)
      expect(done.length).toBeGreaterThan(0)
      expect(done.length).toBeLessThan(6)
    }))

  it.effect("lets others run while the fiber is aside, and resumes it when `aside` says so", () =>
    Effect.gen(function*() {
      const notes: Array<string> = []
      const other = yield* Deferred.make<void>()
      const { exit } = yield* forkWatched(
        SteppingScheduler.make(),
        {
          at: 4,
          aside: (goOn) => {
            notes.push("aside")
            Effect.runFork(Effect.andThen(Effect.sync(() => notes.push("other")), Deferred.succeed(other, undefined)))
            setImmediate(() => {
              notes.push("go on")
              goOn()
            })
          }
        },
        Effect.andThen(steps(10), Effect.sync(() => notes.push("end")))
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(notes).toEqual(["aside", "other", "go on", "end"])
    }))

  it.effect("counts the steps of a fiber that ends before its stop", () =>
    Effect.gen(function*() {
      const few = yield* forkWatched(SteppingScheduler.make(), { at: Infinity }, steps(10))
      const more = yield* forkWatched(SteppingScheduler.make(), { at: Infinity }, steps(20))
      expect(few.watch.reached).toBe(false)
      expect(more.watch.steps - few.watch.steps).toBe(10)
    }))

  it.effect("watches every fiber that has no watch of its own", () =>
    Effect.gen(function*() {
      const scheduler = SteppingScheduler.make()
      const all = scheduler.watch("all", { at: Infinity })
      yield* withScheduler(Effect.all([steps(10), steps(10)], { concurrency: 2 }), scheduler)
      const before = all.steps
      expect(before).toBeGreaterThan(20)
      yield* forkWatched(scheduler, { at: Infinity }, steps(1_000))
      expect(all.steps - before).toBeLessThan(100)
    }))

  for (const budget of [1, 2, 4, 7, 16, 33, 2048]) {
    it.effect(`ends with a budget of ${budget}, and lets two fibers take turns`, () =>
      Effect.gen(function*() {
        const order: Array<string> = []
        const scheduler = SteppingScheduler.make({ budget })
        yield* withScheduler(
          Effect.all([steps(50, () => order.push("a")), steps(50, () => order.push("b"))], {
            concurrency: 2,
            discard: true
          }),
          scheduler
        )
        expect(order.length).toBe(100)
        const turns = order.filter((name, index) => name !== order[index - 1]).length
        if (budget === 2048) expect(turns).toBe(2)
        else expect(turns).toBeGreaterThan(50 / budget)
      }))
  }
})
