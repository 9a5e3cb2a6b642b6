/**
 * Runs an effect and then a continuation. The effect is exactly as interruptible as its caller. The continuation runs
 * whatever the effect's outcome, and nothing can interrupt it.
 *
 * There are two ways. Effect's public interface costs eight steps of the fiber. A frame of our own on the fiber's stack
 * costs one. The stack is internal to Effect, so the frame is used only after a trial has shown that the fiber treats
 * it as expected.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import { type Holder, stop, withFiber } from "./effect/fiber.js"
import { Frame as Continuation, keepsFrames, runnable } from "./effect/frame.js"

export { Continuation }

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
    Effect.matchCauseEffect(restore(Effect.suspend(() => runnable(f(x)))), {
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
    continuation.push()
    // The frame turns the effect's result into that of the continuation.
    return runnable(f(x)) as Effect.Effect<any, any, R>
  }
}

// --- Choice of guard ------------------------------------------------------------------------------------------------

type Body<A, E, R> = (fiber: Holder, guard: Guard) => Effect.Effect<A, E, R>

/** Runs a body that needs the mask itself. */
export const inMask = <A, E, R>(body: Body<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => withFiber((fiber) => body(fiber, masked(restore))))

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
  withFiber((fiber) =>
    canFrame(fiber) ? body(fiber, framed, x, y, z) : inMask((fiber, guard) => body(fiber, guard, x, y, z))
  )

let isTrusted: boolean | undefined = undefined

const canFrame = (fiber: Holder): boolean => (isTrusted ??= isAsGood(framed)) && keepsFrames(fiber)

/** Returns whether a guard behaves exactly as the mask does, for every outcome of the effect. */
export const isAsGood = (guard: Guard): boolean => {
  const interrupted = withFiber((fiber) => {
    stop(fiber)
    return Effect.void
  })
  const subjects: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
    Effect.succeed("value"),
    Effect.fail("error"),
    Effect.die("defect"),
    interrupted,
    Effect.uninterruptible(interrupted),
    Effect.andThen(interrupted, Effect.die("too late"))
  ]
  const trial = (subject: Effect.Effect<unknown, unknown>, way: (body: Body<unknown, unknown, never>) => Trial) => {
    const heard: Array<Exit.Exit<unknown, unknown>> = []
    const tried = way((fiber, guard) => guard.run(identity, subject, new Hearing(fiber, heard)))
    return [Effect.runSyncExit(Effect.exit(tried)), ...heard]
  }
  try {
    return [...subjects, ...subjects.map(Effect.uninterruptible)].every((subject) => {
      const wanted = trial(subject, inMask)
      const got = trial(subject, (body) => withFiber((fiber) => body(fiber, guard)))
      return got.length === wanted.length && got.every((exit, i) => Equal.equals(exit, wanted[i]))
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
