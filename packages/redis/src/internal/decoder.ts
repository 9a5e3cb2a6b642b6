/**
 * The decoder of RESP, versions 2 and 3.
 *
 * It takes the bytes of a frame as they come and keeps the values that are whole, so that a large array in many chunks
 * costs no more than in one. A session has one reader, which never gives up within a frame.
 */
import type { ByteBuffer } from "@socketpool/core/ByteBuffer"
import { type Decoder, Malformed, TooLarge } from "@socketpool/core/Decoder"
import { ErrorReply, MapReply, type Message, PushReply, SetReply } from "./message.js"
import { decodeText, viewOf } from "./text.js"

/** The deepest nesting of arrays, maps and the like. */
export const maxDepth = 64

/** The most digits of a number of any size: reading one takes time that grows faster than its length. */
export const maxDigits = 4_096

/** The most bytes of a line that says a length or a 64-bit number, with its type and its end. */
const maxNumberLine = 24

/** The most characters of a line that is read byte by byte. */
const briefText = 16

const crlf = Uint8Array.of(13, 10)

const code = (character: string): number => character.charCodeAt(0)

const type = {
  simple: code("+"),
  error: code("-"),
  integer: code(":"),
  bulk: code("$"),
  array: code("*"),
  null: code("_"),
  double: code(","),
  boolean: code("#"),
  blobError: code("!"),
  verbatim: code("="),
  big: code("("),
  map: code("%"),
  set: code("~"),
  attribute: code("|"),
  push: code(">")
}

const known: ReadonlySet<number> = new Set(Object.values(type))

/** An aggregate that is not whole. */
class Open {
  readonly items: Array<Message> = []

  constructor(readonly type: number, public left: number) {}

  get value(): Message {
    switch (this.type) {
      case type.map:
        return new MapReply(this.items)
      case type.set:
        return new SetReply(this.items)
      case type.push:
        return new PushReply(this.items)
      default:
        return this.items
    }
  }
}

/** Not whole; `undefined` could not be told from a value of an array. */
type Unfinished = undefined

/** The value belongs to no frame: an attribute has ended, or an aggregate has begun. */
const nothing = Symbol("nothing")

type Token = Message | Unfinished | typeof nothing | TooLarge | Malformed

export class ReplyDecoder implements Decoder<Message> {
  /** The bytes of this frame that have been taken. */
  private taken = 0
  /** The position at which the search for the end of a line goes on. */
  private looked = 0
  /** The type and the length of a body whose header has been taken. */
  private bodyType = 0
  private bodyLength = 0
  private stack: Array<Open> | undefined = undefined

  constructor(private readonly maxBytes: number) {}

  decode(bytes: ByteBuffer): Message | TooLarge | Malformed | undefined {
    for (;;) {
      const token = this.bodyType === 0 ? this.line(bytes) : this.body(bytes)
      if (token === undefined || token === TooLarge || token === Malformed) return token
      if (token === nothing) continue
      const whole = this.stack === undefined ? token : this.deliver(token)
      if (whole === undefined) continue
      this.taken = 0
      return whole
    }
  }

  /** Puts a value into its aggregate. Returns the frame if it is whole. */
  private deliver(value: Message): Message | undefined {
    const stack = this.stack!
    let whole = value
    for (;;) {
      const open = stack[stack.length - 1]
      if (open === undefined) {
        this.stack = undefined
        return whole
      }
      open.items.push(whole)
      if (--open.left > 0) return undefined
      stack.pop()
      if (open.type === type.attribute) {
        if (stack.length === 0) this.stack = undefined
        return undefined
      }
      whole = open.value
    }
  }

  /** Takes the next line, which is a value or begins one. */
  private line(bytes: ByteBuffer): Token {
    const first = bytes.at(0)
    if (first === undefined) return undefined
    switch (first) {
      case type.bulk:
      case type.blobError:
      case type.verbatim:
      case type.integer:
      case type.array:
      case type.map:
      case type.set:
      case type.push:
      case type.attribute:
        return this.numbered(bytes, first)
      default:
        return known.has(first) ? this.worded(bytes, first) : Malformed
    }
  }

  /** A line with a length or a 64-bit number. */
  private numbered(bytes: ByteBuffer, first: number): Token {
    let at = 1
    let byte = bytes.at(1)
    const isNegative = byte === 45
    if (isNegative || (byte === 43 && first === type.integer)) byte = bytes.at(++at)
    const start = at
    let value = 0
    for (; byte !== undefined && byte >= 48 && byte <= 57; byte = bytes.at(++at)) {
      value = value * 10 + (byte - 48)
      if (at > maxNumberLine) return Malformed
    }
    if (byte === undefined) return undefined
    if (byte !== 13 || at === start) return Malformed
    const last = bytes.at(at + 1)
    if (last === undefined) return undefined
    if (last !== 10) return Malformed
    const size = at + 2
    if (this.taken + size > this.maxBytes) return TooLarge
    if (first === type.integer) {
      const exact = Number.isSafeInteger(value) ? undefined : BigInt(decodeText(bytes.copy(start, at), 0, at - start))
      this.take(bytes, size)
      if (exact !== undefined) return isNegative ? -exact : exact
      return isNegative && value !== 0 ? -value : value
    }
    if (isNegative) {
      if (value !== 1 || (first !== type.bulk && first !== type.array)) return Malformed
      this.take(bytes, size)
      return null
    }
    return first === type.bulk || first === type.blobError || first === type.verbatim
      ? this.beginBody(bytes, first, size, value)
      : this.open(bytes, first, size, value)
  }

