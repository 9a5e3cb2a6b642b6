/** Fibers, how they end, and why. */
import { Cause, Context, Deferred, Effect, Exit, Fiber, type Option, Scheduler, Scope } from "effect"
import { dual } from "effect/Function"

// --- Fibers ---------------------------------------------------------------------------------------------------------

export type RunningFiber<A, E = never> = Fiber.Fiber<A, E>

/** A fiber that an uninterruptible one starts is uninterruptible, too. */
const inheriting = { uninterruptible: "inherit" } as const

export const fork = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<RunningFiber<A, E>, never, R> =>
  Effect.forkChild(effect, inheriting)

/** Starts a fiber that goes on when the one that started it has ended. */
export const forkDaemon = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<RunningFiber<A, E>, never, R> =>
  Effect.forkDetach(effect, inheriting)

/** Lets who is interrupted go on at once, while the effect is interrupted in a fiber of its own. */
export const disconnect = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      forkDaemon(restore(effect)),
      (fiber) => Effect.onInterrupt(restore(Fiber.join(fiber)), () => Effect.sync(() => stop(fiber)))
    )
  )

export const withFiber: <A, E = never, R = never>(
  f: (fiber: RunningFiber<any, any>) => Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R> = Effect.withFiber

/** The number by which messages name a fiber. */
export const fiberNumber = (fiber: RunningFiber<any, any>): number => fiber.id

/** The fiber's exit; `undefined` if it has not ended. */
export const exitOf = <A, E>(fiber: RunningFiber<A, E>): Exit.Exit<A, E> | undefined => fiber.pollUnsafe()

/** Fibers whose interruption is to come. */
const struck = new WeakSet<RunningFiber<any, any>>()

const strike = (fiber: RunningFiber<any, any>): void => {
  if (struck.delete(fiber)) fiber.interruptUnsafe()
}

/**
 * Interrupts a fiber without waiting for it. A fiber that waits would run its finalizers here and now, so it is
 * interrupted in a later turn of its own. The fiber that runs now notices before its next step.
 */
export const stop = (fiber: RunningFiber<any, any>): void => {
  if (fiber === Fiber.getCurrent()) return fiber.interruptUnsafe()
  struck.add(fiber)
  // Before the task that resumes the fiber, if there is one.
  fiber.currentDispatcher.scheduleTask(() => strike(fiber), -1)
}

/** The fiber goes on in a later turn of its own, not inside who resumes it. */
export const async = <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void | Effect.Effect<void>
): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) =>
    Effect.callback<A, E>((resume) => {
      let isRegistering = true
      let isResumed = false
      const cancel = register((effect) => {
        if (isResumed) return
        isResumed = true
        if (isRegistering) return resume(effect)
        fiber.currentDispatcher.scheduleTask(() => {
          // A fiber that was interrupted meanwhile takes no further step.
          strike(fiber)
          resume(effect)
        }, 0)
      })
      isRegistering = false
      return cancel
    })
  )

export const yieldNow: Effect.Effect<void> = Effect.yieldNow

/** Runs an effect once, and then this many times more. */
export const repeatN: {
  (times: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, times: number): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(effect: Effect.Effect<A, E, R>, times: number): Effect.Effect<A, E, R> =>
    Effect.flatMap(
      effect,
      (value) => times <= 0 ? Effect.succeed(value) : Effect.andThen(yieldNow, repeatN(effect, times - 1))
    )
)

/** Whether the fiber may be interrupted here. Reads what Effect 4.1 keeps to itself. */
export const isInterruptible: Effect.Effect<boolean> = Effect.withFiber((fiber) =>
  Effect.succeed((fiber as RunningFiber<any, any> & { readonly interruptible?: boolean }).interruptible === true)
)

/** Lets fibers run on as long as they can. */
export const withoutYields = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Scheduler.MaxOpsBeforeYield, Number.MAX_SAFE_INTEGER)

export const provideScope: {
  (scope: Scope.Scope): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Scope.Scope>>
  <A, E, R>(effect: Effect.Effect<A, E, R>, scope: Scope.Scope): Effect.Effect<A, E, Exclude<R, Scope.Scope>>
} = Scope.provide

/** The waiters of a promise go on here: with the fiber that made it. */
const homes = new WeakMap<Deferred.Deferred<any, any>, Scheduler.SchedulerDispatcher>()

export const promise = <A, E = never>(): Deferred.Deferred<A, E> => {
  const deferred = Deferred.makeUnsafe<A, E>()
  const maker = Fiber.getCurrent()
  if (maker !== undefined) homes.set(deferred, maker.currentDispatcher)
  return deferred
}

/** Those who wait go on in a later turn, not inside the caller. */
export const complete = <A, E>(deferred: Deferred.Deferred<A, E>, exit: Exit.Exit<A, E>): void => {
  if (deferred.effect !== undefined) return
  const waiting = deferred.resumes ?? []
  deferred.effect = exit
  deferred.resumes = undefined
  if (waiting.length === 0) return
  const home = homes.get(deferred) ?? Fiber.getCurrent()?.currentDispatcher ??
    new Scheduler.MixedScheduler().makeDispatcher()
  for (const resume of waiting) home.scheduleTask(() => resume(exit), 0)
}

/** A value that a fiber inherits from the place where it is started. */
export interface Inherited<A> {
  readonly get: Effect.Effect<A>
  readonly set: (value: A) => Effect.Effect<void>
  readonly with: (value: A) => <B, E, R>(effect: Effect.Effect<B, E, R>) => Effect.Effect<B, E, R>
}

let count = 0

export const inherited = <A>(initial: A): Inherited<A> => {
  const ref = Context.Reference<A>(`test/inherited/${count++}`, { defaultValue: () => initial })
  return {
    get: Effect.withFiber((fiber) => Effect.succeed(fiber.getRef(ref))),
    set: (value) =>
      Effect.withFiber((fiber) => Effect.sync(() => fiber.setContext(Context.add(fiber.context, ref, value)))),
    with: (value) => Effect.provideService(ref, value)
  }
}

// --- Results and causes ---------------------------------------------------------------------------------------------

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

export const hasDies: (cause: Cause.Cause<unknown>) => boolean = Cause.hasDies

export const hasInterrupts: (cause: Cause.Cause<unknown>) => boolean = Cause.hasInterrupts

export const isOnlyInterrupted: (cause: Cause.Cause<unknown>) => boolean = Cause.hasInterruptsOnly

/** Whether an interruption is among the reasons. */
export const wasInterrupted: (exit: Exit.Exit<unknown, unknown>) => boolean = Exit.hasInterrupts

/** The first typed failure. */
export const firstError: <E>(cause: Cause.Cause<E>) => Option.Option<E> = Cause.findErrorOption

/** A cause as text, with the causes of its errors. */
export const prettyWithCauses: (cause: Cause.Cause<unknown>) => string = Cause.pretty

/** The reason of a cause that has exactly one. */
export const reasonOf = ({ reasons }: Cause.Cause<unknown>): "Fail" | "Die" | "Interrupt" | undefined =>
  reasons.length === 1 ? reasons[0]!._tag : undefined

/**
 * Whether it shows which fibers a fiber comes from, also through concurrent loops and timeouts, and which of them wait
 * for it.
 */
export const showsAncestors: boolean = false

/** Whether the promise of a fiber that fails tells the cause: a defect and an interruption from a typed failure. */
export const rejectsWithCauses: boolean = false

/** Whether a fiber that waits for another takes over the values that the other has set for itself. */
export const joinsState: boolean = false
