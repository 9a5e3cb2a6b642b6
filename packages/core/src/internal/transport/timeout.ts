/** Durations that are deadlines of operations. */
import type { DurationInput } from "../effect/value.js"
import { millis } from "../options.js"

/** Milliseconds; `Infinity` for none. Throws a `RangeError` that names option, value and rule. */
export const timeoutMillis = (value: DurationInput | undefined): number =>
  value === undefined ? Infinity : millis("timeout", value, "more than 0", "Connection")
