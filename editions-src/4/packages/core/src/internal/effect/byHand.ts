/** The seam to Effect: fibers that run by hand, for a trial of how they behave. */
import type { Scheduler } from "effect/Scheduler"

/** A scheduler that runs nothing by itself. `settle` runs everything that there is to run. */
export const schedulerByHand = (): { readonly scheduler: Scheduler; readonly settle: () => void } => {
  const tasks: Array<() => void> = []
  const settle = () => {
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) task()
  }
  const dispatcher = { scheduleTask: (task: () => void) => void tasks.push(task), flush: settle }
  return {
    scheduler: { executionMode: "async", shouldYield: () => false, makeDispatcher: () => dispatcher },
    settle
  }
}
