/** Checks of options. A wrong value throws a `RangeError` that names option, value and rule. */
import * as Duration from "effect/Duration"

/** Only what an object itself says: a polluted prototype sets no option, and switches no verification off. */
export const own = <A extends object>(options: A): A => Object.assign(Object.create(null), options)

export class Checks {
  constructor(/** Whose options they are. */ private readonly of: string) {}

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
