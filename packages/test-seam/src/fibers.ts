/** Fibers, how they end, and why. */
import { Cause, Deferred, Effect, Exit, type Fiber, FiberId, FiberRef, type Option, RuntimeFlags, Scope } from "effect"

export type RunningFiber<A, E = never> = Fiber.RuntimeFiber<A, E>

export const fork: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<RunningFiber<A, E>, never, R> =
  Effect.fork

/** Starts a fiber that goes on when the one that started it has ended. */
export const forkDaemon: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<RunningFiber<A, E>, never, R> =
  Effect.forkDaemon

/** Lets who is interrupted go on at once, while the effect is interrupted in a fiber of its own. */
export const disconnect: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.disconnect

export const withFiber: <A, E = never, R = never>(
  f: (fiber: RunningFiber<any, any>) => Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R> = Effect.withFiberRuntime

/** The number by which messages name a fiber. */
export const fiberNumber = (fiber: RunningFiber<any, any>): number => fiber.id().id

/** The fiber's exit; `undefined` if it has not ended. */
export const exitOf = <A, E>(fiber: RunningFiber<A, E>): Exit.Exit<A, E> | undefined => fiber.unsafePoll() ?? undefined

/**
 * Whether it shows which fibers a fiber comes from, also through concurrent loops and timeouts, and which of them wait
 * for it.
 */
export const showsAncestors: boolean = true

/** Interrupts a fiber without waiting for it. */
export const stop = (fiber: RunningFiber<any, any>): void => fiber.unsafeInterruptAsFork(FiberId.none)

export const async: <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void | Effect.Effect<void>
) => Effect.Effect<A, E> = Effect.async

export const yieldNow: Effect.Effect<void> = Effect.yieldNow()

/** Runs an effect once, and then this many times more. (`Effect.repeat` of Effect 3 takes `times: 0` for no limit.) */
export const repeatN: {
  (times: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, times: number): Effect.Effect<A, E, R>
} = Effect.repeatN

/** Whether the fiber may be interrupted here. */
export const isInterruptible: Effect.Effect<boolean> = Effect.map(Effect.getRuntimeFlags, RuntimeFlags.interruptible)

/** Lets fibers run on as long as they can. */
export const withoutYields: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect
  .withMaxOpsBeforeYield(Number.MAX_SAFE_INTEGER)

export const provideScope: {
  (scope: Scope.Scope): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Scope.Scope>>
  <A, E, R>(effect: Effect.Effect<A, E, R>, scope: Scope.Scope): Effect.Effect<A, E, Exclude<R, Scope.Scope>>
} = Scope.extend

export const promise = <A, E = never>(): Deferred.Deferred<A, E> => Deferred.unsafeMake(FiberId.none)

export const complete = <A, E>(deferred: Deferred.Deferred<A, E>, exit: Exit.Exit<A, E>): void =>
  Deferred.unsafeDone(deferred, exit)

/** A value that a fiber inherits from the place where it is started. */
export interface Inherited<A> {
  readonly get: Effect.Effect<A>
  readonly set: (value: A) => Effect.Effect<void>
  readonly with: (value: A) => <B, E, R>(effect: Effect.Effect<B, E, R>) => Effect.Effect<B, E, R>
}

export const inherited = <A>(initial: A): Inherited<A> => {
  const ref = FiberRef.unsafeMake(initial)
  return {
    get: FiberRef.get(ref),
    set: (value) => FiberRef.set(ref, value),
    with: (value) => Effect.locally(ref, value)
  }
}

export type Result<A, E> =
  | { readonly _tag: "Success"; readonly success: A }
  | { readonly _tag: "Failure"; readonly failure: E }

/** The end of the effect, if it does not die. */
export const result = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Result<A, E>, never, R> =>
  Effect.match(effect, {
    onSuccess: (success) => ({ _tag: "Success", success }),
    onFailure: (failure) => ({ _tag: "Failure", failure })
  })

export const hasFailed = (result: Result<unknown, unknown>): boolean => result._tag === "Failure"

export const hasDies: (cause: Cause.Cause<unknown>) => boolean = Cause.isDie

export const hasInterrupts: (cause: Cause.Cause<unknown>) => boolean = Cause.isInterrupted

export const isOnlyInterrupted: (cause: Cause.Cause<unknown>) => boolean = Cause.isInterruptedOnly

/** Whether an interruption is among the reasons. */
export const wasInterrupted: (exit: Exit.Exit<unknown, unknown>) => boolean = Exit.isInterrupted

/** The first typed failure. */
export const firstError: <E>(cause: Cause.Cause<E>) => Option.Option<E> = Cause.failureOption

/** A cause as text, with the causes of its errors. */
export const prettyWithCauses = (cause: Cause.Cause<unknown>): string => Cause.pretty(cause, { renderErrorCause: true })

/** The reason of a cause that has exactly one. */
export const reasonOf = (cause: Cause.Cause<unknown>): "Fail" | "Die" | "Interrupt" | undefined => {
  switch (cause._tag) {
    case "Fail":
    case "Die":
    case "Interrupt":
      return cause._tag
    default:
      return undefined
  }
}

/** Whether the promise of a fiber that fails tells the cause: a defect and an interruption from a typed failure. */
export const rejectsWithCauses: boolean = true

/** Whether a fiber that waits for another takes over the values that the other has set for itself. */
export const joinsState: boolean = true
