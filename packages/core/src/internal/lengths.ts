/** The formats of a length within a message. */
import type { ByteBuffer } from "../ByteBuffer.js"

/** `read` returns `undefined` if the field is incomplete, and `"Endless"` if it is longer than any may be. */
export interface LengthField {
  readonly read: (
    bytes: ByteBuffer,
    offset: number
  ) => { readonly width: number; readonly length: number } | "Endless" | undefined
  readonly write: (length: number) => Uint8Array
}

export const fixedWidth = (width: number, order: "big" | "little"): LengthField => {
  const place = (i: number) => 256 ** (order === "big" ? width - 1 - i : i)
  return {
    read: (bytes, offset) => {
      if (bytes.length < offset + width) return undefined
      let length = 0
      for (let i = 0; i < width; i++) length += bytes.at(offset + i)! * place(i)
      return { width, length }
    },
    write: (length) => Uint8Array.from({ length: width }, (_, i) => Math.floor(length / place(i)) % 256)
  }
}

export const maxVarint = 2 ** 32 - 1
const maxVarintWidth = 5

export const varint: LengthField = {
  read: (bytes, offset) => {
    let length = 0
    for (let width = 1; width <= maxVarintWidth; width++) {
      const byte = bytes.at(offset + width - 1)
      if (byte === undefined) return undefined
      length += (byte % 128) * 128 ** (width - 1)
      if (byte < 128) return { width, length }
    }
    return "Endless"
  },
  write: (length) => {
    const written: Array<number> = []
    for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) written.push(rest % 128 + 128)
    written.push(Math.floor(length / 128 ** written.length))
    return Uint8Array.from(written)
  }
}
