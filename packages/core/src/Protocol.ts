/**
 * Protocols of requests and responses: how a response finds its request.
 *
 * A protocol says how messages are framed, and which request a message answers. `Session` and `Client` speak it over
 * connections, with many requests on one connection at once.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import { callback, having, optional } from "./checks/rules.js"
import { type Rows, Table } from "./checks/table.js"
import type { Framing } from "./Framing.js"
import { ProtocolImpl, type TagStore } from "./internal/protocol/rules.js"

/**
 * A protocol of requests and responses. A `Push` is a message of the peer that answers no request.
 *
 * Make it with `inOrder` or `tagged`.
 *
 * @since 3.0.0
 * @category models
 */
export interface Protocol<in Request, out Response, out Push = never> {
  readonly [TypeId]: {
    readonly _Request: (request: Request) => void
    readonly _Response: () => Response
    readonly _Push: () => Push
  }
}

/**
 * The brand of every protocol.
 *
 * @since 3.0.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("@socketpool/core/Protocol")

/**
 * @since 3.0.0
 * @category symbols
 */
export type TypeId = typeof TypeId

const framingRule = having<Framing<any, any>>("a Framing", "decoder", "encode")

/**
 * The options of `inOrder`.
 *
 * @since 3.0.0
 * @category models
 */
export interface InOrder<in Request, in out Message, out Push = never> {
  /** Frames the requests, and the messages of the peer. */
  readonly framing: Framing<Request, Message, Uint8Array | string>

  /**
   * Recognizes a message that answers no request, such as a push of RESP3. Return `Option.none()` for a response.
   * Default: every message is a response.
   */
  readonly push?: (message: Message) => Option.Option<Push>

  /**
   * Returns how long the peer may be silent while it works on a request, for one that takes longer than `stallTimeout`,
   * such as a blocking command. Return `undefined` for the others. Default: `stallTimeout` for all.
   */
  readonly silence?: (request: Request) => Duration.DurationInput | undefined
}

const inOrderOptions = new Table(
  {
    framing: framingRule,
    push: optional(callback),
    replies: optional(callback),
    silence: optional(callback)
  } satisfies Rows<InOrder<any, any> & { readonly replies?: unknown }>
)

/**
 * Makes a protocol whose responses come in the order of the requests, as in Redis, memcached and pipelined HTTP/1.1.
 *
 * `replies` says how many messages answer a request. Their array is the response, whole or not at all; the message
 * itself is the response where that is 1. With 0 the response is `undefined`, as soon as the request has been sent.
 * Default: 1 for every request. A wrong option throws a `RangeError`.
 *
 * @example
 * ```ts
 * import { Framing, Protocol } from "@socketpool/core"
 *
 * // One line asks, and one line answers.
 * const lines = Protocol.inOrder({ framing: Framing.strings(Framing.lines()) })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const inOrder: {
  <Request, Message, Push = never>(
    options: InOrder<Request, Message, Push> & { readonly replies?: never }
  ): Protocol<Request, Message, Push>
  <Request, Message, Push = never>(
    options: InOrder<Request, Message, Push> & { readonly replies: (request: Request) => number }
  ): Protocol<Request, Message | ReadonlyArray<Message> | undefined, Push>
} = (options: InOrder<any, any, any> & { readonly replies?: any }): Protocol<any, any, any> => {
  const { framing, push, replies, silence } = inOrderOptions.read("Protocol.inOrder", options)
  return new ProtocolImpl({ _tag: "InOrder", framing, push, replies, silence }) as unknown as Protocol<any, any, any>
}

/**
 * The options of `tagged`.
 *
 * @since 3.0.0
 * @category models
 */
export interface Tagged<in out Request, in out Message, in out Frame, in out Tag> {
  /** Frames the tagged requests, and the messages of the peer. */
  readonly framing: Framing<Frame, Message, Uint8Array | string>

  /** Puts a tag on a request. */
  readonly encode: (tag: Tag, request: Request) => Frame

  /**
   * Makes the frame of a request that nothing will answer, for `tell`: a notification, or the answer to a call of the
   * peer. Default: none, and `tell` is a defect.
   */
  readonly untagged?: (request: Request) => Frame

  /** Returns the tag of a response, and `Option.none()` for a message that answers no request: a push. */
  readonly tagOf: (message: Message) => Option.Option<Tag>

  /**
   * Makes the source of tags of one connection. A tag that is in flight, or whose response is still to come, is left
   * out. Default: whole numbers from 0 to 4,294,967,295, over and over. Use `numbers(65_535)` for a protocol whose tags
   * have 16 bits.
   */
  readonly tags?: () => Tags<Tag>

  /**
   * Returns how long the peer may be silent while it works on a request, for one that takes longer than `stallTimeout`,
   * such as a blocking command. Return `undefined` for the others. Default: `stallTimeout` for all.
   */
  readonly silence?: (request: Request) => Duration.DurationInput | undefined
}

/**
 * The source of the tags of one connection.
 *
 * @since 3.0.0
 * @category models
 */
export interface Tags<out Tag> {
  /** Returns the next tag. It must come to a new one before long. */
  readonly next: () => Tag
}

const taggedOptions = new Table(
  {
    framing: framingRule,
    encode: callback,
    untagged: optional(callback),
    tagOf: callback,
    tags: optional(callback),
    silence: optional(callback)
  } satisfies Rows<Tagged<any, any, any, any>>
)

/**
 * Makes a source of whole numbers from 0 to `highest`, over and over.
 *
 * @example
 * ```ts
 * import { Protocol } from "@socketpool/core"
 *
 * const tags = Protocol.numbers(65_535)
 * const first = tags().next() // 0
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const numbers = (highest: number): () => Tags<number> => () => {
  let next = 0
  return {
    next: () => {
      const tag = next
      next = tag >= highest ? 0 : tag + 1
      return tag
    }
  }
}

/**
 * Makes a protocol whose responses carry the tag of their request and may come in any order, as in MessagePack-RPC,
 * Modbus/TCP and Kafka. A message without a tag is a push. A wrong option throws a `RangeError`.
 *
 * @example
 * ```ts
 * import { Framing, Protocol } from "@socketpool/core"
 * import { Option } from "effect"
 *
 * // Modbus/TCP: a number of two bytes comes first in each frame.
 * const modbus = Protocol.tagged({
 *   framing: Framing.lengthPrefixed({ bytes: 2, offset: 4 }),
 *   encode: (tag: number, request: Uint8Array) => Uint8Array.of(tag >> 8, tag & 255, 0, 0, ...request),
 *   tagOf: (message) => Option.some(message[0]! << 8 | message[1]!),
 *   tags: Protocol.numbers(65_535)
 * })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const tagged = <Request, Message, Frame, Tag = number>(
  options: Tagged<Request, Message, Frame, Tag>
): Protocol<Request, Message, Message> => {
  const { encode, framing, silence, tagOf, tags, untagged } = taggedOptions.read("Protocol.tagged", options)
  return new ProtocolImpl({
    _tag: "Tagged",
    framing,
    encode,
    untagged,
    tagOf,
    silence,
    tags: (tags ?? numbers(4_294_967_295)) as () => TagStore
  }) as unknown as Protocol<Request, Message, Message>
}
