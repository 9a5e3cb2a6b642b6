/**
 * How a borrower's fiber is brought back: an effect runs, just as interruptible as its caller is, and whatever becomes
 * of it, what follows runs where nothing can be interrupted.
 *
 * There are two ways to have that. One is Effect's public interface; it costs eight steps of the fiber. The other is a
 * frame of our own on the fiber's stack; it costs one. As the stack is Effect's own affair, the frame is used only where
 * it has proved in a trial that the fiber treats it as we expect.
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { identity } from "effect/Function"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as RuntimeFlagsPatch from "effect/RuntimeFlagsPatch"
import type { Holder } from "./state.js"

/** What a frame has to know of a fiber: in Effect 3.22, `internal/fiberRuntime.ts`. */
interface Stack {
  readonly pushStack: (frame: unknown) => void
  readonly currentRuntimeFlags: RuntimeFlags.RuntimeFlags
  readonly isInterrupted: () => boolean
  /** Replaced whenever one of them changes; that it is interrupted is one of them. */
  readonly _fiberRefs: object
  /** Where `Effect.step` began; what lies above may be moved to another fiber. */
  readonly _steps: ReadonlyArray<unknown>
}

const stackOf = (fiber: Holder): Stack => fiber as unknown as Stack

/** Whether the fiber is about to fail without asking its handlers. */
const isStruck = (fiber: Stack): boolean =>
  RuntimeFlags.interruptible(fiber.currentRuntimeFlags) && fiber.isInterrupted()

const shut = RuntimeFlagsPatch.disable(RuntimeFlags.Interruption)
/** The frame with which a fiber opens itself to interruption again, and heeds what has come meanwhile. */
const reopen = { _op: "RevertFlags", patch: RuntimeFlagsPatch.enable(RuntimeFlags.Interruption), op: undefined }

/**
 * What follows an effect: one of the two is called, once, and where nothing can be interrupted.
 *
 * It is a frame for the fiber's stack at the same time: one of a `matchCauseEffect` that a fiber does not pass over when
 * it is interrupted. Then it poses as the end of a region with other flags, of which the fiber asks the `patch`, and puts
 * itself back for the next step, when the fiber is not interruptible any more.
 *
 * Make it with `new` of a subclass: object literals that outlive a round of V8's young collector are soon allocated
 * among the old ones, and keep all alive that they have ever led to. That halved the throughput of many waiters.
 */
export abstract class Continuation<A, E, B, E2, R> {
  private isShut = false
  /** The fiber has not been interrupted for as long as it has these: asked several times a step, it answers at once. */
  private readonly calm: object

  constructor(readonly fiber: Holder) {
    this.calm = stackOf(fiber)._fiberRefs
  }

  abstract onFailure(cause: Cause.Cause<E>): Effect.Effect<B, E2, R>
  abstract onSuccess(value: A): Effect.Effect<B, E2, R>

  protected get _op(): "OnSuccessAndFailure" | "RevertFlags" {
    const stack = stackOf(this.fiber)
    return stack._fiberRefs === this.calm || !isStruck(stack) ? "OnSuccessAndFailure" : "RevertFlags"
  }

  protected get patch(): RuntimeFlagsPatch.RuntimeFlagsPatch {
    this.isShut = true
    stackOf(this.fiber).pushStack(this)
    return shut
  }

  protected effect_instruction_i1(cause: Cause.Cause<E>): Effect.Effect<B, E2, R> {
    if (this.isShut) stackOf(this.fiber).pushStack(reopen)
    return this.onFailure(cause)
  }

  protected effect_instruction_i2(value: A): Effect.Effect<B, E2, R> {
    if (!this.isShut) return this.onSuccess(value)
    stackOf(this.fiber).pushStack(reopen)
    // What follows may go on with something that can be interrupted, and has been.
    return Effect.interruptible(this.onSuccess(value))
  }
}

