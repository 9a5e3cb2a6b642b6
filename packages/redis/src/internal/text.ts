/** UTF-8 on Node's own fast paths. */
import { Buffer } from "node:buffer"

/** So few characters are decoded one by one in less time than a call into the runtime takes. */
const fewBytes = 24

export const decodeText = (bytes: Uint8Array): string => {
  const { length } = bytes
  if (length <= fewBytes) {
    let text = ""
    let at = 0
    for (; at < length; at++) {
      const byte = bytes[at]!
      if (byte > 127) break
      text += String.fromCharCode(byte)
    }
    if (at === length) return text
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("utf8")
}

/** The size of a text in UTF-8. */
export const sizeOf = (text: string): number => {
  const { length } = text
  if (length > fewBytes) return Buffer.byteLength(text)
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) > 127) return Buffer.byteLength(text)
  return length
}
