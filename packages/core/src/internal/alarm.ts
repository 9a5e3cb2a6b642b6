/** One wake-up on the pool's clock for everything in a queue whose deadlines are in order. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import type { Fiber } from "./effect/fiber.js"
import type { Linked, List } from "./list.js"
import { type PoolRuntime, stop } from "./runtime.js"

/** So many turns of the scheduler later a fiber is given up for which there is nothing to do. */
const restTurns = 4

/** A fiber that wakes up too late gives as much time again, at most so many milliseconds: by then a loop has turned. */
const longestGrace = 10

/**
 * Sleeps until the next deadline and rings. At most one fiber is asleep, however many deadlines there are: as they are
 * in order, one that goes to sleep too early for the present head wakes up, sees that, and sleeps on.
 */
export class Alarm {
  /** An alarm for those that stand in one list until their deadline. */
  static of<N extends Linked<N> & { readonly deadline: number }>(
    runtime: PoolRuntime,
    list: List<N>,
    overdue: (node: N, now: number) => void,
    atRest?: () => void
  ): Alarm {
    return new Alarm(runtime, () => list.head?.deadline, (now, until) => {
      for (const node of list) {
        if (node.deadline > until) break
        overdue(node, now)
      }
    }, atRest)
  }

  private fiber: Fiber<void, never> | undefined = undefined
  /** Until when it sleeps, at the latest. */
  private until = Infinity
  private resting = 0

  constructor(
    private readonly runtime: PoolRuntime,
    /** The next deadline; `undefined` or `Infinity` when there is none. */
    private readonly due: () => number | undefined,
    /** Deals with the deadlines until a moment, which is in the past by the grace that they were given. */
    private readonly ring: (now: number, until: number) => void,
    /** There has been nothing to wait for, for a while. */
    private readonly atRest: () => void = constVoid
  ) {}

  /** To be called after every change of the queue. */
  refresh(): void {
    const due = this.due() ?? Infinity
    if (due !== Infinity) {
      if (this.fiber === undefined) this.arm()
      else if (due < this.until) this.rearm()
    } else if (this.fiber !== undefined && this.resting === 0) {
      // A queue that is empty for a moment is often full again at once: who was served comes back, or lets in the next.
      this.resting = restTurns
      this.runtime.later(this.rest)
    }
  }

  /**
   * `refresh` where deadlines only grow, and come and go very often: a fiber that is asleep wakes up early enough, and if
   * there is nothing to do then, it ends. To give it up before and to start another costs as much as a hundred leases.
   */
  refreshSome(): void {
    if (this.fiber === undefined) this.refresh()
  }

  private readonly rest = (): void => {
    if (--this.resting > 0) return this.runtime.later(this.rest)
    if (this.fiber === undefined || (this.due() ?? Infinity) !== Infinity) return
    this.disarm()
    this.atRest()
  }

  /** A waiter that comes back to its place can be due before those that came meanwhile. */
  private rearm(): void {
    this.disarm()
    this.arm()
  }

  private disarm(): void {
    const { fiber } = this
    this.fiber = undefined
    stop(fiber)
  }

  private arm(): void {
    const fiber = this.runtime.fork(this.watch(Infinity))
    this.fiber = fiber
    // It looks for itself as soon as it runs.
    this.until = -Infinity
    fiber.addObserver(() => {
      if (this.fiber !== fiber) return
      this.fiber = undefined
      if ((this.due() ?? Infinity) === Infinity) this.atRest()
      else this.arm()
    })
  }

  /** It was to wake up at `planned`. */
  private watch(planned: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const due = this.due() ?? Infinity
      if (due === Infinity) return Effect.void
      const now = this.runtime.now()
      this.until = due
      const sleep = (millis: number) => Effect.as(Effect.sleep(Duration.millis(millis)), now + millis)
      if (due > now) return Effect.flatMap(sleep(Math.ceil(due - now)), (next) => this.watch(next))
      // After a stall of the event loop timers fire before what has arrived meanwhile is read, and one that is started
      // then can fire at once, too. So there is some grace, and only for what is due now: what falls due in it gets its own.
      return Effect.flatMap(sleep(Math.min(Math.max(0, now - planned), longestGrace)), (next) => {
        this.ring(this.runtime.now(), now)
        return this.watch(next)
      })
    })
  }
}
