/** The rules that options follow. Each takes a value and returns it checked, or refuses it and says what it must be. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { DurationInput } from "../internal/effect/value.js"
import { show } from "../internal/show.js"
import * as Utf8 from "../internal/utf8.js"
import { entries, Place, type Rule, type Table } from "./table.js"

/** Allows an option to be left out. */
export const optional = <A>(rule: Rule<A>): Rule<A | undefined> => (value, at) =>
  value === undefined ? undefined : rule(value, at)

/** Gives an option that is left out its default, which follows the same rule. */
export const orElse = <A>(rule: Rule<A>, omitted: unknown): Rule<A> => (value, at) =>
  rule(value === undefined ? omitted : value, at)

/** Never shows a wrong value. */
export const secret = <A>(rule: Rule<A>): Rule<A> => (value, at) => rule(value, at.secret())

/** Takes every value for which a predicate holds. */
export const that = <A>(is: (value: any) => boolean, rule: string): Rule<A> => (value, at) =>
  is(value) ? value as A : at.refuse(value, rule)

export const flag: Rule<boolean> = that((value) => typeof value === "boolean", "true or false")

export const callback: Rule<(...args: Array<any>) => any> = that((value) => typeof value === "function", "a function")

export const effect: Rule<Effect.Effect<any, any, any>> = that(Effect.isEffect, "an Effect")

export const schedule: Rule<Schedule.Schedule<any, any>> = that(Schedule.isSchedule, "a Schedule")

/** Takes an object that has these methods, such as one that implements an interface. */
export const having = <A>(rule: string, ...methods: ReadonlyArray<keyof A & string>): Rule<A> =>
  that(
    (value) => typeof value === "object" && value !== null && methods.every((one) => typeof value[one] === "function"),
    rule
  )

// --- Text -----------------------------------------------------------------------------------------------------------

/** Control characters and ends of lines. */
const control = /[\p{Cc}\p{Zl}\p{Zp}]/u

const isText = (value: unknown): boolean => typeof value === "string" && value.length > 0

export const text: Rule<string> = that(isText, "a string that is not empty")

/** A text that stands in messages, logs and metrics: one line, and nothing like `user:password@host`. */
export const name: Rule<string> = (value, at) => {
  const given = text(value, at)
  if (control.test(given)) at.refuse(value, "a string without control characters")
  // A pool of Unix sockets is called `unix:` and the path, in which an `@` means nothing.
  return /(?<!^unix):[^\s/@]+@/.test(given) ? at.refuse(value, "a string without a password") : given
}

/**
 * A host name or an IP address; an IPv6 address may stand in brackets, as in a URL. Somebody who pastes a URL, a port or
 * credentials is told so before the text becomes the name of a pool.
 */
export const host: Rule<string> = (value, at) => {
  const bare = text(value, at).replace(/^\[(.*:.*)\]$/s, "$1")
  if (/[\p{Cc}\p{Cs}\p{Z}@/\\?#[\]]/u.test(bare)) {
    at.refuse(value, `a host name or an IP address, without spaces, control characters, "@" and "/"`)
  }
  const isAddress = /^[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*(%[\w.-]+)?$/i.test(bare)
  if (!isAddress && /[:%]/.test(bare)) at.refuse(value, "a host name or an IP address, without a port")
  return bare.length > longestHost ? at.refuse(value, `at most ${longestHost} characters long`) : bare
}

/** The longest name that DNS has. */
const longestHost = 253

/** Whether a value is a `Uint8Array`, of whatever realm: a test environment may have one of its own. */
const isBytes = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array || Object.prototype.toString.call(value) === "[object Uint8Array]"

/** Whether a value can be sent. It costs next to nothing for one that can. */
export const isData = (value: unknown): boolean => {
  try {
    return typeof value === "string" || isBytes(value)
  } catch {
    return false
  }
}

export const data: Rule<Uint8Array | string> = that(isData, "a string or a Uint8Array")

/** The bytes of a text, or bytes: at least one. They are copied, so that nobody can change them later. */
export const bytes: Rule<Uint8Array> = (value, at) => {
  if (isText(value)) return Utf8.encode(value as string)
  return isBytes(value) && value.length > 0 ?
    Uint8Array.from(value) :
    at.refuse(value, "a string or a Uint8Array that is not empty")
}

const quote = (choice: unknown): string => typeof choice === "string" ? JSON.stringify(choice) : String(choice)

export const oneOf = <const A extends ReadonlyArray<string | number>>(...choices: A): Rule<A[number]> => {
  const quoted = choices.map(quote)
  const rule = quoted.length === 1 ? quoted[0]! : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`
  return that((value) => choices.includes(value), rule)
}

// --- Numbers --------------------------------------------------------------------------------------------------------

/** A whole number from `least` to `most`. */
export const count = (least: number, most: number = Number.MAX_SAFE_INTEGER): Rule<number> => {
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`
  return that((value) => Number.isSafeInteger(value) && value >= least && value <= most, `a whole number ${range}`)
}

/** A whole number, or `Infinity` for no limit. */
export const limit = (least: number): Rule<number> => {
  const rule = count(least)
  return (value, at) => value === Infinity ? Infinity : rule(value, at)
}

export const between = (least: number, most: number, rule = `from ${least} to ${most}`): Rule<number> =>
  that((value) => typeof value === "number" && value >= least && value <= most, rule)

/** Returns whether Effect can take a value for a duration without turning a part of it into zero. */
const isDurationLike = (value: unknown): value is DurationInput => {
  if (typeof value === "number" || typeof value === "bigint") return value >= 0
  if (typeof value === "string") return !value.trimStart().startsWith("-")
  if (Array.isArray(value)) return value.length === 2 && value.every((part) => typeof part === "number" && part >= 0)
  return Duration.isDuration(value)
}

/** A duration, in milliseconds. */
export const duration = (
  above: "0 or more" | "more than 0",
  rule = `a duration of ${above}`,
  most: number = Infinity
): Rule<number> =>
(value, at) => {
  let millis: unknown = NaN
  try {
    if (isDurationLike(value)) millis = Duration.toMillis(value)
  } catch {
    // It stays NaN.
  }
  const isRight = typeof millis === "number" && millis >= 0 && millis <= most && (millis > 0 || above === "0 or more")
  return isRight ? millis as number : at.refuse(value, rule)
}

// --- Several values -------------------------------------------------------------------------------------------------

/** An array, copied, whose items follow a rule. */
export const list = <A>(item: Rule<A>, rule: string, least = 0): Rule<ReadonlyArray<A>> => (value, at) => {
  if (!Array.isArray(value) || value.length < least) return at.refuse(value, rule)
  return Array.from(value, (one, i) => item(one, at.item(`[${i}]`)))
}

/** An object, copied, whose values follow a rule. */
export const record = <A>(item: Rule<A>, rule: string): Rule<Readonly<Record<string, A>>> => (value, at) => {
  const copy: Record<string, A> = Object.create(null)
  for (const [key, one] of entries(at, value, rule)) {
    name(key, new Place(at.of, `a name in ${at.option}`))
    copy[key] = item(one, at.item(`[${show(key)}]`))
  }
  return copy
}

/** An object with options of its own. */
export const struct = <A extends object>(table: Table<A>): Rule<A> => (value, at) => table.readAt(at, value)
