/** One wake-up on the pool's clock for everything in a queue whose deadlines are in order. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { type Host, stop } from "./host.js"
import type { List } from "./list.js"
import type { Slot } from "./state.js"

/**
 * Sleeps until the next deadline and rings. At most one fiber is asleep, however many deadlines there are: as they are
 * in order, one that goes to sleep too early for the present head wakes up, sees that, and sleeps on.
 */
export class Alarm {
  /** An alarm for slots that stand in one list until their deadline. */
  static of<C>(host: Host, list: List<Slot<C>>, overdue: (slot: Slot<C>, now: number) => void): Alarm {
    return new Alarm(host, () => list.head?.deadline, (now) => {
      for (const slot of list) {
        if (slot.deadline > now) break
        overdue(slot, now)
      }
    })
  }

  private fiber: Fiber.RuntimeFiber<void> | undefined = undefined
  private resting = false

  constructor(
    private readonly host: Host,
    /** The next deadline; `undefined` or `Infinity` when there is none. */
    private readonly due: () => number | undefined,
    private readonly ring: (now: number) => void
  ) {}

  /** To be called after every change of the queue. */
  refresh(): void {
    if (this.isDue()) {
      if (this.fiber === undefined) this.arm()
    } else if (this.fiber !== undefined && !this.resting) {
      // A queue that is empty for a moment is often full again at once, so the fiber is given up one turn later.
      this.resting = true
      this.host.later(this.rest)
    }
  }

  private isDue(): boolean {
    const due = this.due()
    return due !== undefined && due !== Infinity
  }

  private readonly rest = (): void => {
    this.resting = false
    if (this.fiber === undefined || this.isDue()) return
    const fiber = this.fiber
    this.fiber = undefined
    stop(fiber)
  }

  private arm(): void {
    const fiber = this.host.fork(this.watch)
    this.fiber = fiber
    fiber.addObserver(() => {
      if (this.fiber !== fiber) return
      this.fiber = undefined
      this.refresh()
    })
  }

  private readonly watch: Effect.Effect<void> = Effect.suspend(() => {
    const due = this.due()
    if (due === undefined || due === Infinity) return Effect.void
    const now = this.host.now()
    if (due <= now) {
      this.ring(now)
      return this.watch
    }
    return Effect.flatMap(Effect.sleep(Duration.millis(Math.ceil(due - now))), () => this.watch)
  })
}
