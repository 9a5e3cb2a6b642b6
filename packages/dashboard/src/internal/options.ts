/** What a user asks of the page, checked. */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as net from "node:net"
import type { Options } from "../Dashboard.js"

export const defaults = { host: "127.0.0.1", port: 8686, interval: "1 second", history: "10 minutes" } as const

export interface Resolved {
  readonly host: string
  readonly port: number
  readonly token: Redacted.Redacted<string> | undefined
  readonly intervalMillis: number
  /** How many points of each pool are kept. */
  readonly points: number
  /** Whether only programs of this machine reach it. */
  readonly isLocal: boolean
}

const reject = (option: string, value: unknown, rule: string): never => {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value)
  throw new RangeError(`Dashboard: ${option} must be ${rule}, but is ${shown}`)
}

const millis = (option: string, value: Duration.DurationInput, least: number): number => {
  const decoded = Duration.decodeUnknown(value)
  const rule = `a finite duration of at least ${least} ms`
  if (decoded._tag === "None") return reject(option, value, rule)
  const length = Duration.toMillis(decoded.value)
  return Number.isFinite(length) && length >= least ? length : reject(option, value, rule)
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (net.isIPv4(host) && host.startsWith("127."))

/** Throws a `RangeError` that names the option, the value and the rule. */
export const resolve = (given: Options): Resolved => {
  // Only what the object itself says: a polluted prototype sets no option.
  const options: Options = Object.assign(Object.create(null), given)
  const {
    history = defaults.history,
    host = defaults.host,
    interval = defaults.interval,
    port = defaults.port,
    token
  } = options
  if (typeof host !== "string" || host === "") reject("host", host, "a name or an address")
  if (!Number.isInteger(port) || port < 0 || port > 65_535) reject("port", port, "a whole number from 0 to 65535")
  if (token !== undefined && (!Redacted.isRedacted(token) || String(Redacted.value(token)).length < 16)) {
    // The value is a secret, or meant to be one.
    throw new RangeError("Dashboard: token must be a Redacted text of at least 16 characters")
  }
  const isLocal = isLoopback(host)
  if (!isLocal && token === undefined) {
    reject("host", host, "a loopback address as long as there is no token, as anybody could look otherwise")
  }
  const intervalMillis = millis("interval", interval, 100)
  return {
    host,
    port,
    token,
    intervalMillis,
    points: Math.ceil(millis("history", history, 0) / intervalMillis),
    isLocal
  }
}
