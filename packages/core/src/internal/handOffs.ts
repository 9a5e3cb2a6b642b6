/** Resumes borrowers that have been handed a connection, so that the event loop turns however fast they follow. */
import { graceTurn } from "./effect/fiber.js"
import type { PoolRuntime } from "./runtime.js"
import type { Waiter } from "./state.js"

/**
 * The milliseconds after which a timer starts, to see whether the event loop turns, and after which hand-offs wait for
 * that timer. A turn costs as much as some hundred hand-offs.
 */
const patienceMillis = 25

/**
 * Effect lets the event loop turn when one fiber has taken many turns in a row. Fibers that hand connections to each
 * other take one turn each, so without a limit no timer of the process would ring, and no socket would be read, for as
 * long as they go on. A pool whose borrowers wait for anything else never reaches the limit: the timer rings before.
 */
export class HandOffs {
  private turnedAt = -Infinity
  /** The start of the timer, while it runs. */
  private askedAt: number | undefined = undefined
  /** The borrowers that are resumed in the next turn, in order. */
  private readonly held: Array<Waiter<any>> = []

  constructor(private readonly runtime: Pick<PoolRuntime, "fork" | "now">) {}

  /** Resumes a borrower that has its connection, if it is parked. It may be interrupted until it goes on. */
  resume(waiter: Waiter<any>): void {
    const now = waiter.lease!.since
    if (this.askedAt === undefined) {
      if (now - this.turnedAt >= patienceMillis) {
        this.askedAt = now
        this.runtime.fork(graceTurn).addObserver(this.turned)
      }
    } else if (now - this.askedAt >= patienceMillis) {
      this.held.push(waiter)
      return
    }
    waiter.wake?.()
  }

  private readonly turned = (): void => {
    this.askedAt = undefined
    this.turnedAt = this.runtime.now()
    for (const waiter of this.held.splice(0)) waiter.wake?.()
  }
}
