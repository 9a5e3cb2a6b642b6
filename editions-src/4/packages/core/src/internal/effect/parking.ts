/** The seam to Effect: a fiber waits for a callback. */
import * as Effect from "effect/Effect"

export type Resume<A, E> = (effect: Effect.Effect<A, E>) => void

/** Starts the wait. It cannot be told that the wait was interrupted, and a call of `resume` after that does nothing. */
export type Park<A, E> = (resume: Resume<A, E>) => void

/** Parks the fiber. */
export const parked = <A, E>(park: Park<A, E>): Effect.Effect<A, E> => Effect.callback<A, E>((resume) => park(resume))
