/** Forces a fiber to yield from outside, and tells such a yield from others. */
import * as Effect from "effect/Effect"
import type * as Scheduler from "effect/Scheduler"

/**
 * The answer of a scheduler's `shouldYield` that forces a yield. The fiber then schedules itself with this priority, so
 * that `scheduleTask` knows the reason. No program uses such a priority.
 */
export const forced = 2 ** 40

/**
 * Counts the runtime steps from a forced yield until the fiber is back where it was: the yield sets and restores the
 * scheduling priority. A scheduler that counts these steps, and forces a yield more often than that, stops all
 * progress. The number depends on the version of Effect, so it is counted at run time.
 */
const count = (): number => {
  const tasks: Array<Scheduler.Task> = []
  let asked = 0
  let steps = 0
  Effect.runFork(Effect.sync(() => steps = asked), {
    immediate: false,
    scheduler: {
      shouldYield: () => asked++ === 0 ? forced : false,
      scheduleTask: (task) => void tasks.push(task)
    }
  })
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) task()
  // The first call caused the yield, and the last one belongs to the program's own step.
  return steps - 2
}

let cost: number | undefined

export const costInSteps = (): number => cost ??= count()
