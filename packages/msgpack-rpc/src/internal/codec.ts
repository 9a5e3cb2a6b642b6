/** Values and their bytes. */
import { type Rule, rules } from "@socketpool/core/Checks"
import { Packr } from "msgpackr"
import { maxDepth } from "./scanner.js"

export interface Codec {
  readonly encode: (value: unknown) => Uint8Array
  /** Throws if a value cannot be decoded. */
  readonly decode: (bytes: Uint8Array, start: number, end: number) => unknown
}

export const make = (options: { readonly mapsAsObjects: boolean }): Codec => {
  const packr = new Packr({
    mapsAsObjects: options.mapsAsObjects,
    // Other implementations know neither records nor msgpackr's extension for `undefined`.
    useRecords: false,
    encodeUndefinedAsNil: true,
    structuredClone: false,
    // Maps in their shortest form, and of more than 65,535 pairs.
    variableMapSize: true,
    // A `bigint` where the number would lose digits. The types of msgpackr do not list it.
    int64AsType: "auto" as "number",
    // A short value must not keep the whole message in memory.
    copyBuffers: true
  })
  return {
    encode: (value) => packr.pack(value),
    decode: (bytes, start, end) => packr.unpack(bytes, { start, end })
  }
}

/** A value that MessagePack cannot hold. */
class Unholdable extends Error {}

const least = -(2n ** 63n)
const most = 2n ** 64n - 1n

/**
 * Returns the value with large whole numbers as `bigint`, which msgpackr encodes as integers; it would make a number of
 * more than 32 bits a float, which typed peers refuse. Throws `Unholdable`.
 */
const held = (value: unknown, depth: number): unknown => {
  switch (typeof value) {
    case "number":
      return Number.isSafeInteger(value) && (value > 0xffff_ffff || value < -0x8000_0000) ? BigInt(value) : value
    case "bigint":
      if (value < least || value > most) throw new Unholdable("whole numbers of at most 64 bits")
      return value
    case "function":
    case "symbol":
      throw new Unholdable("neither functions nor symbols")
    case "object":
      return value === null ? value : heldObject(value, depth)
    default:
      return value
  }
}

const heldObject = (value: object, depth: number): unknown => {
  if (depth >= maxDepth) throw new Unholdable(`at most ${maxDepth} levels of arrays and maps`)
  if (Array.isArray(value)) {
    let copy: Array<unknown> | undefined
    for (let i = 0; i < value.length; i++) {
      const item = held(value[i], depth + 1)
      if (item !== value[i]) (copy ??= value.slice())[i] = item
    }
    return copy ?? value
  }
  if (value instanceof Map) {
    return new Map(Array.from(value, ([key, item]) => [held(key, depth + 1), held(item, depth + 1)]))
  }
  if (value instanceof Set) return held([...value], depth)
  const prototype = Object.getPrototypeOf(value)
  // Others are msgpackr's to encode: dates, bytes, and classes that somebody has registered with it.
  if (prototype !== Object.prototype && prototype !== null) return value
  let copy: Record<string, unknown> | undefined
  for (const [key, given] of Object.entries(value)) {
    const item = held(given, depth + 1)
    if (item !== given) (copy ??= { ...value })[key] = item
  }
  return copy ?? value
}

/** A message is a level of its own. */
const within = 1

/** Returns a value as it can be sent. Throws if MessagePack cannot hold it. */
export const sendable = (value: unknown): unknown => held(value, within)

export const params: Rule<ReadonlyArray<unknown>> = rules.secret((value, at) => {
  if (!Array.isArray(value)) return at.refuse(value, "an array")
  try {
    return held(value, within) as ReadonlyArray<unknown>
  } catch (error) {
    const why = error instanceof Unholdable ? error.message : "values that can be read"
    return at.refuse(value, `an array of values that MessagePack can hold (${why})`)
  }
})

export const method: Rule<string> = rules.text
