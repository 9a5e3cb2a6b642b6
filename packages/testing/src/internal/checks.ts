/** Checks of options. A wrong value throws a `RangeError` that names the option, the value and the rule. */

export const check = (of: string, option: string, value: unknown, isRight: boolean, rule: string): void => {
  if (!isRight) throw new RangeError(`${of}: ${option} must be ${rule}, but is ${String(value)}`)
}

/** Returns a value that is a whole number from `least` to `most`. */
export const wholeNumber = (
  of: string,
  option: string,
  value: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER
): number => {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  check(of, option, value, Number.isSafeInteger(value) && value >= least && value <= most, `a whole number ${range}`)
  return value
}
