/** Timeouts of operations. */
import type { DurationInput } from "../effect/value.js"
import { millis } from "../options.js"

/** Returns milliseconds, `Infinity` for none. Throws a `RangeError` that names the option, the value and the rule. */
export const timeoutMillis = (value: DurationInput | undefined): number =>
  value === undefined ? Infinity : millis("timeout", value, "more than 0", "Connection")
