/** Checks the faults of a fault proxy. */
import * as Duration from "effect/Duration"
import type { Faults } from "../FaultProxy.js"
import { check, wholeNumber } from "./checks.js"
import { durationOf } from "./effect/fiber.js"
import type { Treatment } from "./pump.js"

const of = "FaultProxy"

const probability = (option: string, value: number): number => {
  check(of, option, value, value >= 0 && value <= 1, "a probability from 0 to 1")
  return value
}

const millis = (option: string, value: Duration.DurationInput): number => {
  const decoded = durationOf(value)
  // A timer of Node.js runs for 24.8 days at most. `Duration` would decode a negative number as 0.
  const isRight = decoded._tag === "Some" && Duration.toMillis(decoded.value) < 2 ** 30 &&
    !(typeof value === "number" && value < 0)
  check(of, option, value, isRight, "a duration of at least 0 and less than 12 days")
  return Duration.toMillis(value)
}

export const treatment = (faults: Faults): Treatment => {
  const { bandwidth = Infinity, cut = "Reset", cutAfter, slice } = faults
  check(of, "bandwidth", bandwidth, bandwidth > 0, "more than 0")
  check(of, "cut", cut, cut === "Reset" || cut === "End", "\"Reset\" or \"End\"")
  return {
    latency: millis("latency", faults.latency ?? 0),
    jitter: millis("jitter", faults.jitter ?? 0),
    bandwidth,
    slice: slice === undefined ? Infinity : wholeNumber(of, "slice", slice, 1),
    merge: millis("merge", faults.merge ?? 0),
    stall: faults.stall === true,
    corrupt: probability("corrupt", faults.corrupt ?? 0),
    duplicate: probability("duplicate", faults.duplicate ?? 0),
    cutAfter: cutAfter === undefined ? Infinity : wholeNumber(of, "cutAfter", cutAfter, 0),
    cut
  }
}
