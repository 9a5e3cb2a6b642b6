/** The common part of all socket pools. */
import { optionsOf, rules, Table } from "@socketpool/core/Checks"
import type { Address } from "@socketpool/core/Connection"
import type { ConnectionPool } from "@socketpool/core/Pool"
import * as PoolLayer from "@socketpool/core/PoolLayer"
import * as TransportPool from "@socketpool/core/TransportPool"
import type { TransportConnection, TransportSession } from "@socketpool/core/TransportSession"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { layerFrom } from "./effect.js"

/** Prepares a connection after its open, within the same deadline. */
type Finish<H> = (session: TransportSession<any, H>) => Effect.Effect<TransportSession<any, H>, any, any>

/** Attributes for spans that describe the peer, under OpenTelemetry's names. */
export const serverAttributes = (
  peer: Address
): Readonly<Record<string, string | number>> =>
  peer._tag === "TcpAddress"
    ? { "server.address": peer.hostname, "server.port": peer.port, "network.transport": "tcp" }
    : { "server.address": peer.path, "network.transport": "unix" }

/**
 * Makes a pool of the connections that `open` opens. Its errors, and the services that its hooks need, are those of the
 * options; the public functions know their types.
 */
export const poolOf = <C, H extends C & TransportConnection<any>>(
  /** Checked; the pool takes those that are its own. */
  options: ReturnType<typeof TransportPool.options.read>,
  /** The pool's default name, the peer in errors, and the attributes of its spans. */
  peer: {
    readonly name: string
    readonly address: string
    readonly attributes: NonNullable<TransportPool.Options<C>["attributes"]>
  },
  open: (finish: Finish<H>) => Effect.Effect<TransportSession<any, H>, any, any>,
  /** Whether the failures of `handshake` become causes of `ConnectError`. */
  isCaused: boolean
): Effect.Effect<ConnectionPool<C, any>, never, any> => {
  // Code that takes a C also takes an H.
  const own = TransportPool.options.pick(options) as TransportPool.Options<H, any, any>
  return TransportPool.make<H, any, any, any, any, any>({
    ...(isCaused ? TransportPool.withCauses(own, peer.address) : own) as TransportPool.Options<H, any, any>,
    name: options.name ?? peer.name,
    attributes: { ...peer.attributes, ...options.attributes },
    open
  })
}

type Make<C> = (options: any) => Effect.Effect<ConnectionPool<C, any>, never, any>

/** Provides a pool as the service of a tag. Its opens have deadlines of their own, so they fail with `ConnectError`. */
export const layerOf = <C>(tag: unknown, make: Make<C>, options: unknown): Layer.Layer<any, any, any> =>
  PoolLayer.layerOf(tag as any, make, options as any)

const ownTable = new Table({ failFast: rules.optional(rules.flag) })

/**
 * Provides a pool with options from the configuration. The tables refuse names that are no options; the values of the
 * configuration are checked once they are known.
 */
export const layerConfigOf = <C>(
  of: string,
  table: Table<any>,
  tag: unknown,
  make: Make<C>,
  config: unknown,
  options: PoolLayer.Options<boolean> = {}
): Layer.Layer<any, any> =>
  layerFrom(
    Effect.suspend(() => {
      const { failFast } = ownTable.read("layerConfig", options)
      const own = failFast === undefined ? {} : { failFast }
      const found = optionsOf<object>(of, table, config as Config.Config.Wrap<object>)
      return Effect.map(found, (found) => layerOf(tag, make, { ...found, ...own }))
    })
  ) as Layer.Layer<any, any>
