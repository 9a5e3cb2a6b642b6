/** The defaults and the checks of the options. */
import { type Rows, type Rule, rules, Table } from "@socketpool/core/Checks"
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

const loopback = new Net.BlockList()
loopback.addSubnet("127.0.0.0", 8)
loopback.addAddress("::1", "ipv6")

/** True for an address that only this machine has, in any notation. */
export const isLoopbackAddress = (address: string): boolean =>
  Net.isIP(address) !== 0 && loopback.check(address, Net.isIPv6(address) ? "ipv6" : "ipv4")

/** True for a loopback address, and for a name in a Host header that stands for one. */
export const isLoopback = (host: string): boolean =>
  host.toLowerCase() === "localhost" || isLoopbackAddress(host.replace(/^\[(.*)\]$/, "$1"))

const token: Rule<Redacted.Redacted<string>> = rules.secret((value, at) => {
  if (!Redacted.isRedacted(value)) return at.refuse(value, "a Redacted")
  const secret = Redacted.value(value)
  return typeof secret === "string" && secret.length >= minTokenLength && /^[\x21-\x7e]+$/.test(secret) ?
    value as Redacted.Redacted<string> :
    at.refuse(value, `at least ${minTokenLength} visible ASCII characters without spaces`)
})

const interval: Rule<number> = (value, at) => {
  const rule = `a duration from 50 to ${maxTimerMillis} milliseconds`
  const millis = rules.duration("0 or more", rule, maxTimerMillis)(value, at)
  return millis < 50 ? at.refuse(value, rule) : millis
}

const metrics = rules.that<Prometheus.Options>(
  (value) => typeof value === "object" && value !== null,
  "an object of options for the metrics"
)

const dashboardOptions = new Table(
  {
    host: rules.orElse(rules.host, defaults.host),
    port: rules.orElse(rules.count(0, 65_535), defaults.port),
    token: rules.optional(token),
    interval: rules.orElse(interval, defaults.interval),
    // Checked in full where the text is made.
    metrics: rules.orElse(metrics, {}),
    history: rules.orElse(
      rules.duration("0 or more", "a finite duration of 0 or more", Number.MAX_SAFE_INTEGER),
      defaults.history
    )
  } satisfies Rows<Options>,
  [
    ({ host, token }, refuse) => {
      if (isLoopback(host) || token !== undefined) return
      refuse("token", undefined, `set when host is not a loopback address (host is ${JSON.stringify(host)})`)
    }
  ]
)

/** Checks the caller's options and fills in the defaults. Throws a `RangeError` that names option, value and rule. */
export const resolve = (given: Options = {}): Resolved => {
  const options = dashboardOptions.read("Dashboard", given)
  return {
    ...options,
    // Node resolves an IPv6 address in brackets as a name.
    host: options.host.replace(/^\[(.*)\]$/, "$1"),
    isLoopback: isLoopback(options.host)
  }
}
