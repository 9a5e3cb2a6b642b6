/** Durations that are deadlines of operations. */
import * as Duration from "effect/Duration"

/** Milliseconds; `Infinity` for none. Throws a `RangeError` that names option, value and rule. */
export const timeoutMillis = (option: string, value: Duration.DurationInput | undefined): number => {
  if (value === undefined) return Infinity
  let millis = 0
  try {
    millis = Duration.toMillis(Duration.decode(value))
  } catch {
    // Zero is as wrong.
  }
  if (millis > 0) return millis
  throw new RangeError(`Connection: ${option} must be a duration of more than 0, but is ${String(value)}`)
}
