/** Replies as callers get them. */
import { keep } from "@socketpool/core/ByteBuffer"
import { Buffer } from "node:buffer"
import type { BytesReply, Reply } from "../RedisClient.js"
import { RedisError } from "../RedisError.js"
import { ErrorReply, MapReply, type Message, PushReply, SetReply } from "./message.js"
import { decodeText } from "./text.js"

/** An unknown command is answered with its arguments, which may be secret. */
const withArguments = /,? with args beginning with:.*$/s

/** Control characters and ends of lines, which must not reach a log. */
const control = /[\p{Cc}\p{Zl}\p{Zp}]+/gu

export const errorOf = (reply: ErrorReply, command: string): RedisError => {
  const text = reply.text.replace(withArguments, "").replace(control, " ").trim().replace(/\.$/, "")
  const [code, ...words] = text.split(" ")
  return /^[A-Z][A-Z0-9_]*$/.test(code!)
    ? new RedisError({ code: code!, command, detail: words.join(" ") })
    : new RedisError({ code: "ERR", command, detail: text })
}

/** A reply whose texts are texts. */
export const textReply = (message: Message, command: string): Reply => replyOf(message, command, asText) as Reply

/** A reply whose texts are bytes, except those that can only be status texts. */
export const bytesReply = (message: Message, command: string): BytesReply => replyOf(message, command, kept)

const asText = (bytes: Uint8Array): string => decodeText(bytes, 0, bytes.length)

/** The decoder's views keep their chunks. */
const kept = (bytes: Uint8Array): Uint8Array => keep(bytes, 0, bytes.length)

const replyOf = (message: Message, command: string, bulk: (bytes: Uint8Array) => BytesReply): BytesReply => {
  if (message instanceof Uint8Array) return bulk(message)
  if (typeof message !== "object" || message === null) return message
  if (message instanceof ErrorReply) return errorOf(message, command)
  const one = (item: Message) => replyOf(item, command, bulk)
  if (message instanceof SetReply) return new Set(message.items.map(one))
  if (message instanceof MapReply) {
    const map = new Map<BytesReply, BytesReply>()
    // A key is a text also where values are bytes: two arrays of the same bytes are two keys.
    const { items } = message
    for (let at = 0; at < items.length; at += 2) map.set(replyOf(items[at]!, command, asText), one(items[at + 1]!))
    return map
  }
  return (message instanceof PushReply ? message.items : message).map(one)
}

// --- The shapes that commands are known to answer with --------------------------------------------------------------

/** Turns a reply into the value of a typed function. */
export type Shape<A> = (message: Message, command: string) => A

/** A server that answers otherwise speaks another language; no caller could go on. */
const unexpected = (message: Message, command: string, wanted: string): never => {
  const kind = message === null ? "null" : Array.isArray(message) ? "an array" : typeof message === "object" ?
    message.constructor.name :
    `a ${typeof message}`
  throw new TypeError(`The server answered ${command} with ${kind} in place of ${wanted}`)
}

export const text: Shape<string> = (message, command) =>
  message instanceof Uint8Array ? asText(message) : typeof message === "string" ?
    message :
    unexpected(message, command, "a text")

export const bytes: Shape<Uint8Array> = (message, command) =>
  message instanceof Uint8Array ? kept(message) : typeof message === "string" ?
    Buffer.from(message) :
    unexpected(message, command, "bytes")

export const orNull = <A>(shape: Shape<A>): Shape<A | null> => (message, command) =>
  message === null ? null : shape(message, command)

export const integer: Shape<number> = (message, command) => {
  if (typeof message === "number") return message
  if (typeof message !== "bigint") return unexpected(message, command, "a number")
  throw new RangeError(
    `The server answered ${command} with a number above 2 ** 53: use command("${command}", …), which returns a bigint`
  )
}

/** A double, which version 2 sends as a text. */
export const double: Shape<number> = (message, command) => {
  if (typeof message === "number") return message
  const given = text(message, command)
  return given === "inf" ? Infinity : given === "-inf" ? -Infinity : Number(given)
}

export const isOne: Shape<boolean> = (message, command) => integer(message, command) === 1

export const isOk: Shape<boolean> = (message) => message !== null

export const nothing: Shape<void> = () => undefined

export const listOf = <A>(shape: Shape<A>): Shape<Array<A>> => (message, command) => {
  const items = message instanceof SetReply ? message.items : message
  return Array.isArray(items)
    ? (items as ReadonlyArray<Message>).map((one) => shape(one, command))
    : unexpected(message, command, "an array")
}

export const texts = listOf(text)

/** Keys and values by turns: a map, or an array of version 2. */
export const pairs = <A>(shape: Shape<A>): Shape<Array<readonly [string, A]>> => (message, command) => {
  const items = message instanceof MapReply ? message.items : message
  if (!Array.isArray(items)) return unexpected(message, command, "a map")
  const found: Array<readonly [string, A]> = []
  for (let at = 0; at + 1 < items.length; at += 2) {
    found.push([text(items[at], command), shape(items[at + 1], command)])
  }
  return found
}

/** Own properties only: a field may have any name. */
export const recordOf: Shape<Record<string, string>> = (message, command) => {
  const record: Record<string, string> = Object.create(null)
  for (const [key, value] of pairs(text)(message, command)) record[key] = value
  return record
}

/** Members with their scores: pairs within an array, or by turns in version 2. */
export const scored: Shape<Array<{ readonly member: string; readonly score: number }>> = (message, command) => {
  if (Array.isArray(message) && Array.isArray(message[0])) {
    return listOf((one, command) => {
      const [member, score] = one as ReadonlyArray<Message>
      return { member: text(member!, command), score: double(score!, command) }
    })(message, command)
  }
  return pairs(double)(message, command).map(([member, score]) => ({ member, score }))
}
