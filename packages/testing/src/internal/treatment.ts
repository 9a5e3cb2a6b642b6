/**
 * Checks a fault proxy's options. An invalid value throws a `RangeError` that names the option, the value and the rule.
 */
import * as Duration from "effect/Duration"
import type { Faults } from "../FaultProxy.js"
import { durationOf } from "./effect/fiber.js"
import type { Treatment } from "./pump.js"

export const check = (option: string, value: unknown, isRight: boolean, rule: string): void => {
  if (!isRight) throw new RangeError(`FaultProxy: ${option} must be ${rule}, but is ${String(value)}`)
}

export const whole = (option: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number => {
  const rule = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  check(option, value, Number.isSafeInteger(value) && value >= least && value <= most, `a whole number ${rule}`)
  return value
}

const probability = (option: string, value: number): number => {
  check(option, value, value >= 0 && value <= 1, "a probability from 0 to 1")
  return value
}

const millis = (option: string, value: Duration.DurationInput): number => {
  const decoded = durationOf(value)
  // A timer of Node.js runs for 24.8 days at most. `Duration` would decode a negative number as 0.
  const isRight = decoded._tag === "Some" && Duration.toMillis(decoded.value) < 2 ** 30 &&
    !(typeof value === "number" && value < 0)
  check(option, value, isRight, "a duration of at least 0 and less than 12 days")
  return Duration.toMillis(value)
}

export const treatment = (faults: Faults): Treatment => {
  const { bandwidth = Infinity, cut = "Reset", cutAfter, slice } = faults
  check("bandwidth", bandwidth, bandwidth > 0, "more than 0")
  check("cut", cut, cut === "Reset" || cut === "End", "\"Reset\" or \"End\"")
  return {
    latency: millis("latency", faults.latency ?? 0),
    jitter: millis("jitter", faults.jitter ?? 0),
    bandwidth,
    slice: slice === undefined ? Infinity : whole("slice", slice, 1),
    merge: millis("merge", faults.merge ?? 0),
    stall: faults.stall === true,
    corrupt: probability("corrupt", faults.corrupt ?? 0),
    duplicate: probability("duplicate", faults.duplicate ?? 0),
    cutAfter: cutAfter === undefined ? Infinity : whole("cutAfter", cutAfter, 0),
    cut
  }
}
