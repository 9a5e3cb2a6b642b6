/** Checks of options. An invalid value throws a `RangeError` that names the option, the value and the rule. */
import * as Duration from "effect/Duration"

/**
 * Copies only the object's own properties, so that a polluted prototype can set no option and disable no verification.
 */
export const own = <A extends object>(options: A): A => Object.assign(Object.create(null), options)

export class Checks {
  constructor(/** The owner of the options, as messages name it. */ private readonly of: string) {}

  reject(option: string, value: unknown, rule: string): never {
    throw new RangeError(`${this.of}: ${option} must be ${rule}, but is ${String(value)}`)
  }

  text(option: string, value: unknown): void {
    if (typeof value !== "string" || value.length === 0) this.reject(option, value, "a string that is not empty")
  }

  whole(option: string, value: number | undefined, least: number, most = Infinity): void {
    if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return
    this.reject(
      option,
      value,
      `a whole number ${most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`}`
    )
  }

  duration(option: string, value: Duration.DurationInput): Duration.Duration {
    const decoded = Duration.decodeUnknown(value)
    if (decoded._tag === "Some" && Duration.toMillis(decoded.value) > 0) return decoded.value
    return this.reject(option, value, "a duration of more than 0")
  }
}
