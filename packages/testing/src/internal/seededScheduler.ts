/** A scheduler that runs one ready task per call, in an order that a seed determines. */
import type { Rng } from "../Rng.js"
import { costInSteps, ForcingScheduler, type Task } from "./effect/scheduler.js"

export class SeededScheduler extends ForcingScheduler {
  private readonly tasks: Array<Task> = []
  /** The runtime steps of all fibers together until the next forced yield. */
  private untilYield: number
  private high = 0x9e3779b9
  private low = 0x85ebca6b
  /** The number of tasks run so far. */
  steps = 0

  constructor(private readonly rng: Rng, private readonly yieldProbability: number) {
    super()
    this.untilYield = this.drawYield()
  }

  get isIdle(): boolean {
    return this.tasks.length === 0
  }

  /** Identifies the order of tasks and forced yields so far, in 53 bits. */
  get hash(): number {
    return (this.high >>> 0) * 2 ** 21 + (this.low >>> 11)
  }

  protected forcesYield(): boolean {
    if (--this.untilYield > 0) return false
    this.untilYield = this.drawYield()
    return true
  }

  protected take(task: Task, isForced: boolean): void {
    // The cost of the yield itself does not count, nor does the step before which it came. So the fiber makes progress
    // under every probability.
    this.tasks.push(
      !isForced ? task : () => {
        this.untilYield += costInSteps() + 1
        task()
      }
    )
  }

  /** Runs one task. */
  run(): void {
    const { tasks } = this
    const chosen = Math.floor(this.rng.next() * tasks.length)
    this.note(chosen, tasks.length)
    const task = tasks[chosen]!
    tasks[chosen] = tasks.at(-1)!
    tasks.pop()
    this.steps++
    task()
  }

  /** Draws the number of steps until the next yield; each step has the same probability. */
  private drawYield(): number {
    return this.yieldProbability === 0
      ? Infinity
      : 1 + Math.floor(Math.log(1 - this.rng.next()) / Math.log(1 - this.yieldProbability))
  }

  private note(chosen: number, among: number): void {
    const word = (chosen << 16) ^ (among << 8) ^ this.untilYield
    this.high = Math.imul(this.high ^ word, 0x01000193)
    this.low = Math.imul(this.low ^ word ^ (this.high >>> 15), 0x85ebca6b)
  }
}
