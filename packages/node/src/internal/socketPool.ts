/** What the pools of all sockets have in common. */
import type { ConnectError } from "@socketpool/core/ConnectionError"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import type { LeasedConnection, Line } from "@socketpool/core/Transport"
import * as TransportPool from "@socketpool/core/TransportPool"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/** What is still to be done with a connection before it is ready; the deadline of its open counts for that as well. */
type Finish<H> = (line: Line<any, H>) => Effect.Effect<Line<any, H>, ConnectError>

/** A pool of what `open` opens. */
export const poolOf = <C, H extends C & LeasedConnection<any>>(
  options: TransportPool.Options<C>,
  name: string,
  open: (finish: Finish<H>) => Effect.Effect<Line<any, H>, ConnectError, Scope.Scope>
): Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope> =>
  TransportPool.make<H>({
    // Whoever can do with a C can do with an H.
    ...options as unknown as TransportPool.Options<H>,
    name: options.name ?? name,
    open
    // Borrowers see the interface; whatever they give back is looked up by identity.
  }) as Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>

/** A pool as the `Pool` service, whose users see no more than a `Connection`. */
export const layerOf = <C>(
  pool: Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope>
): Layer.Layer<Pool> => Layer.scoped(Pool, pool as Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>)
