/** What the pools of all sockets have in common. */
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type { ConnectionPool } from "@socketpool/core/Pool"
import type { LeasedConnection, Line } from "@socketpool/core/Transport"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * A pool of what `open` opens. `open` is given what is still to be done with a connection before it is ready, so that
 * its deadline counts for that as well.
 */
export const poolOf = <C, H extends C & LeasedConnection<any>>(
  options: TransportPool.Options<C>,
  name: string,
  open: (
    finish: (line: Line<any, H>) => Effect.Effect<Line<any, H>, ConnectError>
  ) => Effect.Effect<Line<any, H>, ConnectError, Scope.Scope>
): Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope> => {
  const { handshake } = options
  return TransportPool.make<H>({
    // Whoever can do with a C can do with an H.
    ...options as unknown as TransportPool.Options<H>,
    name: options.name ?? name,
    open: open((line) =>
      handshake === undefined ? Effect.succeed(line) : Effect.as(TransportPool.handshake(line, handshake), line)
    )
    // Borrowers see the interface; whatever they give back is looked up by identity.
  }) as Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>
}
