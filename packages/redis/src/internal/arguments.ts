/** The arguments of typed functions: options as the words that Redis knows. */
import { argument, type Rows, type Rule, rules, Table } from "@socketpool/core/Checks"
import type { ReadOptions, ScanOptions, Scored, SetOptions } from "../RedisCommands.js"
import { type Argument, argumentRule, isArgument } from "./request.js"

const { count, duration, flag, oneOf, optional, orElse, text } = rules

const wholeRule = "a duration of whole milliseconds, more than 0"

const wholeMillis: Rule<number> = (value, at) => {
  const millis = duration("more than 0", wholeRule, Number.MAX_SAFE_INTEGER)(value, at)
  return Number.isInteger(millis) ? millis : at.refuse(value, wholeRule)
}

/** 0 is no limit for Redis, which nobody means who says 0. */
const blockRule = duration("more than 0")

const setOptions = new Table(
  {
    expire: optional(wholeMillis),
    if: optional(oneOf("NX", "XX")),
    keepExpiry: orElse(flag, false)
  } satisfies Rows<SetOptions>,
  [
    ({ expire, keepExpiry }, refuse) => {
      if (keepExpiry && expire !== undefined) refuse("keepExpiry", true, "false where expire is set")
    }
  ]
)

export const setWords = (options: SetOptions | undefined): ReadonlyArray<Argument> => {
  if (options === undefined) return []
  const { expire, if: when, keepExpiry } = setOptions.read("redis.set", options)
  return [
    ...expire === undefined ? [] : ["PX", expire],
    ...when === undefined ? [] : [when],
    ...keepExpiry ? ["KEEPTTL"] : []
  ]
}

const scanOptions = new Table(
  {
    match: optional(text),
    count: optional(count(1)),
    type: optional(text)
  } satisfies Rows<ScanOptions>
)

export const scanWords = (options: ScanOptions): ReadonlyArray<Argument> => {
  const { count, match, type } = scanOptions.read("redis.scan", options)
  return [
    ...match === undefined ? [] : ["MATCH", match],
    ...count === undefined ? [] : ["COUNT", count],
    ...type === undefined ? [] : ["TYPE", type]
  ]
}

const readOptions = new Table(
  {
    count: optional(count(1)),
    block: optional(blockRule)
  } satisfies Rows<ReadOptions>
)

const streamsRule: Rule<ReadonlyArray<Argument>> = (value, at) => streamsOfRecord(value, at)

export const readWords = (
  of: string,
  streams: unknown,
  options: ReadOptions
): ReadonlyArray<Argument> => {
  const { block, count } = readOptions.read(of, options)
  const names = argument(of, "streams", streamsRule, streams)
  return [
    ...count === undefined ? [] : ["COUNT", count],
    ...block === undefined ? [] : ["BLOCK", block === Infinity ? 0 : Math.ceil(block)],
    "STREAMS",
    ...names.filter((_, at) => at % 2 === 0),
    ...names.filter((_, at) => at % 2 === 1)
  ]
}

/** The time for which a command blocks, in seconds: 0 without limit. */
export const blockSeconds = (of: string, timeout: unknown): number => {
  const millis = argument(of, "timeout", blockRule, timeout)
  return millis === Infinity ? 0 : millis / 1_000
}

/** Keys and the like may be secret. */
const listRule: Rule<ReadonlyArray<Argument>> = rules.secret((value, at) => {
  if (!Array.isArray(value)) return at.refuse(value, "an array")
  for (let i = 0; i < value.length; i++) {
    if (!isArgument(value[i])) at.item(`[${i}]`).refuse(value[i], argumentRule)
  }
  return value
})

/** Arguments that a caller gives as an array. */
export const words = (of: string, name: string, given: unknown): ReadonlyArray<Argument> =>
  argument(of, name, listRule, given)

/** Whether a value is an object of properties, and nothing that has a class with methods, such as a `Redacted`. */
const isRecord = (value: object): boolean => {
  if (Object.prototype.toString.call(value) !== "[object Object]") return false
  for (let on = Object.getPrototypeOf(value); on !== null; on = Object.getPrototypeOf(on)) {
    const isLast = Object.getPrototypeOf(on) === null
    const { constructor: _, ...inherited } = Object.getOwnPropertyDescriptors(on)
    if (!isLast && Object.values(inherited).some((one) => typeof one.value === "function")) return false
  }
  return true
}

/** Names and values by turns. */
const recordRule = (rule: string): Rule<ReadonlyArray<Argument>> =>
  rules.secret((value, at) => {
    if (typeof value !== "object" || value === null || !isRecord(value)) return at.refuse(value, rule)
    // Errors do not show the names, which may be secret as well.
    return Object.entries(value).flatMap(([key, item]) =>
      isArgument(item) ? [key, item] : at.item("[…]").refuse(item, argumentRule)
    )
  })

const fieldsOfRecord = recordRule("an object of fields, or an iterable of pairs")
const streamsOfRecord = recordRule("an object of streams and ids")

const fieldsRule: Rule<ReadonlyArray<Argument>> = (value, at) => {
  if (typeof value !== "object" || value === null || !(Symbol.iterator in value)) return fieldsOfRecord(value, at)
  const secret = at.secret()
  return Array.from(value as Iterable<unknown>).flatMap((pair, i) =>
    Array.isArray(pair) && pair.length === 2 && pair.every(isArgument)
      ? pair as ReadonlyArray<Argument>
      : secret.item(`[${i}]`).refuse(pair, "a pair of a field and a value")
  )
}

/** Fields and values by turns. */
export const fieldWords = (of: string, name: string, fields: unknown): ReadonlyArray<Argument> =>
  argument(of, name, fieldsRule, fields)

const memberRule: Rule<Scored> = rules.secret((value, at) =>
  typeof value === "object" && value !== null && "member" in value && "score" in value
    ? value as unknown as Scored
    : at.refuse(value, "an object with a member and a score")
)

/** Scores and members by turns. Scores have no limit, other than numbers of commands. */
export const scoreWords = (members: ReadonlyArray<Scored>): ReadonlyArray<Argument> =>
  members.flatMap((one, i) => {
    const { member, score } = argument("redis.zadd", `members[${i}]`, memberRule, one)
    return [score === Infinity ? "+inf" : score === -Infinity ? "-inf" : score, member]
  })

/** A step of `INCRBY`: one that is no whole number is refused here, where it has a name. */
export const step = (of: string, by: number): number => {
  argument(of, "by", rules.that(Number.isSafeInteger, "a whole number"), by)
  return by
}
