/** Bytes as they are sent, and as errors show them. */
import * as Utf8 from "../utf8.js"

/** The most bytes of a message that nobody understands that its error shows. */
export const shownBytes = 64

/** Bytes as text in which each byte can be seen. */
export const printable = (bytes: Uint8Array): string =>
  Array.from(
    bytes,
    (byte) => byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`
  ).join("")

/** A message that nobody had asked for, if it is one that can be shown. */
export const shown = (message: unknown): string | undefined =>
  message instanceof Uint8Array
    ? printable(message.subarray(0, shownBytes))
    : typeof message === "string"
    ? message.slice(0, shownBytes)
    : undefined

/** The requests that are sent at once. Texts are joined, and become bytes all together. */
export class Batch {
  /** The bytes, and the characters of texts. */
  size = 0
  private text = ""
  private readonly pieces: Array<Uint8Array> = []

  add(piece: Uint8Array | string): void {
    this.size += piece.length
    if (typeof piece === "string") {
      this.text += piece
      // With the next text's first character it could become one that neither has.
      if (isHighSurrogate(piece.charCodeAt(piece.length - 1))) this.endText()
    } else {
      this.endText()
      this.pieces.push(piece)
    }
  }

  private endText(): void {
    if (this.text !== "") this.pieces.push(Utf8.encode(this.text))
    this.text = ""
  }

  get whole(): Uint8Array | string {
    const { pieces } = this
    if (pieces.length === 0) return this.text
    this.endText()
    if (pieces.length === 1) return pieces[0]!
    const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdbff
