/**
 * The text of errors and holders in messages, logs and events.
 *
 * A pool's user may fail with any value at all. Every function here is total: it returns for each value, in bounded
 * time, and never gives away more of an object than its name and its message. Its other fields may hold secrets.
 */
import * as Cause from "effect/Cause"
import * as Redacted from "effect/Redacted"
import type { LeaseHolder } from "../PoolLease.js"
import { Caller } from "./caller.js"
import { mapErrors } from "./effect/fiber.js"
import { nameOf as nameOfHolder } from "./holders.js"
import { spanLabel } from "./spanLabel.js"
import type { Lease } from "./state.js"
import { clip, line, quoted } from "./text.js"

/** The name and the message of an error, as far as others may know it. */
export interface Described {
  readonly name: string
  readonly message: string
}

/** Errors within errors are shown to this depth. */
const deepest = 2

/** The most parts of an `AggregateError` that are shown. */
const shownParts = 3

const longestName = 100

/** A proxy, a getter or a method of the user's may throw. */
const attempt = <A>(f: () => A): A | undefined => {
  try {
    return f()
  } catch {
    return undefined
  }
}

const read = (value: object, key: string): unknown => attempt(() => (value as Record<string, unknown>)[key])

const text = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && attempt(() => Redacted.isRedacted(value)) !== true

/** Returns the error of a cause, and any other value as it is. */
const unwrapped = (value: unknown): unknown => {
  try {
    return Cause.isCause(value) ? Cause.squash(value) : value
  } catch {
    return value
  }
}

/** The text of a number beyond this is a burden. */
const largest = 10n ** 30n

const primitive = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return value === "" ? "\"\"" : line(value)
    case "bigint":
      return value > largest || value < -largest ? "a large bigint" : String(value)
    case "function":
      return line(["a function", text(read(value, "name"))].filter(Boolean).join(" "), longestName)
    case "object":
      return value === null ? "null" : "<redacted>"
    default:
      return line(String(value))
  }
}

const nameOf = (error: object): string => {
  const tag = text(read(error, "_tag"))
  if (tag !== undefined) return tag
  const name = text(read(error, "name"))
  const constructor = read(error, "constructor")
  const ofClass = typeof constructor === "function" ? text(read(constructor, "name")) : undefined
  // A subclass of `Error` rarely sets its name.
  if (name !== undefined && name !== "Error") return name
  if (ofClass !== undefined && ofClass !== "Object") return ofClass
  return name ?? text(read(error, "code")) ?? "an object"
}

const messageOf = (error: object): string => {
  const message = read(error, "message")
  return message === undefined || message === "" || isObject(message) ? "" : primitive(message)
}

const partsOf = (error: object, depth: number): string => {
  const errors = read(error, "errors")
  const count = attempt(() => Array.isArray(errors) ? errors.length : 0) ?? 0
  if (count === 0) return ""
  const shown = Array.from(
    { length: Math.min(count, shownParts) },
    (_, i) => textOf(read(errors as object, String(i)), depth + 1)
  )
  return `[${shown.join("; ")}${count > shownParts ? `; and ${count - shownParts} more` : ""}]`
}

const causeOf = (error: object, message: string, depth: number): string => {
  const cause = read(error, "cause")
  if (cause === undefined || cause === null || cause === error) return ""
  const shown = textOf(cause, depth + 1)
  return message.includes(shown.replace(/\.$/, "")) ? "" : `(cause: ${shown})`
}

const describedAt = (error: object, depth: number): Described => {
  const message = messageOf(error)
  const within = depth < deepest ? [partsOf(error, depth), causeOf(error, message, depth)] : []
  return {
    name: line(nameOf(error), longestName),
    message: clip([message, ...within].filter(Boolean).join(" "))
  }
}

const textOf = (value: unknown, depth: number): string => {
  const error = unwrapped(value)
  if (!isObject(error)) return primitive(error)
  const { message, name } = describedAt(error, depth)
  return clip(message === "" ? name : `${name}: ${message}`)
}

/** Returns the name and message of any value that the user's code failed with, as part of one line. */
export const describeError = (error: unknown): string => textOf(error, 0)

/** The form of any value in JSON: itself if it is plain, otherwise its text, or the name and message of an object. */
export const toJson = (value: unknown): string | number | boolean | null | Described => {
  const error = unwrapped(value)
  if (error === null || typeof error === "boolean" || Number.isFinite(error)) return error as null | boolean | number
  if (error === "") return ""
  return isObject(error) ? describedAt(error, 0) : primitive(error)
}

/** Returns an `Error` with the name, the message and the origin of any value, which every logger can print. */
const printable = (value: unknown): Error => {
  const error = unwrapped(value)
  const { message, name } = isObject(error) ? describedAt(error, 0) : { name: "Error", message: primitive(error) }
  const stack = isObject(error) ? text(read(error, "stack")) : undefined
  const frames = (stack ?? "").slice(0, 10_000).split("\n").filter((frame) => /^\s+at /.test(frame)).slice(0, 20)
  const shown = new Error(message)
  shown.name = name
  shown.stack = [`${name}: ${message}`, ...frames.map((frame) => `    ${line(frame.trim())}`)].join("\n")
  return shown
}

/** Returns a cause that every logger can print, whatever the user's code failed with. */
export const printableCause = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => mapErrors(cause, printable)

/** Returns the holder of a lease and the time held so far. */
export const holderOf = (lease: Lease<any>, now: number): LeaseHolder => {
  const { holder, span: given } = lease
  const fiber = nameOfHolder(holder)
  const heldMillis = Math.round(now - lease.since)
  const span = holder instanceof Caller ? holder.label : given?._tag === "Span" ? spanLabel(given) : undefined
  return span === undefined ? { fiber, heldMillis } : { fiber, span, heldMillis }
}

export const describeHolder = ({ fiber, heldMillis, span }: LeaseHolder): string => {
  const isFiber = fiber.startsWith("#")
  const name = span === undefined ? "" : ` ${isFiber ? "in span" : "called"} ${quoted(span)}`
  return `${isFiber ? "fiber " : ""}${line(fiber)}${name} for ${heldMillis} ms`
}
