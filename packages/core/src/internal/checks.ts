/** Checks of options and arguments. A wrong value throws a `RangeError` that names the option, value and rule. */

/** Copies an object's own properties, so that a polluted prototype sets no option. */
export const own = <A extends object>(options: A): A => Object.assign(Object.create(null), options)

/** Throws the error of a wrong value. */
export const reject = (
  where: string,
  option: string,
  value: unknown,
  rule: string,
  show: (value: unknown) => string = String
): never => {
  throw new RangeError(`${where}: ${option} must be ${rule}, but is ${show(value)}`)
}

/** Returns a value that is a whole number from `least` to `most`. */
export const wholeNumber = (
  where: string,
  option: string,
  value: unknown,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
  show?: (value: unknown) => string
): number => {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`
  return reject(where, option, value, `a whole number ${range}`, show)
}
