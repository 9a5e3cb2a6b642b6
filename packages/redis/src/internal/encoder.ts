/** Replies as bytes of RESP, version 3, for the server of tests. */
import { Buffer } from "node:buffer"
import type { BytesReply } from "../RedisClient.js"
import { isRedisError } from "../RedisError.js"

const crlf = Buffer.of(13, 10)

const bulk = (bytes: Uint8Array): Uint8Array => Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, crlf])

const line = (text: string): Uint8Array => Buffer.from(`${text.replace(/[\r\n]+/g, " ")}\r\n`)

const doubleOf = (value: number): string =>
  Number.isNaN(value) ? "nan" : value === Infinity ? "inf" : value === -Infinity ? "-inf" : String(value)

const many = (type: string, count: number, items: Iterable<BytesReply>): Uint8Array =>
  Buffer.concat([line(type + count), ...Array.from(items, encodeReply)])

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
  if (reply instanceof Map) return many("%", reply.size, [...reply].flat())
  if (reply instanceof Set) return many("~", reply.size, reply)
  if (Array.isArray(reply)) return many("*", reply.length, reply)
  throw new TypeError(
    "A handler must return a reply: a text, bytes, a number, true, false, null, a RedisError, or an " +
      "array, a Map or a Set of replies"
  )
}

/** A message that answers no command. */
export const encodePush = (items: ReadonlyArray<BytesReply>): Uint8Array => many(">", items.length, items)
