/** The seam to Effect: a frame of our own on a fiber's stack. Reads the fiber's internals of Effect 3.22. */
import type { Cause } from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as RuntimeFlagsPatch from "effect/RuntimeFlagsPatch"
import type { Holder } from "./fiber.js"

/** The part of a fiber that a frame needs: in Effect 3.22, `internal/fiberRuntime.ts`. */
interface Stack {
  readonly pushStack: (frame: unknown) => void
  readonly currentRuntimeFlags: RuntimeFlags.RuntimeFlags
  readonly isInterrupted: () => boolean
  /** Replaced whenever one of them changes; the interruption is one of them. */
  readonly _fiberRefs: object
  /** The places where `Effect.step` began. The stack above them may move to another fiber. */
  readonly _steps: ReadonlyArray<unknown>
}

const stackOf = (fiber: Holder): Stack => fiber as unknown as Stack

/** Whether the fiber is about to fail without asking its handlers. */
const hasPendingInterrupt = (fiber: Stack): boolean =>
  RuntimeFlags.interruptible(fiber.currentRuntimeFlags) && fiber.isInterrupted()

const shut = RuntimeFlagsPatch.disable(RuntimeFlags.Interruption)
/** The frame with which a fiber becomes interruptible again, and heeds an interrupt that came meanwhile. */
const reopen = { _op: "RevertFlags", patch: RuntimeFlagsPatch.enable(RuntimeFlags.Interruption), op: undefined }

/**
 * The continuation of an effect: the fiber calls one of the two methods, once, and uninterruptible.
 *
 * It is a frame for the fiber's stack at the same time: one of a `matchCauseEffect` that an interrupted fiber does not
 * skip. When the fiber is interrupted, the frame poses as the end of a region with other flags. The fiber then asks it
 * for the `patch`, and the frame puts itself back for the next step, when the fiber is uninterruptible.
 *
 * Make it with `new` of a subclass. V8 soon allocates object literals that outlive a round of its young collector among
 * the old ones, and those keep alive everything that they have ever led to. That halved the throughput of many waiters.
 */
export abstract class Frame<A, E, B, E2, R> {
  private isShut = false
  /** The fiber is not interrupted while it has these. Comparing them is cheap; `_op` is read several times a step. */
  private readonly refsBefore: object

  constructor(readonly fiber: Holder) {
    this.refsBefore = stackOf(fiber)._fiberRefs
  }

  abstract onFailure(cause: Cause<E>): Effect.Effect<B, E2, R>
  /** `exit` is that of the value, if the fiber has one at hand. */
  abstract onSuccess(value: A, exit?: Exit.Exit<A>): Effect.Effect<B, E2, R>

  /** Puts the frame on the fiber's stack. Called by the fiber itself, as the last thing in a step. */
  push(): void {
    stackOf(this.fiber).pushStack(this)
  }

  protected get _op(): "OnSuccessAndFailure" | "RevertFlags" {
    const stack = stackOf(this.fiber)
    return stack._fiberRefs === this.refsBefore || !hasPendingInterrupt(stack) ? "OnSuccessAndFailure" : "RevertFlags"
  }

  protected get patch(): RuntimeFlagsPatch.RuntimeFlagsPatch {
    this.isShut = true
    stackOf(this.fiber).pushStack(this)
    return shut
  }

  protected effect_instruction_i1(cause: Cause<E>): Effect.Effect<B, E2, R> {
    if (this.isShut) stackOf(this.fiber).pushStack(reopen)
    return this.onFailure(cause)
  }

  protected effect_instruction_i2(value: A): Effect.Effect<B, E2, R> {
    if (!this.isShut) return this.onSuccess(value)
    stackOf(this.fiber).pushStack(reopen)
    // The continuation may run something interruptible, and the interrupt has come.
    return Effect.interruptible(this.onSuccess(value))
  }
}

/** Whether a frame on this fiber's stack stays on it. */
export const keepsFrames = (fiber: Holder): boolean => stackOf(fiber)._steps.length === 0

/** The effect that a function of the user's has returned. Anything else is a defect of its fiber. */
export const runnable: <A>(effect: A) => A = identity
