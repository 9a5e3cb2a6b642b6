/** The options of a client. */
import { type Place, type Rule, rules } from "@socketpool/core/Checks"
import * as Client from "@socketpool/core/Client"
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type { CompleteEndpoint } from "@socketpool/core/Endpoint"
import * as TcpConnection from "@socketpool/node/TcpConnection"
import * as TlsConnection from "@socketpool/node/TlsConnection"
import * as UnixConnection from "@socketpool/node/UnixConnection"
import type * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Login } from "./handshake.js"
import type { Attributes } from "./tracing.js"
import { type Target, targetOf } from "./url.js"

const ofEndpoints = Client.endpointsOptions.rules
const { count, duration, name, oneOf, optional, orElse, secret, text } = rules

const passwordRule: Rule<Redacted.Redacted> = secret((value, at) => {
  const rule = "a Redacted string that is not empty"
  if (!Redacted.isRedacted(value)) return at.refuse(value, rule)
  text(Redacted.value(value), at)
  return value as Redacted.Redacted
})

/** The server would read a space as the end of the name. */
const clientName: Rule<string> = (value, at) =>
  /\s/.test(name(value, at)) ? at.refuse(value, "a string without spaces") : value as string

const tls: Rule<object | boolean> = (value, at: Place) =>
  typeof value === "boolean" ? value : rules.struct(TlsConnection.securityOptions)(value, at)

/** A URL may hold a password. Its own check comes when all options are known. */
const url: Rule<unknown> = (value) => value

export const table = Client.options
  .without("protocol", "open", "handshake", "validate", "farewell", "isFatal", "isExpired")
  .with(
    {
      url,
      host: optional(TcpConnection.options.rules.host),
      port: optional(TcpConnection.options.rules.port),
      path: optional(UnixConnection.options.rules.path),
      tls: optional(tls),
      username: optional(name),
      password: optional(passwordRule),
      database: optional(count(0)),
      clientName: optional(clientName),
      respVersion: orElse(oneOf(2, 3), 3),
      maxConnections: orElse(count(1), 4),
      maxInFlight: orElse(count(1), 1_024),
      maxAbandoned: orElse(count(0), 1_024),
      connectTimeout: orElse(duration("more than 0"), "5 seconds"),
      maxReplyBytes: orElse(count(64), 67_108_864)
    },
    (options, refuse) => {
      const { host, password, path, port, tls, url, username } = options
      if (url !== undefined) {
        for (const name of ["host", "port", "path"] as const) {
          if (options[name] !== undefined) refuse(name, options[name], "left out where url is set")
        }
      }
      if (path !== undefined) {
        if (host !== undefined) refuse("host", host, "left out where path is set")
        if (port !== undefined) refuse("port", port, "left out where path is set")
        if (tls !== undefined && tls !== false) refuse("tls", tls, "left out where path is set")
      }
      if (url === undefined && username !== undefined && password === undefined) {
        refuse("password", undefined, "given together with username")
      }
    }
  )

export type Checked = ReturnType<typeof table.read>

/** All that is known of a server before the first connection. */
export interface Settings {
  /** The peer in errors, as `host:port` or a path. */
  readonly address: string
  readonly name: string
  readonly attributes: Attributes
  readonly open: Effect.Effect<Connection, ConnectError, Scope.Scope>
  readonly login: Login
  readonly client: Omit<Checked, keyof Target | "url" | "clientName" | "respVersion" | "maxReplyBytes">
  readonly maxReplyBytes: number
}

/** A URL sets what the options leave open. */
const targeted = (of: string, options: Checked): Checked => {
  if (options.url === undefined) return options
  const target = targetOf(of, options.url)
  for (const name of ["username", "password", "database"] as const) {
    if (options[name] === undefined || target[name] === undefined) continue
    throw new RangeError(`${of}: ${name} must be left out where url has one`)
  }
  if (target.tls === undefined && target.host !== undefined && options.tls !== undefined && options.tls !== false) {
    throw new RangeError(`${of}: url must begin with rediss: where tls is set`)
  }
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  // The parts of the URL follow the rules of the options whose place they take.
  return table.read(of, { ...target, ...set, url: undefined, tls: options.tls ?? target.tls })
}

