/**
 * The failures of calls.
 *
 * @since 3.0.0
 */
import * as Data from "effect/Data"
import { inOneLine } from "./internal/text.js"

/**
 * The server has answered a call with an error. The connection is in order.
 *
 * @since 3.0.0
 * @category errors
 */
export class RpcError extends Data.TaggedError("RpcError")<{
  readonly method: string
  /** The error as the server sent it: of any type, and never `null`. It may be falsy, such as `false` or `""`. */
  readonly error: unknown
}> {
  override get message(): string {
    return `The server answered the call of ${inOneLine(this.method)} with an error: ${inOneLine(this.error)}`
  }
}

/**
 * An answer has come whole, but one of its values cannot be decoded, such as one of an extension type that nobody has
 * registered with `addExtension` of msgpackr. The call may have had its effect. The connection is in order.
 *
 * @since 3.0.0
 * @category errors
 */
export class DecodingError extends Data.TaggedError("DecodingError")<{
  readonly method: string
  /** The reason, as msgpackr gives it. */
  readonly cause: unknown
}> {
  override get message(): string {
    return `The answer to ${inOneLine(this.method)} has a value that cannot be decoded: ${inOneLine(this.cause)}`
  }
}
