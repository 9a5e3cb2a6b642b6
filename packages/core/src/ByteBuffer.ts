/**
 * The bytes that have arrived and were not read yet, as a decoder sees them.
 *
 * @since 3.0.0
 */
import { ByteQueue, detached } from "./internal/byteQueue.js"

/**
 * A queue of bytes that a decoder takes frames from. It keeps bytes in the chunks in which they came, as long as those
 * are large.
 *
 * @since 3.0.0
 * @category models
 */
export interface ByteBuffer {
  /** The number of bytes. */
  readonly length: number

  /** Returns the byte at a position, `undefined` if it has not come. Meant for the few bytes at the front. */
  at(position: number): number | undefined

  /** Copies the bytes from one position up to another, and takes none. Throws a `RangeError` if there are fewer. */
  copy(from: number, to: number): Uint8Array

  /**
   * Takes exactly this many bytes from the front. Throws a `RangeError` if there are fewer. Copies bytes that span
   * chunks, and those that are less than a quarter of their chunk: who keeps them does not keep the chunk.
   */
  take(bytes: number): Uint8Array

  /**
   * Takes exactly this many bytes from the front, and returns what `f` makes of them. `f` gets a chunk, and where the
   * bytes begin and end in it: nothing is copied, unless they span chunks. Use it where `take` would copy bytes that
   * become something else at once, such as a text. The chunk may hold other bytes, and must not be changed. Pass `keep`
   * what is to outlive the call. Throws a `RangeError` if there are fewer bytes.
   */
  takeWith<A>(bytes: number, f: (chunk: Uint8Array, start: number, end: number) => A): A

  /** Drops exactly this many bytes from the front. Throws a `RangeError` if there are fewer. */
  skip(bytes: number): void

  /**
   * Returns the position behind a delimiter that begins at `from` or later, -1 if it has not come whole. Copies nothing
   * and looks only behind `from`, so that a frame in many small chunks costs no more than one in a few.
   */
  endOf(delimiter: Uint8Array, from: number): number
}

/**
 * Makes a buffer of chunks. Use it to test a decoder of your own.
 *
 * @example
 * ```ts
 * import { ByteBuffer, Framing } from "@socketpool/core"
 *
 * const bytes = ByteBuffer.make(Uint8Array.of(2, 104), Uint8Array.of(105))
 * const frame = Framing.lengthPrefixed({ bytes: 1 }).decoder().decode(bytes) // the bytes of "hi"
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = (...chunks: ReadonlyArray<Uint8Array>): ByteBuffer => {
  const bytes = new ByteQueue()
  for (const chunk of chunks) bytes.push(chunk)
  return bytes
}

/**
 * Returns bytes of a chunk as a `Uint8Array` that a program can keep. A part that is less than a quarter of the chunk is
 * copied, so that the chunk is not kept with it. A larger part is a view.
 *
 * Use it in the function that `takeWith` calls.
 *
 * @example
 * ```ts
 * import { ByteBuffer, type Framing } from "@socketpool/core"
 *
 * // Three letters, and 16 bytes.
 * const records: Framing.Decoder<{ readonly kind: string; readonly body: Uint8Array }> = {
 *   decode: (bytes) =>
 *     bytes.length < 19 ? undefined : bytes.takeWith(19, (chunk, start, end) => ({
 *       kind: String.fromCharCode(...chunk.subarray(start, start + 3)),
 *       body: ByteBuffer.keep(chunk, start + 3, end)
 *     }))
 * }
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const keep: (chunk: Uint8Array, start: number, end: number) => Uint8Array = detached
