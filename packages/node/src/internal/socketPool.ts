/** The common part of all socket pools. */
import { type Rule, rules, type Table } from "@socketpool/core/Checks"
import type { Address } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type { ConnectionPool } from "@socketpool/core/Pool"
import * as PoolLayer from "@socketpool/core/PoolLayer"
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
  })

type Make<C, O> = (options: O) => Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope>

/** Provides a pool as the service of a tag. Its opens have deadlines of their own, so they fail with `ConnectError`. */
export const layerOf = <I, S, C, O extends TransportPool.Options<C>, F extends boolean>(
  tag: PoolLayer.TagFor<I, S, ConnectionPool<C, ConnectError>>,
  make: Make<C, O>,
  options: O & PoolLayer.Options<F>
): Layer.Layer<I, PoolLayer.FailFast<F, ConnectError>> =>
  PoolLayer.layerOf(tag, make, options) as Layer.Layer<I, PoolLayer.FailFast<F, ConnectError>>

/**
 * Provides a pool with options from the configuration. The table refuses names that are no options; their values are
 * checked once they are known.
 */
export const layerConfigOf = <I, S, C, O extends TransportPool.Options<C>, F extends boolean>(
  of: string,
  table: Table<any>,
  tag: PoolLayer.TagFor<I, S, ConnectionPool<C, ConnectError>>,
  make: Make<C, O>,
  config: Config.Config.Wrap<O>,
  options: PoolLayer.Options<F> = {}
): Layer.Layer<I, ConfigError.ConfigError | PoolLayer.FailFast<F, ConnectError>> => {
  const layer = (found: O) => layerOf<I, S, C, O, F>(tag, make, { ...found, ...options })
  return Layer.unwrapEffect(
    Effect.suspend(() => {
      if (Config.isConfig(config)) return Effect.map(config as Config.Config<O>, layer)
      const wrapped = table.each(rules.optional(configured)).read(of, config)
      const given = Object.fromEntries(Object.entries(wrapped).filter(([, value]) => value !== undefined))
      return Effect.map(Config.unwrap<O>(given as any), layer)
    })
  )
}

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
