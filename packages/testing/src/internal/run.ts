/** One run of a program that an exploration interrupts. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { ForkSubject, Moment } from "../Interruptions.js"
import * as SteppingScheduler from "../SteppingScheduler.js"
import { firstOf, fork, forkDaemon, interrupt, liveClock, repeat, withClock, withFiber } from "./effect/fiber.js"
import { runLater, withScheduler } from "./effect/scheduler.js"

/** After this many turns of the scheduler, everything still waiting waits for time or for a peer. */
const turns = 200

/** A time limit passes in this many parts. A pause of the whole process, however long, counts as one of them. */
const parts = 20

/** Ends once the process has run for a time by the live clock. */
const runs = (millis: number): Effect.Effect<void> =>
  withClock(repeat(Effect.sleep(millis / parts), parts - 1), liveClock())

/**
 * Runs an effect in a fiber of its own while the process runs for a time. After that the fiber is interrupted, but not
 * waited for: it may be uninterruptible.
 */
const endsWithin = <A, E, R>(effect: Effect.Effect<A, E, R>, millis: number): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(forkDaemon(restore(effect)), (fiber) => {
      const waiting = firstOf(
        Effect.asSome(Fiber.await(fiber)),
        Effect.as(runs(millis), Option.none<Exit.Exit<A, E>>())
      )
      return Effect.flatMap(
        Effect.onInterrupt(restore(waiting), () => Fiber.interrupt(fiber)),
        Option.match({
          onNone: () => Effect.as(Effect.sync(() => interrupt(fiber)), Option.none()),
          onSome: () => Effect.asSome(Fiber.join(fiber))
        })
      )
    })
  )

/** A scheduler for all fibers of one run, and the fibers that are interrupted. */
export class Run {
  /** Whether the run did not end. */
  hung = false
  private readonly scheduler: SteppingScheduler.SteppingScheduler
  private readonly watches: Array<SteppingScheduler.Watch | undefined> = []

  constructor(private readonly budget: number, private readonly moment: Moment, private readonly maxMillis: number) {
    this.scheduler = SteppingScheduler.make({ budget })
  }

  /** Returns a `ForkSubject` for the subject with this number, which is interrupted at this step. */
  fork(subject: number, at: number): ForkSubject {
    return (effect) =>
      fork(withFiber((fiber) => {
        this.watches[subject] = this.scheduler.watch(fiber, { at, ...this.stop() })
        return effect
      }))
  }

  /** Runs the program and returns its problems. */
  readonly perform = <V, R>(
    run: Effect.Effect<ReadonlyArray<string>, never, R>,
    at: V
  ): Effect.Effect<ReadonlyArray<V & { moment: Moment; budget: number; problem: string }>, never, R> =>
    Effect.map(
      endsWithin(withScheduler(run, this.scheduler), this.maxMillis),
      (ended) => {
        this.hung = Option.isNone(ended)
        const problems = Option.getOrElse(ended, () => [`the program has not ended after ${this.maxMillis} ms`])
        return problems.map((problem) => ({ ...at, moment: this.moment, budget: this.budget, problem }))
      }
    )

  /** The steps that the subject with this number took. */
  steps(subject: number): number {
    return this.watches[subject]?.steps ?? 0
  }

  /** Whether the subject was still running at its step. */
  struck(subject: number): boolean {
    return this.watches[subject]?.reached ?? false
  }

  private stop(): Omit<SteppingScheduler.Stop, "at"> {
    if (this.moment === "before others run") return { strike: interrupt }
    return {
      aside: (goOn, fiber) =>
        this.pass(turns, () => {
          interrupt(fiber)
          goOn()
        })
    }
  }

  /** Gives the other fibers this many turns. */
  private pass(left: number, then: () => void): void {
    runLater(this.scheduler, () => left === 0 ? then() : this.pass(left - 1, then))
  }
}
