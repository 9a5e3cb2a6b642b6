/** The options of a client: how to reach the server, and which rule each option follows. */
import { type Rule, rules, Table } from "@socketpool/core/Checks"
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as TcpConnection from "@socketpool/node/TcpConnection"
import * as TlsConnection from "@socketpool/node/TlsConnection"
import * as UnixConnection from "@socketpool/node/UnixConnection"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const { callback, count, duration, effect, flag, optional, orElse } = rules

const own = {
  maxBytes: orElse(count(1), 16_777_216),
  mapsAsObjects: orElse(flag, true),
  maxHandling: orElse(count(0), 1_024)
}

/** The client's own defaults hold. */
const client = TransportPool.options
  .without("onRelease", "isReply", "retry")
  .with({
    ...own,
    connectTimeout: optional(duration("more than 0")),
    handshake: optional(callback),
    maxInFlight: optional(count(1)),
    maxAbandoned: optional(count(0)),
    stallTimeout: optional(duration("more than 0")),
    retryUnsent: optional(count(0))
  })

/** The names of the client's options that are not MessagePack-RPC's. */
const clientNames = Object.keys(client.rules).filter((name) => !Object.hasOwn(own, name))

const security: Rule<object | undefined> = (value, at) => {
  if (value === undefined || value === false) return undefined
  return value === true ? {} : TlsConnection.securityOptions.readAt(at, value)
}

const tcp = client
  .with(TcpConnection.options.without("timeout", "allowHalfOpen").rules)
  .with({ tls: security })

const unix = client.with(UnixConnection.options.without("timeout", "allowHalfOpen").rules)

const given = client.with({ open: effect })

/** Every option there is, for the names. */
export const all = tcp.with(unix.rules).with(given.rules)

/** Reads each option once and takes any value. */
const raw = all.each((value: unknown) => value)

type Connector = Effect.Effect<Connection, ConnectError, any>

/** Options that have been checked. */
export interface Checked {
  readonly open: Connector
  readonly name: string | undefined
  readonly address: Readonly<Record<string, string | number>>
  /** The options of the pool, as they were given. */
  readonly client: Record<string, any>
  readonly maxBytes: number
  readonly mapsAsObjects: boolean
  readonly maxHandling: number
}

const addressed = (host: string, port: number): string => `${host.includes(":") ? `[${host}]` : host}:${port}`

/** Checks options. `elsewhere` has those that the caller cannot set. */
export const read = (of: string, options: unknown, elsewhere: { readonly open?: Connector } = {}): Checked => {
  const values = raw.read(of, options, elsewhere) as Record<string, any>
  const set = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
  const client = Object.fromEntries(clientNames.flatMap((name) => Object.hasOwn(set, name) ? [[name, set[name]]] : []))
  if (Object.hasOwn(set, "open")) {
    const checked = given.read(of, set)
    return { ...checked, open: checked.open, client, name: undefined, address: {} }
  }
  const pick = (table: Table<any>) =>
    Object.fromEntries(Object.keys(table.rules).flatMap((name) => Object.hasOwn(set, name) ? [[name, set[name]]] : []))
  if (Object.hasOwn(set, "path")) {
    const checked = unix.read(of, set)
    const { path } = checked
    return {
      ...checked,
      client,
      open: UnixConnection.open(pick(UnixConnection.options) as unknown as UnixConnection.Options),
      name: `unix:${path.replace(/^\0/, "@")}`,
      address: { "server.address": path, "network.transport": "unix" }
    }
  }
  const checked = tcp.read(of, set)
  const { host, port, tls } = checked
  const socket = pick(TcpConnection.options) as unknown as TcpConnection.Options
  return {
    ...checked,
    client,
    open: tls === undefined
      ? TcpConnection.open(socket)
      : TlsConnection.open({ ...socket, ...(set.tls === true ? {} : set.tls) }),
    name: `${tls === undefined ? "tcp" : "tls"}://${addressed(host, port)}`,
    address: { "server.address": host, "server.port": port, "network.transport": "tcp" }
  }
}

export const callOptions = new Table({
  schema: optional(rules.that<Schema.Schema<any, any, any>>(Schema.isSchema, "a Schema")),
  timeout: optional(duration("more than 0"))
})
