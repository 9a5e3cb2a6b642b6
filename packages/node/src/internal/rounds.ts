/** Discoveries that ask again and again, and keep the last set while there is no better one. */
import type { Endpoint } from "@socketpool/core/Endpoint"
import * as Effect from "effect/Effect"

/** An answer. `trouble` says why it may not be the whole truth. */
export interface Round<E> {
  readonly endpoints: ReadonlyArray<Endpoint>
  readonly trouble?: E | undefined
}

export interface Rounds<A extends Round<E>, E> {
  /** The name of what is discovered, for the log. */
  readonly what: string
  readonly ask: Effect.Effect<A, E>
  /** Waits for the next round. Gets the answer of this one, if there is any, and how many in a row had trouble. */
  readonly pause: (found: A | undefined, failures: number) => Effect.Effect<void>
  /** Whether an error is worth no warning of its own after this one. */
  readonly repeats: (error: E, before: E) => boolean
}

/** The stream fails if the first round does. Later failures are warnings. */
export const rounds = <A extends Round<E>, E extends { readonly message: string }>(
  { ask, pause, repeats, what }: Rounds<A, E>
): Effect.Effect<Effect.Effect<ReadonlyArray<Endpoint>, E>> =>
  Effect.sync(() => {
    let isFirst = true
    let last: A | undefined = undefined
    let failures = 0
    let warned: E | undefined = undefined

    const troubled = (error: E, state: string): Effect.Effect<void> => {
      failures++
      const text = `${what}: ${state}. ${error.message}`
      if (warned !== undefined && repeats(error, warned)) return Effect.logDebug(text)
      warned = error
      return Effect.logWarning(text)
    }

    const healthy = (): Effect.Effect<void> => {
      const hadTrouble = failures > 0
      failures = 0
      warned = undefined
      return hadTrouble ? Effect.logInfo(`${what}: found again`) : Effect.void
    }

    const next: Effect.Effect<ReadonlyArray<Endpoint>, E> = Effect.suspend(() =>
      isFirst ? ask : Effect.andThen(pause(last, failures), ask)
    ).pipe(
      Effect.matchEffect({
        onSuccess: (found) => {
          isFirst = false
          last = found
          const log = found.trouble === undefined ? healthy() : troubled(found.trouble, "only a part was found")
          return Effect.as(logged(log), found.endpoints)
        },
        onFailure: (error) => {
          last = undefined
          return isFirst
            ? Effect.fail(error)
            : Effect.andThen(logged(troubled(error, "the last endpoints stay in use")), next)
        }
      })
    )
    return next
  })

const logged = Effect.annotateLogs({ module: "socketpool" })
