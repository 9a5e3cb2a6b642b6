/** Random replies of RESP, with the bytes of each and the two decoders of others that judge ours. */
import { ByteBuffer } from "@socketpool/core"
import type { Rng } from "@socketpool/testing"
import { createRequire } from "node:module"
import { ReplyDecoder } from "../src/internal/decoder.js"
import { ErrorReply, MapReply, type Message, PushReply, SetReply } from "../src/internal/message.js"

const require = createRequire(import.meta.url)

// --- Making them ----------------------------------------------------------------------------------------------------

const latin = (bytes: Buffer): string => bytes.toString("latin1")

const words: readonly [string, ...Array<string>] = ["OK", "", "QUEUED", "hello world", "user:42", "-1", "x".repeat(40)]

const bulk = (rng: Rng.Rng): string => {
  const size = rng.pick([0, 1, 2, 5, 24, 25, 100, 300])
  const bytes = Buffer.from(Array.from({ length: size }, () => rng.between(0, 255)))
  return `$${size}\r\n${latin(bytes)}\r\n`
}

const integer = (rng: Rng.Rng): string =>
  `:${rng.pick(["0", "-0", "-1", "42", "9007199254740991", "9007199254740993", "-9223372036854775808"])}\r\n`

/** One reply of version 2. */
export const version2 = (rng: Rng.Rng, depth = 0): string => {
  const kind = rng.between(0, depth > 3 ? 5 : 7)
  if (kind === 0) return `+${rng.pick(words)}\r\n`
  if (kind === 1) return `-ERR ${rng.pick(words)}\r\n`
  if (kind === 2) return integer(rng)
  if (kind < 5) return bulk(rng)
  if (kind === 5) return rng.pick(["$-1\r\n", "*-1\r\n", "*0\r\n"])
  const count = rng.between(0, 5)
  return `*${count}\r\n${Array.from({ length: count }, () => version2(rng, depth + 1)).join("")}`
}

/** One reply of version 3. Keys are texts: an object of the other decoder has no others. */
export const version3 = (rng: Rng.Rng, depth = 0): string => {
  const kind = rng.between(0, depth > 3 ? 7 : 12)
  if (kind === 0) return version2(rng, 4)
  if (kind === 1) return "_\r\n"
  if (kind === 2) return `#${rng.pick(["t", "f"])}\r\n`
  if (kind === 3) {
    return `,${rng.pick(["1.5", "-0.25", "10", "inf", "-inf", "nan", "1e21", "-1.7976931348623157e308"])}\r\n`
  }
  if (kind === 4) {
    return `(${rng.pick(["1", "-3492890328409238509324850943850943825024385", "123456789012345678901"])}\r\n`
  }
  if (kind === 5) return `=${4 + 5}\r\n${rng.pick(["txt", "mkd"])}:hello\r\n`
  if (kind === 6) return "!21\r\nSYNTAX invalid syntax\r\n"
  if (kind === 7) return bulk(rng)
  const count = rng.between(0, 4)
  const values = (n: number) => Array.from({ length: n }, () => version3(rng, depth + 1)).join("")
  if (kind < 10) return `*${count}\r\n${values(count)}`
  if (kind === 10) return `~${count}\r\n${values(count)}`
  return `%${count}\r\n${Array.from({ length: count }, (_, i) => `+key${i}\r\n${version3(rng, depth + 1)}`).join("")}`
}

/** A message that is no reply, in front of the next one. */
export const beside = (rng: Rng.Rng): string =>
  rng.pick([
    ">3\r\n+message\r\n$1\r\na\r\n$2\r\nhi\r\n",
    "|1\r\n+ttl\r\n:3600\r\n",
    "|0\r\n"
  ])

// --- Reading them ---------------------------------------------------------------------------------------------------

const hex = (bytes: Uint8Array | string): string =>
  `text ${Buffer.from(bytes as string, typeof bytes === "string" ? "utf8" : undefined).toString("hex")}`

/** One form for the values of all decoders. The others read neither numbers of 64 bits exactly nor a set as a set. */
const formOf = (value: any): unknown => {
  if (value === null || typeof value === "boolean") return value
  if (typeof value === "string" || value instanceof Uint8Array) return hex(value)
  if (typeof value === "number" || typeof value === "bigint") return `number ${(Number(value) + 0).toPrecision(14)}`
  if (value instanceof ErrorReply) return { error: value.text }
  if (value instanceof Error) return { error: value.message }
  if (value instanceof MapReply) {
    return { map: value.items.map((one, i) => i % 2 === 0 ? Buffer.from(one as string).toString() : formOf(one)) }
  }
  if (value instanceof SetReply) return value.items.map(formOf)
  if (value instanceof PushReply) return { push: value.items.map(formOf) }
  if (value instanceof Map) {
    return { map: [...value].flatMap(([key, one]) => [Buffer.from(key).toString(), formOf(one)]) }
  }
  return value.map(formOf)
}

/** Reads a stream with our decoder, which gets it in these pieces. */
export const ours = (
  pieces: ReadonlyArray<Uint8Array>,
  maxBytes = 1_000_000,
  form: (message: Message) => unknown = formOf
): ReadonlyArray<unknown> => {
  const bytes = ByteBuffer.make() as ByteBuffer.ByteBuffer & { push: (chunk: Uint8Array) => void }
  const found: Array<unknown> = []
  let decoder = new ReplyDecoder(maxBytes)
  for (const piece of pieces) {
    bytes.push(piece)
    for (;;) {
      const one = decoder.decode(bytes)
      if (one === undefined) break
      if (typeof one === "symbol") return [...found, one.description]
      found.push(form(one as Message))
      decoder = new ReplyDecoder(maxBytes)
    }
  }
  return bytes.length === 0 ? found : [...found, "unfinished"]
}

export const redisParser = (stream: Buffer): ReadonlyArray<unknown> => {
  const Parser = require("redis-parser")
  const found: Array<unknown> = []
  const note = (value: unknown) => void found.push(formOf(value))
  new Parser({ returnReply: note, returnError: note, returnBuffers: true }).execute(stream)
  return found
}

export const nodeRedis = (stream: Buffer): ReadonlyArray<unknown> => {
  const { Decoder, RESP_TYPES: types } = require("@redis/client/dist/lib/RESP/decoder.js")
  const found: Array<unknown> = []
  const note = (value: unknown) => void found.push(formOf(value))
  const mapping = {
    [types.BLOB_STRING]: Buffer,
    [types.VERBATIM_STRING]: Buffer,
    [types.MAP]: Map
  }
  new Decoder({
    onReply: note,
    onErrorReply: note,
    onPush: (items: ReadonlyArray<unknown>) => void found.push({ push: items.map(formOf) }),
    getTypeMapping: () => mapping
  }).write(stream)
  return found
}

/** The bytes of a command. */
export const writtenByNodeRedis = (words: ReadonlyArray<string | Uint8Array>): Buffer => {
  const encode = require("@redis/client/dist/lib/RESP/encoder.js").default
  return Buffer.concat(encode(words).map((part: string | Uint8Array) => Buffer.from(part as string)))
}
