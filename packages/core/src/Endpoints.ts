/**
 * The servers that a pool may connect to, as they are discovered.
 *
 * @since 3.0.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { effect } from "./checks/rules.js"
import { argument } from "./checks/table.js"
import type { CompleteEndpoint, Endpoint } from "./Endpoint.js"
import type { EndpointsError } from "./EndpointsError.js"
import { streamOfOne, streamOfPulls } from "./internal/effect/stream.js"
import * as internal from "./internal/endpoints.js"

/**
 * A discovery: a stream whose elements are whole sets of endpoints. Each set replaces the one before. A stream that ends
 * keeps its last set for good.
 *
 * `of` makes one of endpoints that the program knows. `@socketpool/node` finds endpoints in DNS (`Dns`) and in a file
 * (`EndpointsFile`).
 *
 * @since 3.0.0
 * @category models
 */
export type Endpoints<E = never> = Stream.Stream<ReadonlyArray<Endpoint>, E>

/**
 * Makes a discovery of endpoints that never change. Use it for addresses that come with the program or its configuration.
 *
 * Checks the endpoints when somebody reads the stream. None at all, a wrong one, or two with the same `id` are a defect
 * (`RangeError`).
 *
 * @example
 * ```ts
 * import { Endpoints } from "@socketpool/core"
 *
 * const replicas = Endpoints.of(
 *   { host: "db-1.internal", port: 5432, weight: 2 },
 *   { host: "db-2.internal", port: 5432 },
 *   { host: "db.other-region.internal", port: 5432, tier: 1 }
 * )
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const of = (...endpoints: ReadonlyArray<Endpoint>): Endpoints =>
  streamOfOne(Effect.sync(() => internal.named("Endpoints.of", endpoints)))

/**
 * Makes a discovery of your own from an effect that waits for the next set. Use it for a registry that this library does
 * not know.
 *
 * `open` runs when somebody begins to read, in a scope that closes when the reading ends. The effect that it returns runs
 * again and again: it waits until there may be another set, and returns the whole set, or `undefined` for the end. A set
 * that equals the one before, in whatever order, is not emitted. `check` checks a set that came from outside.
 *
 * @example
 * ```ts
 * import { type Endpoint, Endpoints } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * declare const askRegistry: Effect.Effect<ReadonlyArray<Endpoint>, Error>
 *
 * const discovered = Endpoints.fromPull(Effect.sync(() => {
 *   let isFirst = true
 *   return Effect.suspend(() => {
 *     const pause = isFirst ? 0 : 10_000
 *     isFirst = false
 *     return Effect.delay(askRegistry, pause).pipe(
 *       Effect.flatMap((found) => Endpoints.check("the registry", found))
 *     )
 *   })
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const fromPull = <E, E2 = never>(
  open: Effect.Effect<Effect.Effect<ReadonlyArray<Endpoint> | undefined, E>, E2, Scope.Scope>
): Endpoints<E | E2> =>
  streamOfPulls(
    Effect.suspend(() =>
      Effect.map(argument("Endpoints.fromPull", "open", effect, open) as typeof open, internal.changes)
    )
  )

/**
 * Checks a set of endpoints that came from outside the program, and fills in the defaults. Use it in a discovery of your
 * own: a wrong set is a failure (`EndpointsError`) with the reason, and not a defect. An empty set is none.
 *
 * `source` says in messages where the set came from.
 *
 * @example
 * ```ts
 * import { Endpoints } from "@socketpool/core"
 *
 * const endpointsOf = (json: string) => Endpoints.check("the registry", JSON.parse(json))
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const check = (
  source: string,
  endpoints: unknown
): Effect.Effect<ReadonlyArray<CompleteEndpoint>, EndpointsError> => internal.check(source, endpoints)
