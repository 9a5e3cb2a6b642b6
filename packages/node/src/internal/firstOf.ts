import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

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
