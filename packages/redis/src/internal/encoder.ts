/** Replies as bytes of RESP, for the server of tests. */
import { Buffer } from "node:buffer"
import type { BytesReply } from "../RedisClient.js"
import { isRedisError } from "../RedisError.js"

const crlf = Buffer.of(13, 10)

const bulk = (bytes: Uint8Array): Uint8Array => Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, crlf])

const line = (text: string): Uint8Array => Buffer.from(`${text.replace(/[\r\n]+/g, " ")}\r\n`)

const doubleOf = (value: number): string =>
  Number.isNaN(value) ? "nan" : value === Infinity ? "inf" : value === -Infinity ? "-inf" : String(value)

const many = (type: string, items: ReadonlyArray<BytesReply>, encode: (reply: BytesReply) => Uint8Array): Uint8Array =>
  Buffer.concat([line(type + items.length), ...items.map((item) => encode(item))])

export const encodeReply = (reply: BytesReply): Uint8Array => {
  switch (typeof reply) {
    case "string":
      return bulk(Buffer.from(reply))
    case "number":
      return Number.isSafeInteger(reply) ? line(`:${reply}`) : line(`,${doubleOf(reply)}`)
    case "bigint":
      return line(`(${reply}`)
    case "boolean":
      return line(reply ? "#t" : "#f")
    default:
  }
  if (reply === null) return line("_")
  if (reply instanceof Uint8Array) return bulk(reply)
  if (isRedisError(reply)) return line(`-${reply.code} ${reply.detail}`)
  if (reply instanceof Map) {
    return Buffer.concat([line(`%${reply.size}`), ...[...reply].flat().map((item) => encodeReply(item))])
  }
  if (reply instanceof Set) return many("~", [...reply], encodeReply)
  if (Array.isArray(reply)) return many("*", reply, encodeReply)
  throw new TypeError(
    "A handler must return a reply: a text, bytes, a number, true, false, null, a RedisError, or an " +
      "array, a Map or a Set of replies"
  )
}

/** The same in version 2, which has texts, integers, arrays and null only. */
export const encodeReply2 = (reply: BytesReply): Uint8Array => {
  if (reply === null) return line("$-1")
  if (typeof reply === "boolean") return line(reply ? ":1" : ":0")
  if (typeof reply === "bigint" || (typeof reply === "number" && !Number.isSafeInteger(reply))) {
    return encodeReply(typeof reply === "bigint" ? String(reply) : doubleOf(reply))
  }
  if (reply instanceof Map) return many("*", [...reply].flat(), encodeReply2)
  if (reply instanceof Set) return many("*", [...reply], encodeReply2)
  return Array.isArray(reply) ? many("*", reply, encodeReply2) : encodeReply(reply)
}

/** A message that answers no command. */
export const encodePush = (items: ReadonlyArray<BytesReply>): Uint8Array => many(">", items, encodeReply)
