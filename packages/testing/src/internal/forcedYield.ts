/** What it takes to make a fiber yield from outside, and to tell that yield from others. */
import * as Effect from "effect/Effect"
import type * as Scheduler from "effect/Scheduler"

/**
 * What a scheduler's `shouldYield` answers to force a yield: the fiber then schedules itself with this priority, so that
 * `scheduleTask` knows why. No program asks for such a priority.
 */
export const forced = 2 ** 40

/**
 * How many runtime steps a fiber takes after a forced yield until it is back where it was: the yield sets and restores
 * the scheduling priority. A scheduler that counts these too, and forces a yield more often than that, never lets the
 * program go on. They depend on the version of Effect, so they are counted here.
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
  // The first question led to the yield, and the last one was for the program's own step.
  return steps - 2
}

let cost: number | undefined

export const costInSteps = (): number => cost ??= count()
