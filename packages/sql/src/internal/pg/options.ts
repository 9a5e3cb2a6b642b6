/** The options of a client of PostgreSQL. */
import { type Rule, rules } from "@socketpool/core/Checks"
import * as Checks from "@socketpool/core/Checks"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as Redacted from "effect/Redacted"
import { Client, type ClientConfig, type CustomTypesConfig } from "pg"
import type { Target } from "./session.js"

const { callback, count, duration, flag, having, name, oneOf, optional, orElse, secret, text } = rules

const passwordRule: Rule<Redacted.Redacted> = secret((value, at) => {
  const rule = "a Redacted string that is not empty"
  if (!Redacted.isRedacted(value)) return at.refuse(value, rule)
  text(Redacted.value(value), at)
  return value as Redacted.Redacted
})

/** The driver reads a URL when a client is made. */
const clientOf = (connectionString: string): Client => new Client({ connectionString })

/** A URL may hold a password, so that its value is never shown. */
const urlRule: Rule<string> = secret((value, at) => {
  const rule = "postgres://user:password@host:port/database, as a string or a Redacted string"
  const bare = Redacted.isRedacted(value) ? Redacted.value(value) : value
  if (typeof bare !== "string" || !/^postgres(ql)?:\/\//.test(bare)) return at.refuse(value, rule)
  try {
    clientOf(bare)
  } catch {
    return at.refuse(value, rule)
  }
  return bare
})

/** A host, or the folder of a Unix socket. */
const hostRule: Rule<string> = (value, at) =>
  typeof value === "string" && value.startsWith("/") ? name(value, at) : rules.host(value, at)

const tlsOptions = rules.record<unknown>((value) => value, "true, false, or an object of options of tls.connect")

const ssl: Rule<boolean | object> = (value, at) => typeof value === "boolean" ? value : tlsOptions(value, at)

const driver = new Checks.Table({
  password: optional(callback),
  stream: optional(callback),
  options: optional(text),
  statement_timeout: optional(count(0)),
  lock_timeout: optional(count(0)),
  idle_in_transaction_session_timeout: optional(count(0)),
  keepAlive: optional(flag),
  keepAliveInitialDelayMillis: optional(count(0)),
  enableChannelBinding: optional(flag),
  sslnegotiation: optional(oneOf("postgres", "direct"))
})

export const table = TransportPool.options
  .without("handshake", "isReply", "validate", "onRelease", "farewell", "isFatal", "isExpired")
  .with(
    {
      url: optional(urlRule),
      host: optional(hostRule),
      port: optional(count(1, 65_535)),
      ssl: optional(ssl),
      database: optional(name),
      username: optional(name),
      password: optional(passwordRule),
      applicationName: orElse(name, "@socketpool/sql"),
      types: optional(having<CustomTypesConfig>("an object with getTypeParser", "getTypeParser")),
      driver: optional(rules.struct(driver)),
      transformResultNames: optional(callback),
      transformQueryNames: optional(callback),
      transformJson: orElse(flag, true),
      maxConnections: orElse(count(1), 10),
      connectTimeout: orElse(duration("more than 0"), "5 seconds"),
      cancelTimeout: orElse(duration("more than 0"), "1 second")
    },
    (options, refuse) => {
      const { driver, password, url } = options
      if (url !== undefined) {
        for (const name of ["host", "port", "database", "username", "password"] as const) {
          // The value may be the password.
          if (options[name] !== undefined) refuse(name, undefined, "left out where url is set")
        }
      }
      if (password !== undefined && driver?.password !== undefined) {
        refuse("driver.password" as "driver", undefined, "left out where password is set")
      }
    }
  )

export type Checked = ReturnType<typeof table.read>

/** The options that only the client needs; the pool gets the rest. */
const own = [
  "url",
  "host",
  "port",
  "ssl",
  "database",
  "username",
  "password",
  "applicationName",
  "types",
  "driver",
  "transformResultNames",
  "transformQueryNames",
  "transformJson",
  "cancelTimeout"
] as const

/** All that is known of a server before the first connection. */
export interface Settings {
  readonly options: Checked
  readonly target: Target
  readonly name: string
  readonly attributes: Readonly<Record<string, string | number>>
  readonly pool: Omit<Checked, (typeof own)[number]>
}

const defined = <A extends object>(options: A): A =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as A

export const resolve = (of: string, given: unknown): Settings => {
  const options = table.read(of, given)
  const { applicationName, database, driver, host, password, port, ssl, types, url, username } = options
  const config = defined({
    ...(driver === undefined ? {} : driver),
    connectionString: url,
    host,
    port,
    user: username,
    password: password === undefined ? driver?.password : Redacted.value(password),
    database,
    ssl,
    types,
    application_name: applicationName
  }) as ClientConfig
  // The driver fills in what is left out, from its defaults and from variables of the environment such as PGHOST.
  const client = new Client(config)
  const address = client.host.includes(":") ? `[${client.host}]:${client.port}` : `${client.host}:${client.port}`
  const namespace = client.database ?? client.user ?? "postgres"
  const pool: Record<string, unknown> = { ...options }
  for (const name of own) delete pool[name]
  return {
    options,
    target: { config, address, cancelTimeout: options.cancelTimeout },
    name: options.name ?? `postgres://${address}/${namespace}`,
    attributes: {
      "db.system.name": "postgresql",
      "db.namespace": namespace,
      "server.address": client.host,
      "server.port": client.port
    },
    pool: pool as unknown as Settings["pool"]
  }
}
