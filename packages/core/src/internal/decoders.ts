/** The decoders of `Connection` and of framings. */
import type { ByteBuffer } from "../ByteBuffer.js"
import { type Decoder, TooLarge } from "../Decoder.js"

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
