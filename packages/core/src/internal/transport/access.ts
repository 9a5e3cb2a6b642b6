/** Leads from the public, opaque values to the session behind them. */
import type { Transport } from "../../Transport.js"
import type { Session } from "./session.js"

/** A registered symbol: a program may load this package twice, and use one copy's connection with the other. */
const key = Symbol.for("@socketpool/core/TransportConnection/session")

/** `TransportConnection` hides its session in a private field, and gives access to it here. */
export const giveAccess = <C extends object>(prototype: C, sessionOf: (connection: C) => Session<any, any>): void => {
  Object.defineProperty(prototype, key, {
    get(this: C) {
      return sessionOf(this)
    }
  })
}

export const sessionOf = (connection: object): Session<any, any> =>
  (connection as { readonly [key]: Session<any, any> })[key]

/** Every public session is made by `TransportSession.make`, and is a `Session`. */
export const internalOf = <T extends Transport, C>(session: { readonly transport: T }): Session<T, C> =>
  session as Session<T, C>
