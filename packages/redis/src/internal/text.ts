/** UTF-8 on Node's own fast paths. */
import { Buffer } from "node:buffer"

/** So few characters are decoded one by one in less time than a call into the runtime takes. */
const fewBytes = 24

/** The text of bytes of a chunk. Replaces invalid UTF-8 by U+FFFD. */
export const decodeText = (chunk: Uint8Array, start: number, end: number): string => {
  if (end - start <= fewBytes) {
    let text = ""
    let at = start
    for (; at < end; at++) {
      const byte = chunk[at]!
      if (byte > 127) break
      text += String.fromCharCode(byte)
    }
    if (at === end) return text
  }
  return Buffer.isBuffer(chunk) ? chunk.toString("utf8", start, end) : viewOf(chunk, start, end).toString("utf8")
}

/** Returns a view of bytes in a chunk. A program that keeps the view keeps the chunk. */
export const viewOf = (chunk: Uint8Array, start: number, end: number): Buffer =>
  Buffer.from(chunk.buffer, chunk.byteOffset + start, end - start)

/** The size of a text in UTF-8. */
export const sizeOf = (text: string): number => {
  const { length } = text
  if (length > fewBytes) return Buffer.byteLength(text)
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) > 127) return Buffer.byteLength(text)
  return length
}
