/** What one read asks of the bytes that have come. */
import type { ReadBuffer } from "./readBuffer.js"

/** `undefined`: not yet. `"TooLarge"`: never, however much comes. */
export type Answer = Uint8Array | "TooLarge" | undefined

export interface Demand {
  take(buffer: ReadBuffer): Answer
}

/** Whatever has come, up to a limit. */
export const atMost = (bytes: number): Demand => ({
  take: (buffer) => buffer.length === 0 ? undefined : buffer.take(Math.min(buffer.length, bytes))
})

export const exactly = (bytes: number): Demand => ({
  take: (buffer) => buffer.length < bytes ? undefined : buffer.take(bytes)
})

/** Up to and including a delimiter. Each byte is looked at once, however many chunks it takes. */
export const until = (delimiter: Uint8Array, maxBytes: number): Demand => {
  let scanned = 0
  return {
    take: (buffer) => {
      const end = buffer.endOf(delimiter, scanned)
      if (end > maxBytes) return "TooLarge"
      if (end >= 0) return buffer.take(end)
      if (buffer.length >= maxBytes) return "TooLarge"
      scanned = Math.max(0, buffer.length - delimiter.length + 1)
      return undefined
    }
  }
}
