/** What the pools of all sockets have in common. */
import type { Address } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import * as TransportPool from "@socketpool/core/TransportPool"
import type { TransportConnection, TransportSession } from "@socketpool/core/TransportSession"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/** What is still to be done with a connection before it is ready; the deadline of its open counts for that as well. */
type Finish<H> = (session: TransportSession<any, H>) => Effect.Effect<TransportSession<any, H>, ConnectError>

/** What spans say of the peer, by OpenTelemetry's names for it. */
export const serverAttributes = (
  peer: Address
): Readonly<Record<string, string | number>> =>
  peer._tag === "TcpAddress"
    ? { "server.address": peer.hostname, "server.port": peer.port, "network.transport": "tcp" }
    : { "server.address": peer.path, "network.transport": "unix" }

/** A pool of what `open` opens. */
export const poolOf = <C, H extends C & TransportConnection<any>>(
  options: TransportPool.Options<C>,
  /** The peer as the pool is called by default, and as spans tell it. */
  peer: { readonly name: string; readonly attributes: NonNullable<TransportPool.Options<C>["attributes"]> },
  open: (finish: Finish<H>) => Effect.Effect<TransportSession<any, H>, ConnectError, Scope.Scope>
): Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope> =>
  TransportPool.make<H>({
    // Whoever can do with a C can do with an H.
    ...options as unknown as TransportPool.Options<H>,
    name: options.name ?? peer.name,
    attributes: { ...peer.attributes, ...options.attributes },
    open
    // Borrowers see the interface; whatever they give back is looked up by identity.
  }) as Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>

/** A pool as the `Pool` service, whose users see no more than a `Connection`. */
export const layerOf = <C>(
  pool: Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope>
): Layer.Layer<Pool> => Layer.scoped(Pool, pool as Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>)
