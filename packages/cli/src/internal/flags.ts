/** Options of commands whose values have a rule. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Cli from "./cli.js"
import { durationFrom, durationOf } from "./effect.js"

/** Parses an option, or fails with its name, its value and the rule. */
const parsed =
  <A>(name: string, rule: string, parse: (text: string) => A | undefined) => (option: Cli.Flag<string>): Cli.Flag<A> =>
    Cli.parse(option, (text) => {
      const value = parse(text)
      return value === undefined
        ? { problem: `--${name} must be ${rule}, but is ${JSON.stringify(text)}` }
        : { value }
    })

export const wholeNumber = (name: string, least: number, most: number) =>
  parsed(
    name,
    `a whole number from ${least} to ${most}`,
    (text) => /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined
  )(Cli.text(name, "n"))

export const choice = <const A extends string>(name: string, choices: ReadonlyArray<A>) =>
  parsed(
    name,
    `one of ${choices.join(", ")}`,
    (text) => choices.find((choice) => choice === text)
  )(Cli.text(name, choices.join(" | ")))

export const whole = (name: string, least: number, most: number, initial: number, about: string) =>
  Cli.withDescription(
    Cli.withDefault(wholeNumber(name, least, most), initial),
    `${about} From ${least} to ${most}, default ${initial}.`
  )

/** Parses a number in plain digits, such as `0.5`; not as `1e3`, `0x10` or `Infinity`. */
const parseNumber = (text: string): number | undefined => /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined

export const number = (name: string, least: number, most: number, unit: string) =>
  parsed(name, `a number of ${unit} from ${least} to ${most}`, (text) => {
    const found = parseNumber(text)
    return found !== undefined && found >= least && found <= most ? found : undefined
  })(Cli.text(name, "n"))

/** Parses a duration in the format of Effect, such as `500 millis` or `10 seconds`, or as `500ms`, `10s`, `2m`. */
const parseDuration = (text: string): Duration.Duration | undefined => {
  const short = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(text)
  const units = { ms: "millis", s: "seconds", m: "minutes", h: "hours" } as const
  const input = short === null ? text : `${short[1]} ${units[short[2] as keyof typeof units]}`
  return Option.getOrUndefined(durationFrom(input))
}

/** The limits of a duration, in words that `parseDuration` reads. */
type Range = readonly [least: string, most: string]

/** The limits of what a command measures or watches. */
export const upToADay: Range = ["1ms", "24h"]

export const optionalDuration = (name: string, [least, most]: Range, about: string) =>
  Cli.withDescription(
    parsed(name, `a duration from ${least} to ${most}, such as 500ms, 10s or 2m`, (text) => {
      const found = parseDuration(text)
      const isWithin = found !== undefined && Duration.between(found, {
        minimum: parseDuration(least)!,
        maximum: parseDuration(most)!
      })
      return isWithin ? found : undefined
    })(Cli.text(name, "duration")),
    `${about} From ${least} to ${most}.`
  )

export const duration = (name: string, range: Range, given: Duration.DurationInput, about: string) => {
  const initial = durationOf(given)
  return Cli.withDefault(
    optionalDuration(name, range, `${about} For example 500ms, 10s or 2m; default ${Duration.format(initial)}.`),
    initial
  )
}

export const optionalText = (name: string, metavar: string, about: string) =>
  Cli.optional(Cli.withDescription(Cli.text(name, metavar), about))
