/** The common part of all socket pools. */
import { type Rule, rules, type Table } from "@socketpool/core/Checks"
import type { Address } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import * as TransportPool from "@socketpool/core/TransportPool"
import type { TransportConnection, TransportSession } from "@socketpool/core/TransportSession"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/** Prepares a connection after its open, within the same deadline. */
type Finish<H> = (session: TransportSession<any, H>) => Effect.Effect<TransportSession<any, H>, ConnectError>

/** Attributes for spans that describe the peer, under OpenTelemetry's names. */
export const serverAttributes = (
  peer: Address
): Readonly<Record<string, string | number>> =>
  peer._tag === "TcpAddress"
    ? { "server.address": peer.hostname, "server.port": peer.port, "network.transport": "tcp" }
    : { "server.address": peer.path, "network.transport": "unix" }

/** Makes a pool of the connections that `open` opens. */
export const poolOf = <C, H extends C & TransportConnection<any>>(
  /** Checked; the pool takes those that are its own. */
  options: ReturnType<typeof TransportPool.options.read>,
  /** The pool's default name, and the attributes of its spans. */
  peer: { readonly name: string; readonly attributes: NonNullable<TransportPool.Options<C>["attributes"]> },
  open: (finish: Finish<H>) => Effect.Effect<TransportSession<any, H>, ConnectError, Scope.Scope>
): Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope> =>
  TransportPool.make<H>({
    // Code that takes a C also takes an H.
    ...TransportPool.options.pick(options) as TransportPool.Options<H>,
    name: options.name ?? peer.name,
    attributes: { ...peer.attributes, ...options.attributes },
    open
    // Borrowers see only the interface; the pool looks a returned connection up by identity.
  }) as Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>

/** Provides a pool as the `Pool` service, whose users see only a `Connection`. */
export const layerOf = <C>(
  pool: Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope>
): Layer.Layer<Pool> => Layer.scoped(Pool, pool as Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>)

/**
 * Provides a pool with options from the configuration. `make` gets what the table has let through, except that the
 * values are those of the configuration, and are checked once they are known.
 */
export const layerConfigOf = <O extends object>(
  of: string,
  table: Table<any>,
  config: Config.Config.Wrap<O>,
  make: (options: O) => Layer.Layer<Pool>
): Layer.Layer<Pool, ConfigError.ConfigError> =>
  Layer.unwrapEffect(
    Effect.suspend(() => {
      if (Config.isConfig(config)) return Effect.map(config, make)
      const wrapped = table.each(rules.optional(configured)).read(of, config)
      const given = Object.fromEntries(Object.entries(wrapped).filter(([, value]) => value !== undefined))
      return Effect.map(Config.unwrap<O>(given as any), make)
    })
  )

/**
 * A `Config`, or an object of such, as `Config.unwrap` takes it. Something else may be the secret itself, so that it is
 * not shown.
 */
const configured: Rule<unknown> = rules.secret((value, at) => {
  if (Config.isConfig(value)) return value
  const rule = "a Config, or an object of Configs"
  const parts = rules.record(configured, rule)(value, at)
  return Object.keys(parts).length === 0 ? at.refuse(value, rule) : parts
})
