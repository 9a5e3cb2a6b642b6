/** The decoders of `Connection` and of framings. */
import { type Decoder, TooLarge } from "../Decoder.js"

/** Takes the bytes that have come, at least 1 and at most `bytes`. */
export const atMost = (bytes: number): Decoder<Uint8Array> => ({
  decode: (buffer) => buffer.length === 0 ? undefined : buffer.take(Math.min(buffer.length, bytes))
})

/** Takes exactly `bytes` bytes. */
export const exactly = (bytes: number): Decoder<Uint8Array> => ({
  decode: (buffer) => buffer.length < bytes ? undefined : buffer.take(bytes)
})

/** Takes bytes up to and including a delimiter, at most `maxBytes`. Looks at each byte once, in however many chunks. */
export const until = (delimiter: Uint8Array, maxBytes: number): Decoder<Uint8Array> => {
  let looked = 0
  return {
    decode: (bytes) => {
      const end = bytes.endOf(delimiter, looked)
      if (end > maxBytes) return TooLarge
      if (end >= 0) return bytes.take(end)
      if (bytes.length >= maxBytes) return TooLarge
      looked = Math.max(0, bytes.length - delimiter.length + 1)
      return undefined
    }
  }
}
