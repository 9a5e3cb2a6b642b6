/**
 * Runs an effect and then a continuation. The effect is exactly as interruptible as its caller. The continuation runs
 * whatever the effect's outcome, and nothing can interrupt it.
 *
 * There are two ways. Effect's public interface costs eight steps of the fiber. A frame of our own on the fiber's stack
 * costs one. The stack is internal to Effect, so the frame is used only after a trial has shown that the fiber treats
 * it as expected.
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

/** The part of a fiber that a frame uses: in Effect 3.22, `internal/fiberRuntime.ts`. */
interface Stack {
  readonly pushStack: (frame: unknown) => void
  readonly currentRuntimeFlags: RuntimeFlags.RuntimeFlags
  readonly isInterrupted: () => boolean
  /** Replaced whenever one of them changes. One of them says that the fiber is interrupted. */
  readonly _fiberRefs: object
  /** The places where `Effect.step` began. Frames above them may move to another fiber. */
  readonly _steps: ReadonlyArray<unknown>
}

const stackOf = (fiber: Holder): Stack => fiber as unknown as Stack

/** Whether the fiber is about to fail without asking its handlers. */
const isStruck = (fiber: Stack): boolean =>
  RuntimeFlags.interruptible(fiber.currentRuntimeFlags) && fiber.isInterrupted()

const shut = RuntimeFlagsPatch.disable(RuntimeFlags.Interruption)
/** The frame that makes a fiber interruptible again. An interrupt that has come meanwhile takes effect then. */
const reopen = { _op: "RevertFlags", patch: RuntimeFlagsPatch.enable(RuntimeFlags.Interruption), op: undefined }

/**
 * Continues after an effect. One of the two methods is called, once, where nothing can be interrupted.
 *
 * It is a frame for the fiber's stack at the same time: that of a `matchCauseEffect` which a fiber does not skip when
 * it is interrupted. Then it poses as the end of a region with other flags. The fiber reads the `patch` of such a
 * frame, and the frame puts itself back for the next step, when the fiber is no longer interruptible.
 *
 * Make it with `new` of a subclass. Object literals that outlive a round of V8's young collector are soon allocated
 * among the old ones, and keep everything alive that they ever led to. That halved the throughput of many waiters.
 */
export abstract class Continuation<A, E, B, E2, R> {
  private isShut = false
  /** The fiber is not interrupted while it has these. A fiber asks several times a step, so the answer must be fast. */
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
    // The fiber is interrupted already, so an interruptible effect in the continuation must end at once.
    return Effect.interruptible(this.onSuccess(value))
  }
}

export interface Guard {
  /** Runs an effect and then the continuation. A fiber calls it for itself, as its last act in a step. */
  readonly run: <X, A, E, B, E2, R, R2>(
    f: (x: X) => Effect.Effect<A, E, R>,
    x: X,
    continuation: Continuation<A, E, B, E2, R2>
  ) => Effect.Effect<B, E2, R | R2>
}

/** The guard by the public interface. Use it within the `Effect.uninterruptibleMask` that `restore` comes from. */
const masked = (restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>): Guard => ({
  run: (f, x, continuation) =>
    Effect.matchCauseEffect(restore(Effect.suspend(() => f(x))), {
      onFailure: (cause) => continuation.onFailure(cause),
      onSuccess: (value) => continuation.onSuccess(value)
    })
})

/** The guard by a frame. Use it outside any mask. */
const framed: Guard = {
  run: <X, A, E, B, E2, R, R2>(
    f: (x: X) => Effect.Effect<A, E, R>,
    x: X,
    continuation: Continuation<A, E, B, E2, R2>
  ) => {
    stackOf(continuation.fiber).pushStack(continuation)
    // The frame turns the effect's result into that of the continuation.
    return f(x) as Effect.Effect<any, any, R>
  }
}

// --- Choice of guard ------------------------------------------------------------------------------------------------

type Body<A, E, R> = (fiber: Holder, guard: Guard) => Effect.Effect<A, E, R>

/** Runs a body that needs the mask itself. */
export const inMask = <A, E, R>(body: Body<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => Effect.withFiberRuntime((fiber) => body(fiber, masked(restore))))

/**
 * Runs a body that goes from one guarded effect to the next and takes no other step in between. The body's arguments
 * are passed separately, which spares a closure.
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

/** Returns whether a guard behaves exactly as the mask does, for every outcome of the effect. */
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
