/** Bytes as they are sent, and as errors show them. */

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

/** The pieces as one array of this size. */
export const concat = (pieces: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const whole = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
