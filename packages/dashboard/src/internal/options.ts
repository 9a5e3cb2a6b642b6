/** The defaults and the checks of the options. */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Net from "node:net"
import type { Options } from "../Dashboard.js"
import type * as Prometheus from "../Prometheus.js"
import { maxTimerMillis } from "./timer.js"

export const defaults = {
  host: "127.0.0.1",
  port: 8686,
  interval: "1 second",
  history: "10 minutes"
} as const

/** The fewest characters of a token. Sixteen random ones take longer to guess than the universe lasts. */
const minTokenLength = 16

/** The options after the check: all set, durations in milliseconds. */
export interface Resolved {
  readonly host: string
  readonly isLoopback: boolean
  readonly port: number
  readonly token: Redacted.Redacted<string> | undefined
  readonly interval: number
  readonly history: number
  readonly metrics: Prometheus.Options
}

const known = Object.keys(
  { ...defaults, token: undefined, metrics: undefined } satisfies { readonly [O in keyof Options]-?: unknown }
)

const show = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "function") return "a function"
  if (typeof value === "object" && value !== null) return Duration.isDuration(value) ? String(value) : "an object"
  return String(value)
}

const reject = (option: string, shown: string, rule: string): never => {
  throw new RangeError(`Dashboard: ${option} must be ${rule}, but is ${shown}`)
}

const millis = (
  option: string,
  value: Duration.DurationInput,
  [least, most]: readonly [least: number, most: number],
  rule: string
): number => {
  let decoded: number
  try {
    decoded = Duration.toMillis(value)
  } catch {
    return reject(option, show(value), rule)
  }
  // `Duration.decode` silently turns a negative number and NaN into zero.
  const isNumber = typeof value === "number" || typeof value === "bigint"
  const isValid = isNumber ? value >= 0 : !/^\s*-/.test(String(value))
  return isValid && decoded >= least && decoded <= most ? decoded : reject(option, show(value), rule)
}

const loopback = new Net.BlockList()
loopback.addSubnet("127.0.0.0", 8)
loopback.addAddress("::1", "ipv6")

/** True for an address that only this machine has, in any notation. */
export const isLoopbackAddress = (address: string): boolean =>
  Net.isIP(address) !== 0 && loopback.check(address, Net.isIPv6(address) ? "ipv6" : "ipv4")

/** True for a loopback address, and for a name in a Host header that stands for one. */
export const isLoopback = (host: string): boolean =>
  host.toLowerCase() === "localhost" || isLoopbackAddress(host.replace(/^\[(.*)\]$/, "$1"))

const tokenOf = (token: unknown): Redacted.Redacted<string> | undefined => {
  if (token === undefined) return undefined
  // The value is not shown: it may be the secret itself, passed without `Redacted` by mistake.
  if (!Redacted.isRedacted(token)) return reject("token", "something else (not shown here)", "a Redacted")
  const value = Redacted.value(token)
  return typeof value === "string" && value.length >= minTokenLength && /^[\x21-\x7e]+$/.test(value) ?
    token as Redacted.Redacted<string> :
    reject(
      "token",
      "something else (not shown here)",
      `at least ${minTokenLength} visible ASCII characters without spaces`
    )
}

/** Checks the caller's options and fills in the defaults. Throws a `RangeError` that names option, value and rule. */
export const resolve = (given: Options = {}): Resolved => {
  if (typeof given !== "object" || given === null) return reject("options", show(given), "an object")
  const unknown = Object.keys(given).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    throw new RangeError(
      `Dashboard: there is no option ${JSON.stringify(unknown)}; the options are ${known.join(", ")}`
    )
  }
  // Takes own properties only, so that a polluted prototype sets no option.
  const options: Options = Object.assign(Object.create(null), given)
  const {
    history = defaults.history,
    host = defaults.host,
    interval = defaults.interval,
    metrics = {},
    port = defaults.port
  } = options
  if (typeof host !== "string" || !/^[^\s\p{Cc}/@]+$/u.test(host)) {
    reject("host", show(host), "a host name or an address")
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    reject("port", show(port), "a whole number from 0 to 65535")
  }
  const token = tokenOf(options.token)
  if (!isLoopback(host) && token === undefined) {
    reject("token", "missing", `set when host is not a loopback address (host is ${show(host)})`)
  }
  return {
    // Node resolves an IPv6 address in brackets as a name.
    host: host.replace(/^\[(.*)\]$/, "$1"),
    isLoopback: isLoopback(host),
    port,
    token,
    interval: millis(
      "interval",
      interval,
      [50, maxTimerMillis],
      `a duration from 50 to ${maxTimerMillis} milliseconds`
    ),
    history: millis("history", history, [0, Number.MAX_VALUE], "a finite duration of 0 or more"),
    // Checked where the text is made.
    metrics
  }
}
