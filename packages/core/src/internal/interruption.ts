/**
 * How a borrower's fiber is brought back: an effect runs, just as interruptible as its caller is, and whatever becomes
 * of it, what follows runs where nothing can be interrupted.
 *
 * There are two ways to have that. One is Effect's public interface; it costs eight steps of the fiber. The other is a
 * frame of our own on the fiber's stack; it costs one. As the stack is Effect's own affair, the frame is used only where
 * it has proved in a trial that the fiber treats it as we expect.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import { type Holder, stop, withFiber } from "./effect/fiber.js"
import { Frame, keepsFrames } from "./effect/frame.js"

/**
 * The continuation of a guarded effect: one of its two methods is called, once, and uninterruptible.
 */
export abstract class Continuation<A, E, B, E2, R> extends Frame<A, E, B, E2, R> {}

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
    continuation.push()
    // The frame makes the one out of the other.
    return f(x) as Effect.Effect<any, any, R>
  }
}

// --- Which one ------------------------------------------------------------------------------------------------------

type Body<A, E, R> = (fiber: Holder, guard: Guard) => Effect.Effect<A, E, R>

/** For what needs the mask itself. */
export const inMask = <A, E, R>(body: Body<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => withFiber((fiber) => body(fiber, masked(restore))))

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
  withFiber((fiber) =>
    canFrame(fiber) ? body(fiber, framed, x, y, z) : inMask((fiber, guard) => body(fiber, guard, x, y, z))
  )

let isTrusted: boolean | undefined = undefined

const canFrame = (fiber: Holder): boolean => (isTrusted ??= isAsGood(framed)) && keepsFrames(fiber)

/** Whether a guard does just what the mask does, whatever becomes of the effect. */
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
