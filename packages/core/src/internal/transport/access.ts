/** Leads from the public, opaque values to the session behind them. */
import type { Transport } from "../../Transport.js"
import type { Session } from "./session.js"

/** `TransportConnection` hides its session in a private field, and gives access to it here. */
export const access: { sessionOf: (connection: object) => Session<any, any> } = {
  sessionOf: () => {
    throw new Error("no TransportConnection was made")
  }
}

/** Every public session is made by `TransportSession.make`, and is a `Session`. */
export const internalOf = <T extends Transport, C>(session: { readonly transport: T }): Session<T, C> =>
  session as Session<T, C>