export interface Guard {
  /** Runs an effect and then what follows. Used by a fiber for itself, as the last thing that it does in a step. */
  readonly run: <X, A, E, B, E2, R, R2>(
    f: (x: X) => Effect.Effect<A, E, R>,
    x: X,
    continuation: Continuation<A, E, B, E2, R2>
  ) => Effect.Effect<B, E2, R | R2>
}

/** By the public interface: to be used within the `Effect.uninterruptibleMask` that `restore` comes from. */
const masked = (restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>): Guard => ({
  run: (f, x, continuation) =>
    Effect.matchCauseEffect(restore(Effect.suspend(() => f(x))), {
      onFailure: (cause) => continuation.onFailure(cause),
      onSuccess: (value) => continuation.onSuccess(value)
    })
})

/** By a frame: outside any mask. */
const framed: Guard = {
  run: <X, A, E, B, E2, R, R2>(
    f: (x: X) => Effect.Effect<A, E, R>,
    x: X,
    continuation: Continuation<A, E, B, E2, R2>
  ) => {
    stackOf(continuation.fiber).pushStack(continuation)
    // The frame makes the one out of the other.
    return f(x) as Effect.Effect<any, any, R>
  }
}

// --- Which one ------------------------------------------------------------------------------------------------------

type Body<A, E, R> = (fiber: Holder, guard: Guard) => Effect.Effect<A, E, R>

/** For what needs the mask itself. */
export const inMask = <A, E, R>(body: Body<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => Effect.withFiberRuntime((fiber) => body(fiber, masked(restore))))

/**
 * For what goes from one guarded effect to the next, and does nothing in between that takes another step. What the body
 * works on is given apart from it, as that spares a closure.
 */
export const guarded = <X, Y, Z, A, E, R>(
  body: (fiber: Holder, guard: Guard, x: X, y: Y, z: Z) => Effect.Effect<A, E, R>,
  x: X,
  y: Y,
  z: Z
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) =>
    canFrame(fiber) ? body(fiber, framed, x, y, z) : inMask((fiber, guard) => body(fiber, guard, x, y, z))
  )

let isTrusted: boolean | undefined = undefined

const canFrame = (fiber: Holder): boolean => (isTrusted ??= isAsGood(framed)) && stackOf(fiber)._steps.length === 0

/** Whether a guard does just what the mask does, whatever becomes of the effect. */
export const isAsGood = (guard: Guard): boolean => {
  const interrupted = Effect.withFiberRuntime((fiber) => {
    fiber.unsafeInterruptAsFork(FiberId.none)
    return Effect.void
  })
  const subjects: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
    Effect.succeed("value"),
    Effect.fail("error"),
    Effect.die("defect"),
    interrupted,
    Effect.uninterruptible(interrupted),
    Effect.zipRight(interrupted, Effect.die("too late"))
  ]
  const trial = (subject: Effect.Effect<unknown, unknown>, way: (body: Body<unknown, unknown, never>) => Trial) => {
    const heard: Array<Exit.Exit<unknown, unknown>> = []
    const tried = way((fiber, guard) => guard.run(identity, subject, new Hearing(fiber, heard)))
    return Data.array([Effect.runSyncExit(Effect.exit(tried)), ...heard])
  }
  try {
    return [...subjects, ...subjects.map(Effect.uninterruptible)].every((subject) => {
      const wanted = trial(subject, inMask)
      return Equal.equals(trial(subject, (body) => Effect.withFiberRuntime((fiber) => body(fiber, guard))), wanted)
    })
  } catch {
    return false
  }
}

type Trial = Effect.Effect<unknown, unknown>

class Hearing extends Continuation<unknown, unknown, unknown, unknown, never> {
  constructor(fiber: Holder, private readonly heard: Array<Exit.Exit<unknown, unknown>>) {
    super(fiber)
  }

  onFailure(cause: Cause.Cause<unknown>): Exit.Exit<unknown, unknown> {
    return this.hear(Exit.failCause(cause))
  }

  onSuccess(value: unknown): Exit.Exit<unknown, unknown> {
    return this.hear(Exit.succeed(value))
  }

  private hear(exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> {
    this.heard.push(exit)
    return exit
  }
}
