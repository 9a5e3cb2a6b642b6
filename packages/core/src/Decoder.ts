/**
 * Decoders: how a read finds one frame in a stream of bytes.
 *
 * @since 3.0.0
 */
import type { ByteBuffer } from "./ByteBuffer.js"

/**
 * The answer of a decoder that has found a frame larger than allowed.
 *
 * @since 3.0.0
 * @category symbols
 */
export const TooLarge: unique symbol = Symbol.for("@socketpool/core/Framing/TooLarge")

/**
 * @since 3.0.0
 * @category symbols
 */
export type TooLarge = typeof TooLarge

/**
 * The answer of a decoder that has found bytes that are no frame.
 *
 * @since 3.0.0
 * @category symbols
 */
export const Malformed: unique symbol = Symbol.for("@socketpool/core/Framing/Malformed")

/**
 * @since 3.0.0
 * @category symbols
 */
export type Malformed = typeof Malformed

/**
 * Finds one frame. A read asks it again whenever more bytes have come, so it may remember how far it has looked.
 *
 * @since 3.0.0
 * @category models
 */
export interface Decoder<out A> {
  /**
   * Takes one frame from the front of the bytes.
   *
   * Return `undefined` if the frame has not come whole; take nothing then. Return `TooLarge` if it is larger than
   * allowed, as soon as its size is known and before its bytes have come; the read then fails with `ConnectionError`
   * reason `TooLarge`. Return `Malformed` if the bytes can never become a frame; the read fails with reason `Desync`.
   */
  readonly decode: (bytes: ByteBuffer) => A | TooLarge | Malformed | undefined
}