/** Options that are not those of the client in core. */
const own: ReadonlyArray<string> = [
  ...["url", "host", "port", "path", "tls", "username", "password", "database", "clientName"],
  ...["respVersion", "maxReplyBytes"]
]

const clientOptions = (options: object): Settings["client"] =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !own.includes(name))) as Settings["client"]

const loginOf = (
  { clientName, database = 0, password, respVersion, username }: Omit<Checked, "url" | "host" | "port" | "path">
): Login => ({ username, password, clientName, database, version: respVersion })

type Security = Pick<Checked, "tls" | "connectTimeout">

/** Opens a connection to a host. Its certificate is for `servername` if that is not the host. */
const dial = (
  { connectTimeout, tls }: Security,
  { host, port, servername }: { readonly host: string; readonly port: number; readonly servername?: string | undefined }
): Settings["open"] => {
  if (tls === undefined || tls === false) return TcpConnection.open({ host, port, connectTimeout })
  const security = tls === true ? {} : definedOf(tls as object)
  const named = servername === undefined ? {} : { servername }
  return TlsConnection.open({ ...named, ...security, host, port, connectTimeout })
}

export const resolve = (of: string, given: unknown): Settings => {
  const options = targeted(of, table.read(of, given))
  const { connectTimeout, database = 0, host = "localhost", maxReplyBytes, path, tls } = options
  const port = options.port ?? 6_379
  const address = path ?? (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)
  const scheme = path !== undefined ? "unix" : tls !== undefined && tls !== false ? "rediss" : "redis"
  return {
    address,
    name: options.name ?? `${scheme}://${address}/${database}`,
    attributes: {
      "server.address": path ?? host,
      ...(path === undefined ? { "server.port": port } : {}),
      "db.namespace": String(database)
    },
    open: path !== undefined
      ? UnixConnection.open({ path, connectTimeout }) as Settings["open"]
      : dial(options, { host, port }),
    login: loginOf(options),
    client: clientOptions(options),
    maxReplyBytes
  }
}

export const endpointsTable = table.without("url", "host", "port", "path").with(
  {
    endpoints: ofEndpoints.endpoints,
    ejectAfter: ofEndpoints.ejectAfter,
    ejectionTime: ofEndpoints.ejectionTime,
    maxEjected: ofEndpoints.maxEjected,
    slowStart: ofEndpoints.slowStart,
    rebalance: ofEndpoints.rebalance,
    isFailure: ofEndpoints.isFailure,
    probeInterval: ofEndpoints.probeInterval,
    roles: orElse(rules.flag, false),
    maxConnections: orElse(count(1), 40),
    maxConnectionsPerEndpoint: orElse(count(1), 4)
  },
  ({ probeInterval, roles }, refuse) => {
    if (!roles && probeInterval !== undefined) refuse("probeInterval", probeInterval, "set only together with roles")
  }
)

/** All that is known of several servers before the first connection. */
export interface EndpointsSettings extends Omit<Settings, "address" | "name" | "open"> {
  readonly open: (endpoint: CompleteEndpoint) => Settings["open"]
  readonly roles: boolean
}

export const resolveEndpoints = (of: string, given: unknown): EndpointsSettings => {
  const options = endpointsTable.read(of, given)
  const { database = 0, maxReplyBytes, roles } = options
  const { roles: _roles, ...client } = clientOptions(options) as Settings["client"] & { readonly roles: boolean }
  return {
    attributes: { "db.namespace": String(database) },
    open: ({ host, name, port }) => dial(options, { host, port, servername: name }),
    login: loginOf(options),
    client: client as unknown as Settings["client"],
    maxReplyBytes,
    roles
  }
}

const definedOf = (options: object): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
