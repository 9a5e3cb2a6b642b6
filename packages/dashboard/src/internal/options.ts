/** The defaults and the checks of the options. */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { Options } from "../Dashboard.js"

export const defaults = {
  host: "127.0.0.1",
  port: 8686,
  interval: "1 second",
  history: "10 minutes"
} as const

/** The options after the check: all set, durations in milliseconds. */
export interface Resolved {
  readonly host: string
  readonly isLoopback: boolean
  readonly port: number
  readonly token: Redacted.Redacted<string> | undefined
  readonly interval: number
  readonly history: number
}

const show = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "object" && value !== null) return Duration.isDuration(value) ? String(value) : "an object"
  return String(value)
}

const reject = (option: string, shown: string, rule: string): never => {
  throw new RangeError(`Dashboard: ${option} must be ${rule}, but is ${shown}`)
}

const millis = (option: string, value: Duration.DurationInput, least: number, rule: string): number => {
  let decoded: number
  try {
    decoded = Duration.toMillis(value)
  } catch {
    return reject(option, show(value), rule)
  }
  // `Duration.decode` silently turns a negative number and NaN into zero.
  const isNumber = typeof value === "number" || typeof value === "bigint"
  const isValid = isNumber ? value >= 0 : !/^\s*-/.test(String(value))
  return Number.isFinite(decoded) && decoded >= least && isValid ? decoded : reject(option, show(value), rule)
}

/** True for an address that only this machine can reach, and for a name in a Host header that stands for one. */
export const isLoopback = (host: string): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\]|::ffff:127(\.\d{1,3}){3})$/i.test(host)

const tokenOf = (token: unknown): Redacted.Redacted<string> | undefined => {
  if (token === undefined) return undefined
  // The value is not shown: it may be the secret itself, passed without `Redacted` by mistake.
  if (!Redacted.isRedacted(token)) return reject("token", "something else (not shown here)", "a Redacted")
  const value = Redacted.value(token)
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) ?
    token as Redacted.Redacted<string> :
    reject("token", "something else (not shown here)", "one or more visible ASCII characters without spaces")
}

/** Checks the caller's options and fills in the defaults. Throws a `RangeError` that names option, value and rule. */
export const resolve = (given: Options = {}): Resolved => {
  // Takes own properties only, so that a polluted prototype sets no option.
  const options: Options = Object.assign(Object.create(null), given)
  const { history = defaults.history, host = defaults.host, interval = defaults.interval, port = defaults.port } =
    options
  if (typeof host !== "string" || host === "") reject("host", show(host), "a host name or an address")
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    reject("port", show(port), "a whole number from 0 to 65535")
  }
  const token = tokenOf(options.token)
  if (!isLoopback(host) && token === undefined) {
    reject("token", "missing", `set when host is not a loopback address (host is ${show(host)})`)
  }
  return {
    host,
    isLoopback: isLoopback(host),
    port,
    token,
    interval: millis("interval", interval, 50, "a finite duration of at least 50 milliseconds"),
    history: millis("history", history, 0, "a finite duration of 0 or more")
  }
}
