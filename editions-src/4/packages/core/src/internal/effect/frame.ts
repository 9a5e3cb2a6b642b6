/** The seam to Effect: a frame of our own on a fiber's stack. Reads the fiber's internals of Effect 4.1. */
import type { Cause } from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Holder } from "./fiber.js"

/** The part of a fiber that a frame needs: in Effect 4.1, `internal/effect.ts`. */
interface Stack {
  readonly _stack: Array<unknown>
  interruptible: boolean
  readonly _interruptedCause: Cause<never> | undefined
}

const stackOf = (fiber: Holder): Stack => fiber as unknown as Stack

/** The fiber calls this when it takes a frame from its stack, before it asks for one of the two below. */
const ensure = "~effect/Effect/ensureCont"

/** The frame with which a fiber becomes interruptible again, and heeds an interrupt that came meanwhile. */
const reopen = {
  [ensure](fiber: Stack) {
    fiber.interruptible = true
    const cause = fiber._interruptedCause
    return cause && (() => Exit.failCause(cause))
  }
}

/**
 * The continuation of an effect: the fiber calls one of the two methods, once, and uninterruptible.
 *
 * It is a frame for the fiber's stack at the same time: one of a `matchCauseEffect` that makes the fiber uninterruptible
 * first, as that of `onExit` does. It always does that, so what follows a success must be made interruptible again.
 *
 * Make it with `new` of a subclass. V8 soon allocates object literals that outlive a round of its young collector among
 * the old ones, and those keep alive everything that they have ever led to. That halved the throughput of many waiters.
 */
export abstract class Frame<A, E, B, E2, R> {
  /** Whether what follows a success may be interrupted: as the effect before it may. */
  private isOpen = false

  constructor(readonly fiber: Holder) {}

  abstract onFailure(cause: Cause<E>): Effect.Effect<B, E2, R>
  /** `exit` is that of the value, if the fiber has one at hand. */
  abstract onSuccess(value: A, exit?: Exit.Exit<A>): Effect.Effect<B, E2, R>

  /** Puts the frame on the fiber's stack. Called by the fiber itself, as the last thing in a step. */
  push(): void {
    const stack = stackOf(this.fiber)
    this.isOpen = stack.interruptible || followsOpen
    stack._stack.push(this)
  }

  protected [ensure](fiber: Stack): void {
    if (!fiber.interruptible) return
    fiber.interruptible = false
    fiber._stack.push(reopen)
  }

  protected ["~effect/Effect/failureCont"](cause: Cause<E>): Effect.Effect<B, E2, R> {
    return this.onFailure(cause)
  }

  protected ["~effect/Effect/successCont"](value: A, _: unknown, exit?: Exit.Exit<A>): Effect.Effect<B, E2, R> {
    if (!this.isOpen) return this.onSuccess(value, exit)
    followsOpen = true
    try {
      const next = this.onSuccess(value, exit)
      return Exit.isExit(next) ? next : Effect.interruptible(next)
    } finally {
      followsOpen = false
    }
  }
}

/**
 * Whether a frame that is put on the stack now belongs to what follows a success and may be interrupted. The fiber is
 * uninterruptible at that moment, so it cannot tell: a borrower that waits again would use its connection
 * uninterruptibly.
 */
let followsOpen = false

/** Whether a frame on this fiber's stack stays on it. */
export const keepsFrames = (_fiber: Holder): boolean => true

/**
 * The effect that a function of the user's has returned. Anything else is a defect: a fiber of Effect 4.1 that comes upon
 * it ends at once, without its finalizers, and a lease would be lost.
 */
export const runnable = <A>(effect: A): A =>
  Effect.isEffect(effect) ? effect : Exit.die(new TypeError(`not an effect: ${String(effect)}`)) as A
