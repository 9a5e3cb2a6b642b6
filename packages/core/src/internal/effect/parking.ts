/** The seam to Effect: a fiber waits for a callback. Makes an instruction of Effect 3.22 itself. */
import * as Effect from "effect/Effect"
import { EffectPrototype } from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { schedulerByHand } from "./byHand.js"

export type Resume<A, E> = (effect: Effect.Effect<A, E>) => void

/** Starts the wait. It cannot be told that the wait was interrupted, and a call of `resume` after that does nothing. */
export type Park<A, E> = (resume: Resume<A, E>) => void

/** The instruction that `Effect.async` ends in. The way there takes two steps of the fiber and seven closures. */
class Parking<A, E> {
  /** The fiber waits for no other fiber. */
  readonly effect_instruction_i1 = FiberId.none

  constructor(readonly effect_instruction_i0: Park<A, E>) {}
}

void Object.assign(Parking.prototype, EffectPrototype, { _op: "Async" })

const parking = <A, E>(park: Park<A, E>): Effect.Effect<A, E> => new Parking(park) as unknown as Effect.Effect<A, E>

/** Returns whether a fiber heeds the instruction as it should: it resumes, now or later, once, and can be interrupted. */
export const isAsGood = (parking: <A, E>(park: Park<A, E>) => Effect.Effect<A, E>): boolean => {
  const run = <A, E>(park: Park<A, E>, then: (interrupt: () => void) => void): Exit.Exit<A, E> | null => {
    const { scheduler, settle } = schedulerByHand()
    const fiber = Effect.runFork(Effect.andThen(parking(park), Effect.succeed<A>), { scheduler })
    settle()
    then(() => fiber.unsafeInterruptAsFork(FiberId.none))
    settle()
    return fiber.unsafePoll()
  }
  try {
    let later: Resume<number, never> = () => {}
    const interrupted = run<number, never>((resume) => void (later = resume), (interrupt) => interrupt())
    later(Effect.succeed(1))
    const resumed = run<number, string>(
      (resume) => void (later = resume),
      () => {
        later(Effect.succeed(2))
        later(Effect.succeed(3))
      }
    )
    const failed = run<number, string>((resume) => resume(Effect.fail("at once")), () => {})
    return interrupted !== null && Exit.isInterrupted(interrupted) &&
      resumed?._tag === "Success" && resumed.value === 2 &&
      failed?._tag === "Failure" && failed.cause._tag === "Fail" && failed.cause.error === "at once"
  } catch {
    return false
  }
}

const usual = <A, E>(park: Park<A, E>): Effect.Effect<A, E> => Effect.async<A, E>((resume) => park(resume))

let trusted: typeof parking | undefined = undefined

/** Parks the fiber. The public way is taken if a trial shows that the fiber does not heed the instruction. */
export const parked = <A, E>(park: Park<A, E>): Effect.Effect<A, E> =>
  (trusted ??= isAsGood(parking) ? parking : usual)(park)
