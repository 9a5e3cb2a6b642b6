/**
 * The seam to Effect: every name of Effect that another major version spells or means differently. Everything else in
 * this package imports only names that mean the same. This file has fibers, time and deferreds.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { RuntimeFiber } from "effect/Fiber"
import * as FiberId from "effect/FiberId"

// --- Fibers ---------------------------------------------------------------------------------------------------------

export type Fiber<A, E> = RuntimeFiber<A, E>

export type AnyFiber = RuntimeFiber<any, any>

export const withFiber: <A, E, R>(f: (fiber: AnyFiber) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =
  Effect.withFiberRuntime

export const fork: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber<A, E>, never, R> = Effect.fork

/** Starts a fiber that goes on when the one that started it has ended. */
export const forkDaemon: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber<A, E>, never, R> =
  Effect.forkDaemon

/** Interrupts a fiber without waiting for it. */
export const interrupt = (fiber: AnyFiber): void => fiber.unsafeInterruptAsFork(FiberId.none)

/** The fiber's exit; `undefined` if it has not ended. */
export const exitOf = <A, E>(fiber: Fiber<A, E>): Exit.Exit<A, E> | undefined => fiber.unsafePoll() ?? undefined

export const async: <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void | Effect.Effect<unknown>
) => Effect.Effect<A, E> = Effect.async as any

export const dieMessage: (message: string) => Effect.Effect<never> = Effect.dieMessage

/** Runs an effect once, and then this many times more. */
export const repeat: <A, E, R>(effect: Effect.Effect<A, E, R>, times: number) => Effect.Effect<A, E, R> = Effect.repeatN

/**
 * Ends as the first of two effects ends, and interrupts the other. An `Effect.raceFirst` of effect 3.22 that is
 * interrupted between the making of its fibers and their start never ends.
 */
export const firstOf = <A, E, R, A2, E2, R2>(
  one: Effect.Effect<A, E, R>,
  other: Effect.Effect<A2, E2, R2>
): Effect.Effect<A | A2, E | E2, R | R2> =>
  Effect.flatten(Effect.raceAll<Effect.Effect<Exit.Exit<A | A2, E | E2>, never, R | R2>>([
    Effect.exit(one),
    Effect.exit(other)
  ]))

/** Runs one effect after another, each alone. */
export const lock = (): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =>
  Effect.unsafeMakeSemaphore(1).withPermits(1)

// --- Time -----------------------------------------------------------------------------------------------------------

export const liveClock = (): Clock.Clock => Clock.make()

export const withClock: <A, E, R>(effect: Effect.Effect<A, E, R>, clock: Clock.Clock) => Effect.Effect<A, E, R> =
  Effect.withClock

export const wallMillis = (clock: Clock.Clock): number => clock.unsafeCurrentTimeMillis()

// --- Deferreds and scopes -------------------------------------------------------------------------------------------

export const promise = <A, E = never>(): Deferred.Deferred<A, E> => Deferred.unsafeMake(FiberId.none)

export const settle = <A, E>(deferred: Deferred.Deferred<A, E>, exit: Exit.Exit<A, E>): void =>
  Deferred.unsafeDone(deferred, exit)
