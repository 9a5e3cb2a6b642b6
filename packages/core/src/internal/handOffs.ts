/** Resumes borrowers that have been handed a connection, so that the event loop turns however fast they follow. */
import { graceTurn } from "./effect/fiber.js"
import type { PoolRuntime } from "./runtime.js"
import type { Waiter } from "./state.js"

/** After so many hand-offs a timer starts, to see whether the event loop turns. */
const handOffsBeforeTimer = 1_024

/** After so many hand-offs in one turn of the event loop, the next ones wait for the timer. */
const handOffsPerTurn = 2 * handOffsBeforeTimer

/**
 * Effect lets the event loop turn when one fiber has taken many turns in a row. Fibers that hand connections to each
 * other take one turn each, so without a limit no timer of the process would ring, and no socket would be read, for as
 * long as they go on. A pool whose borrowers wait for anything else never reaches the limit: the timer rings before.
 */
export class HandOffs {
  private count = 0
  /** The borrowers that are resumed in the next turn, in order. */
  private readonly held: Array<Waiter<any>> = []

  constructor(private readonly runtime: Pick<PoolRuntime, "fork">) {}

  /** Resumes a borrower that has its connection, if it is parked. It may be interrupted until it goes on. */
  resume(waiter: Waiter<any>): void {
    if (++this.count < handOffsPerTurn) {
      if (this.count === handOffsBeforeTimer) this.runtime.fork(graceTurn).addObserver(this.turned)
      waiter.wake?.()
    } else {
      this.held.push(waiter)
    }
  }

  private readonly turned = (): void => {
    this.count = 0
    for (const waiter of this.held.splice(0)) this.resume(waiter)
  }
}
