/** Deadlines of effects. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { asyncIn, firstOf, forkChild, outcomeOf, withFiber } from "../effect/fiber.js"
import type { List } from "../list.js"
import { Deadlines, type Timed } from "./deadlines.js"

class Deadline implements Timed {
  prev: Timed | undefined = undefined
  next: Timed | undefined = undefined
  list: List<any> | undefined = undefined
  deadline = Infinity

  constructor(readonly onTimeout: () => void) {}
}

/**
 * Races an effect against a timeout in milliseconds, as `Effect.raceFirst` does, at half of its cost. When the time is
 * over and `catchUp` has completed without an outcome, the effect is interrupted. After its end, this fails with the
 * error that `tooLate` gave before the interrupt.
 */
export const inTime = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  timeout: number,
  catchUp: Effect.Effect<void>,
  tooLate: () => E2
): Effect.Effect<A, E | E2, R> =>
  timeout === Infinity ? effect : Effect.flatMap(forkChild(effect), (child) => {
    const giveUp = <E3>(failure: Effect.Effect<never, E3>) => Effect.andThen(Fiber.interrupt(child), failure)
    const decide = Effect.matchCauseEffect(firstOf(Fiber.await(child), catchUp), {
      onFailure: (defect) => giveUp(Effect.failCause(defect)),
      onSuccess: (): Effect.Effect<A, E | E2> => outcomeOf(child) ?? giveUp(Effect.fail(tooLate()))
    })
    return withFiber((parent) =>
      asyncIn<A, E | E2>(parent, (resume) => {
        const deadlines = Deadlines.of(parent, timeout)
        const entry = new Deadline(() => resume(decide))
        deadlines.add(entry)
        child.addObserver(() => {
          deadlines.remove(entry)
          resume(outcomeOf(child)!)
        })
      })
    )
  })
