/** Requests become bytes before they wait in the queue of a session. */
import * as Duration from "effect/Duration"
import type { FramingError } from "../../Framing.js"
import { isFramingError } from "../framingError.js"
import type { Pending } from "./pending.js"
import type { Rules } from "./rules.js"

/** A request, ready to be sent. */
export interface Encoded {
  readonly bytes: Uint8Array | string
  readonly tag: unknown
  /** The longest silence of the peer while it works on it, in milliseconds. */
  readonly silence: number
  /** The number of messages that answer it. */
  readonly replies: number
}

/** Makes a request ready that nothing answers, or returns the reason why it cannot be sent. */
export const encodeTold = (rules: Rules, request: unknown): Encoded | FramingError => {
  const frame = rules._tag === "InOrder" ? request : untagged(rules.untagged, request)
  const bytes = bytesOf(rules, frame)
  return isFramingError(bytes) ? bytes : { bytes, tag: undefined, silence: 0, replies: 0 }
}

/** Makes a request ready, with a tag of its own if the protocol has tags, or returns the reason why it cannot be sent. */
export const encodeAsked = (rules: Rules, pending: Pending, request: unknown): Encoded | FramingError => {
  const replies = repliesTo(rules, request)
  const silence = rules.silence === undefined ? undefined : rules.silence(request)
  const tag = pending.tag()
  let bytes: Uint8Array | string | FramingError | undefined
  try {
    bytes = bytesOf(rules, pending.frameOf(tag, request))
  } finally {
    if (bytes === undefined || isFramingError(bytes)) pending.release(tag)
  }
  if (isFramingError(bytes)) return bytes
  return { bytes, tag, silence: silence === undefined ? 0 : Duration.toMillis(silence), replies }
}

const bytesOf = (rules: Rules, frame: any): Uint8Array | string | FramingError =>
  rules.framing.encode(frame) as Uint8Array | string | FramingError

/** The number of messages that answer a request. */
const repliesTo = (rules: Rules, request: unknown): number => {
  if (rules._tag === "Tagged" || rules.replies === undefined) return 1
  const replies = rules.replies(request)
  if (Number.isSafeInteger(replies) && (replies as number) >= 0) return replies as number
  throw new RangeError(`Protocol.inOrder: replies must return a whole number of at least 0, but returned ${replies}`)
}

const untagged = (encode: ((request: any) => unknown) | undefined, request: unknown): unknown => {
  if (encode === undefined) throw new TypeError("Protocol.tagged: tell needs the option untagged")
  return encode(request)
}
