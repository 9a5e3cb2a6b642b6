/** The decoders of `Connection` and of framings. */
import type { ByteBuffer } from "../ByteBuffer.js"
import { type Decoder, Malformed, TooLarge } from "../Decoder.js"

/** Takes the bytes that have come, at least 1 and at most `bytes`. */
export const atMost = (bytes: number): Decoder<Uint8Array> => ({
  decode: (buffer) => buffer.length === 0 ? undefined : buffer.take(Math.min(buffer.length, bytes))
})

/** Takes exactly `bytes` bytes. */
export const exactly = (bytes: number): Decoder<Uint8Array> => ({
  decode: (buffer) => buffer.length < bytes ? undefined : buffer.take(bytes)
})

/** Takes bytes up to and including a delimiter, at most `maxBytes`. */
export const until = (delimiter: Uint8Array, maxBytes: number): Decoder<Uint8Array> =>
  upTo(delimiter, maxBytes, (bytes, end) => bytes.take(end))

/**
 * Finds a delimiter that ends within `maxBytes`, and takes a frame with it. Looks at each byte once, in however many
 * chunks.
 */
export const upTo = (
  delimiter: Uint8Array,
  maxBytes: number,
  /** `end` is the position behind the delimiter. */
  take: (bytes: ByteBuffer, end: number) => Uint8Array | TooLarge
): Decoder<Uint8Array> => {
  let looked = 0
  return {
    decode: (bytes) => {
      const end = bytes.endOf(delimiter, looked)
      if (end > maxBytes) return TooLarge
      if (end >= 0) return take(bytes, end)
      if (bytes.length >= maxBytes) return TooLarge
      looked = Math.max(0, bytes.length - delimiter.length + 1)
      return undefined
    }
  }
}

type MakeParser<A> = (emit: (frame: A) => void, fail: () => void) => (bytes: Uint8Array) => void

/** A push parser for one frame, and its answer. */
class Parse<A> {
  answer: { readonly frame: A } | "Malformed" | undefined = undefined
  private readonly push: (bytes: Uint8Array) => void

  constructor(make: MakeParser<A>) {
    this.push = make(
      (frame) => (this.answer ??= { frame }),
      () => (this.answer ??= "Malformed")
    )
  }

  /** Returns whether the frame has ended, or never will. */
  feed(bytes: Uint8Array): boolean {
    if (this.answer === undefined && bytes.length > 0) this.push(bytes)
    return this.answer !== undefined
  }
}

/** The first piece that a parser is given of bytes that may hold more than its frame; the next are twice as long. */
const firstPiece = 32

/**
 * A decoder over a push parser, which does not tell where its frame ended. Mostly the frame ends with the bytes that
 * have come: so the last byte is fed alone. Otherwise the end is between two pieces, and a search by halves, with fresh
 * parsers, finds it.
 */
export const pushed = <A>(make: MakeParser<A>, maxBytes: number): Decoder<A> => {
  let parse = new Parse(make)
  let fed = 0
  const begins = (bytes: ByteBuffer, end: number): boolean => new Parse(make).feed(bytes.copy(0, end))
  return {
    decode: (bytes) => {
      const limit = Math.min(bytes.length, maxBytes)
      let piece = firstPiece
      while (fed < limit) {
        const next = fed < limit - 1 ? Math.min(fed + piece, limit - 1) : limit
        const before = fed
        piece *= 2
        fed = next
        if (!parse.feed(bytes.copy(before, next))) continue
        const { answer } = parse
        let low = before + 1
        let high = next
        while (low < high) {
          const middle = Math.floor((low + high) / 2)
          if (begins(bytes, middle)) high = middle
          else low = middle + 1
        }
        parse = new Parse(make)
        fed = 0
        if (answer === "Malformed") return Malformed
        bytes.skip(high)
        return answer!.frame
      }
      return bytes.length > maxBytes ? TooLarge : undefined
    }
  }
}
