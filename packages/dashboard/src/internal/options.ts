/** The defaults and the checks of the options. */
import { type Rows, type Rule, rules, Table } from "@socketpool/core/Checks"
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

/** True for an address that only this machine can reach, and for a name in a Host header that stands for one. */
export const isLoopback = (host: string): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\]|::ffff:127(\.\d{1,3}){3})$/i.test(host)

const token: Rule<Redacted.Redacted<string>> = rules.secret((value, at) => {
  if (!Redacted.isRedacted(value)) return at.refuse(value, "a Redacted")
  const secret = Redacted.value(value)
  return typeof secret === "string" && /^[\x21-\x7e]+$/.test(secret) ?
    value as Redacted.Redacted<string> :
    at.refuse(value, "one or more visible ASCII characters without spaces")
})

/** The longest that a timer of Node can run. */
const longest = 2 ** 31 - 1

const interval: Rule<number> = (value, at) => {
  const rule = "a finite duration of at least 50 milliseconds"
  const millis = rules.duration("0 or more", rule, Number.MAX_SAFE_INTEGER)(value, at)
  if (millis < 50) at.refuse(value, rule)
  return millis > longest ? at.refuse(value, "less than 25 days") : millis
}

const dashboardOptions = new Table(
  {
    host: rules.orElse(rules.host, defaults.host),
    port: rules.orElse(rules.count(0, 65_535), defaults.port),
    token: rules.optional(token),
    interval: rules.orElse(interval, defaults.interval),
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
  return { ...options, isLoopback: isLoopback(options.host) }
}