  private beginBody(bytes: ByteBuffer, first: number, header: number, length: number): Token {
    if (this.taken + header + length + 2 > this.maxBytes) return TooLarge
    this.take(bytes, header)
    this.bodyType = first
    this.bodyLength = length
    return this.body(bytes)
  }

  private body(bytes: ByteBuffer): Token {
    const { bodyLength, bodyType } = this
    if (bytes.length < bodyLength + 2) return undefined
    this.taken += bodyLength + 2
    this.bodyType = 0
    const read = bodyType === type.bulk ? bulkIn : bodyType === type.blobError ? errorIn : textIn
    return bytes.takeWith<Token>(bodyLength + 2, read)
  }

  private open(bytes: ByteBuffer, first: number, header: number, count: number): Token {
    const items = first === type.map || first === type.attribute ? count * 2 : count
    // A value has at least three bytes, so that more of them than this cannot come.
    if (this.taken + header + items * 3 > this.maxBytes) return TooLarge
    const depth = this.stack?.length ?? 0
    if (depth >= maxDepth || (first === type.push && depth > 0)) return Malformed
    this.take(bytes, header)
    const open = new Open(first, items)
    if (items === 0) return first === type.attribute ? nothing : open.value
    if (this.stack === undefined) this.stack = [open]
    else this.stack.push(open)
    return nothing
  }

  /** Takes a short line of ASCII that has come whole, such as `+OK`. Anything else is left to the long way. */
  private brief(bytes: ByteBuffer): string | undefined {
    let text = ""
    for (let at = 1; at <= briefText; at++) {
      const byte = bytes.at(at)
      if (byte === undefined || byte > 127) return undefined
      if (byte === 13) {
        if (bytes.at(at + 1) !== 10 || this.taken + at + 2 > this.maxBytes) return undefined
        this.take(bytes, at + 2)
        return text
      }
      text += String.fromCharCode(byte)
    }
    return undefined
  }

  /** A line with a text or another value. */
  private worded(bytes: ByteBuffer, first: number): Token {
    const brief = this.looked === 0 ? this.brief(bytes) : undefined
    return brief === undefined ? this.long(bytes, first) : valueOf(first, brief)
  }

  private long(bytes: ByteBuffer, first: number): Token {
    const end = bytes.endOf(crlf, this.looked)
    const isBig = first === type.big
    const isText = first === type.simple || first === type.error
    const size = end < 0 ? bytes.length : end
    if (this.taken + size > this.maxBytes) return TooLarge
    if (!isText && size > maxDigits + 4) return isBig ? TooLarge : Malformed
    if (end < 0) {
      this.looked = Math.max(0, bytes.length - 1)
      return undefined
    }
    this.looked = 0
    this.taken += end
    return valueOf(first, bytes.takeWith(end, lineIn))
  }

  private take(bytes: ByteBuffer, size: number): void {
    bytes.skip(size)
    this.taken += size
  }
}

// The readers of bytes where they are.

/** The text of a line, without its type and its end. */
const lineIn = (chunk: Uint8Array, start: number, end: number): string => decodeText(chunk, start + 1, end - 2)

const isEnded = (chunk: Uint8Array, end: number): boolean => chunk[end - 2] === 13 && chunk[end - 1] === 10

/** The shape of a reply decides whether these become a text, or bytes that can be kept. */
const bulkIn = (chunk: Uint8Array, start: number, end: number): Uint8Array | Malformed =>
  isEnded(chunk, end) ? viewOf(chunk, start, end - 2) : Malformed

const errorIn = (chunk: Uint8Array, start: number, end: number): ErrorReply | Malformed =>
  isEnded(chunk, end) ? new ErrorReply(decodeText(chunk, start, end - 2)) : Malformed

/** Three letters and a colon say how the text is to be shown. */
const textIn = (chunk: Uint8Array, start: number, end: number): Uint8Array | Malformed =>
  isEnded(chunk, end) && end - start >= 6 && chunk[start + 3] === 58 ? viewOf(chunk, start + 4, end - 2) : Malformed

/** The value of a line without its type and its end. */
const valueOf = (first: number, text: string): Message | Malformed => {
  switch (first) {
    case type.simple:
      return text
    case type.error:
      return new ErrorReply(text)
    case type.null:
      return text === "" ? null : Malformed
    case type.boolean:
      return text === "t" ? true : text === "f" ? false : Malformed
    case type.big:
      return /^[+-]?\d+$/.test(text) ? bigOf(text) : Malformed
    default:
      return doubleOf(text)
  }
}

/** A plus sign is none of JavaScript's numbers of any size. */
const bigOf = (text: string): bigint => BigInt(text.startsWith("+") ? text.slice(1) : text)

const doubleOf = (text: string): number | Malformed => {
  if (text === "inf" || text === "+inf") return Infinity
  if (text === "-inf") return -Infinity
  if (text === "nan" || text === "-nan") return NaN
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Malformed
}
