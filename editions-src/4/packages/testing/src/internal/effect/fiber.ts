/**
 * The seam to Effect: every name of Effect that another major version spells or means differently. Everything else in
 * this package imports only names that mean the same. This file has fibers, time and deferreds.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fibers from "effect/Fiber"
import { MixedScheduler, type SchedulerDispatcher } from "effect/Scheduler"
import * as Semaphore from "effect/Semaphore"

// --- Fibers ---------------------------------------------------------------------------------------------------------

export type Fiber<A, E> = Fibers.Fiber<A, E>

export type AnyFiber = Fibers.Fiber<any, any>

export const withFiber: <A, E, R>(f: (fiber: AnyFiber) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =
  Effect.withFiber

/** A fiber that an uninterruptible one starts is uninterruptible, too. */
const inheriting = { uninterruptible: "inherit" } as const

export const fork = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber<A, E>, never, R> =>
  Effect.forkChild(effect, inheriting)

/** Starts a fiber that goes on when the one that started it has ended. */
export const forkDaemon = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber<A, E>, never, R> =>
  Effect.forkDetach(effect, inheriting)

/** Fibers whose interruption is to come. */
const struck = new WeakSet<AnyFiber>()

const strike = (fiber: AnyFiber): void => {
  if (struck.delete(fiber)) fiber.interruptUnsafe()
}

/**
 * Interrupts a fiber without waiting for it. A fiber that waits would run its finalizers here and now, so it is
 * interrupted in a later turn of its own. The fiber that runs now notices before its next step.
 */
export const interrupt = (fiber: AnyFiber): void => {
  if (fiber === Fibers.getCurrent()) return fiber.interruptUnsafe()
  struck.add(fiber)
  // Before the task that resumes the fiber, if there is one.
  fiber.currentDispatcher.scheduleTask(() => strike(fiber), -1)
}

/** The fiber's exit; `undefined` if it has not ended. */
export const exitOf = <A, E>(fiber: Fiber<A, E>): Exit.Exit<A, E> | undefined => fiber.pollUnsafe()

/** The fiber goes on in a later turn of its own, not inside who resumes it. */
export const async = <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void | Effect.Effect<unknown>
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
      return cancel === undefined ? undefined : Effect.asVoid(cancel)
    })
  )

export const dieMessage = (message: string): Effect.Effect<never> => Effect.die(new Error(message))

/** Runs an effect once, and then this many times more. */
export const repeat = <A, E, R>(effect: Effect.Effect<A, E, R>, times: number): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    effect,
    (value) => times <= 0 ? Effect.succeed(value) : Effect.andThen(Effect.yieldNow, repeat(effect, times - 1))
  )

/** Ends as the first of two effects ends, and interrupts the other. */
export const firstOf = <A, E, R, A2, E2, R2>(
  one: Effect.Effect<A, E, R>,
  other: Effect.Effect<A2, E2, R2>
): Effect.Effect<A | A2, E | E2, R | R2> => Effect.raceFirst(one, other)

/** Runs one effect after another, each alone. */
export const lock = (): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =>
  Semaphore.makeUnsafe(1).withPermits(1)

// --- Time -----------------------------------------------------------------------------------------------------------

export const liveClock = (): Clock.Clock => Clock.Clock.defaultValue()

export const withClock = <A, E, R>(effect: Effect.Effect<A, E, R>, clock: Clock.Clock): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Clock.Clock, clock)

export const wallMillis = (clock: Clock.Clock): number => clock.currentTimeMillisUnsafe()

// --- Deferreds and scopes -------------------------------------------------------------------------------------------

/** The waiters of a promise go on here: with the fiber that made it. */
const homes = new WeakMap<Deferred.Deferred<any, any>, SchedulerDispatcher>()

export const promise = <A, E = never>(): Deferred.Deferred<A, E> => {
  const deferred = Deferred.makeUnsafe<A, E>()
  const maker = Fibers.getCurrent()
  if (maker !== undefined) homes.set(deferred, maker.currentDispatcher)
  return deferred
}

/** Those who wait go on in a later turn, not inside the caller. */
export const settle = <A, E>(deferred: Deferred.Deferred<A, E>, exit: Exit.Exit<A, E>): void => {
  if (deferred.effect !== undefined) return
  const waiting = deferred.resumes ?? []
  deferred.effect = exit
  deferred.resumes = undefined
  if (waiting.length === 0) return
  const home = homes.get(deferred) ?? Fibers.getCurrent()?.currentDispatcher ?? new MixedScheduler().makeDispatcher()
  for (const resume of waiting) home.scheduleTask(() => resume(exit), 0)
}
