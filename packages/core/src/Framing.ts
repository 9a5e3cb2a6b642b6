/**
 * Frames over a byte stream: where one message ends and the next begins.
 *
 * `Framing.over(connection, framing)` sends and receives whole frames. `Framing.text` and `Framing.schema` turn frames
 * into the values that a program works with.
 *
 * @since 3.0.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as ParseResult from "effect/ParseResult"
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { ByteBuffer } from "./ByteBuffer.js"
import { bytes as bytesRule, callback, count, flag, having, oneOf, optional, orElse, that } from "./checks/rules.js"
import { argument, Table } from "./checks/table.js"
import type { Connection, OperationOptions } from "./Connection.js"
import type { ConnectionError } from "./ConnectionError.js"
import type { Decoder } from "./Decoder.js"
import { Malformed, TooLarge } from "./Decoder.js"
import { exactly, pushed, upTo } from "./internal/decoders.js"
import { decode, encode } from "./internal/effect/schema.js"
import { streamUntil } from "./internal/effect/stream.js"
import { isFramingError } from "./internal/framingError.js"
import * as Lengths from "./internal/lengths.js"
import { line } from "./internal/text.js"
import * as Utf8 from "./internal/utf8.js"

// --- Models ---------------------------------------------------------------------------------------------------------

export type {
  /**
   * Finds one frame in a stream of bytes.
   *
   * @since 3.0.0
   * @category models
   */
  Decoder
} from "./Decoder.js"

export {
  /**
   * The answer of a decoder that has found a frame larger than allowed.
   *
   * @since 3.0.0
   * @category symbols
   */
  TooLarge
} from "./Decoder.js"

export {
  /**
   * The answer of a decoder that has found bytes that are no frame.
   *
   * @since 3.0.0
   * @category symbols
   */
  Malformed
} from "./Decoder.js"

/**
 * The rule by which frames begin and end.
 *
 * `Sent` is what `encode` returns: bytes, or text, which is sent as UTF-8. Choose text for a protocol of texts that many
 * requests share a connection for: the texts of one turn become bytes all together, which costs less.
 *
 * @since 3.0.0
 * @category models
 */
export interface Framing<
  in In = Uint8Array | string,
  out Out = Uint8Array,
  out Sent extends Uint8Array | string = Uint8Array
> {
  /** Makes a decoder for the next frame. */
  readonly decoder: () => Decoder<Out>
  /** Returns the bytes or the text of a frame, or the reason why it cannot be one. */
  readonly encode: (frame: In) => Sent | FramingError
}

/**
 * Sends and receives whole frames over a connection, while the connection is leased.
 *
 * @since 3.0.0
 * @category models
 */
export interface Framed<in In = Uint8Array | string, out Out = Uint8Array, out E = never> extends Pipeable {
  /**
   * Sends one frame, as `Connection.send` does. Fails with `FramingError`, and sends nothing, if the peer could not
   * read the frame.
   */
  readonly send: (frame: In, options?: OperationOptions) => Effect.Effect<void, ConnectionError | FramingError | E>
  /** Receives the next frame. */
  readonly recv: Effect.Effect<Out, ConnectionError | E>
  /**
   * Sends all frames at once and receives as many, in order. Use it for a protocol that answers each request with one
   * frame: the requests cost one round trip together. It receives while it sends, so that a peer which stops reading
   * until its answers are read holds up nothing. Fails with `FramingError`, and sends nothing, if one frame cannot be
   * sent. After another failure or an interruption answers are on their way, and a pool closes the connection.
   */
  readonly pipeline: (
    frames: Iterable<In>,
    options?: OperationOptions
  ) => Effect.Effect<Array<Out>, ConnectionError | FramingError | E>
  /**
   * Receives frames until the peer ends the stream. An end within a frame is `ConnectionError` reason `EndOfStream`.
   */
  readonly stream: Stream.Stream<Out, ConnectionError | E>
}

// --- Errors ---------------------------------------------------------------------------------------------------------

/**
 * A frame cannot be sent; no part of it was.
 *
 * - `TooLarge`: it is longer than the framing's `maxBytes`.
 * - `ContainsDelimiter`: the peer would read it as several frames.
 * - `WrongSize`: it does not have the framing's fixed size, or is too short for the framing's length.
 *
 * @since 3.0.0
 * @category errors
 */
export class FramingError extends Data.TaggedError("FramingError")<{
  readonly reason: "TooLarge" | "ContainsDelimiter" | "WrongSize"
  /** The size of the frame in bytes. */
  readonly size: number
  /** The rule that it breaks, in words. */
  readonly rule: string
}> {
  override get message(): string {
    return `Cannot send a frame of ${this.size} bytes: ${line(this.rule)}.`
  }
}

// --- Framings -------------------------------------------------------------------------------------------------------

const defaultMaxBytes = 65_536
const newline = Utf8.encode("\n")
const carriageReturn = 13

const limited = new Table({ maxBytes: orElse(count(1), defaultMaxBytes) })

const ended = limited.with({ end: orElse(oneOf("\n", "\r\n"), "\r\n") })

const isInteger = (value: unknown): boolean => Number.isSafeInteger(value)

const prefixed = new Table(
  {
    bytes: oneOf(1, 2, 3, 4, "varint"),
    order: orElse(oneOf("big", "little"), "big"),
    offset: orElse(count(0), 0),
    adjust: orElse(that<number>(isInteger, "a whole number"), 0),
    includesItself: orElse(flag, false),
    maxBytes: optional(count(0))
  },
  [
    ({ bytes, includesItself }, refuse) => {
      if (includesItself && bytes === "varint") refuse("includesItself", true, "false for a varint")
    }
  ]
)

const bytesOf = (frame: Uint8Array | string): Uint8Array => typeof frame === "string" ? Utf8.encode(frame) : frame

const tooLarge = (size: number, maxBytes: number): FramingError =>
  new FramingError({ reason: "TooLarge", size, rule: `at most ${maxBytes} are allowed (maxBytes)` })

const concat = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/**
 * Makes a framing of frames that end with a delimiter. The delimiter is not part of the frame. A frame has at most
 * `maxBytes` bytes without it. Default: 65,536. A wrong option throws a `RangeError`.
 *
 * Sending a frame that contains the delimiter fails with `FramingError`, because the peer would read it as two.
 *
 * @example
 * ```ts
 * import { Framing } from "@socketpool/core"
 *
 * const records = Framing.delimited("\u001e", { maxBytes: 1_048_576 })
 * ```
 *
 * @since 3.0.0
 * @category framings
 */
export const delimited = (
  delimiter: Uint8Array | string,
  options: { readonly maxBytes?: number } = {}
): Framing => {
  const end = argument("Framing.delimited", "delimiter", bytesRule, delimiter)
  const { maxBytes } = limited.read("Framing.delimited", options)
  return {
    decoder: () =>
      upTo(end, maxBytes + end.length, (bytes, behind) => withoutEnd(bytes, behind - end.length, end.length)),
    encode: (frame) => {
      const bytes = bytesOf(frame)
      if (bytes.length > maxBytes) return tooLarge(bytes.length, maxBytes)
      const encoded = concat(bytes, end)
      return indexOf(encoded, end) < bytes.length ?
        new FramingError({ reason: "ContainsDelimiter", size: bytes.length, rule: "it holds the delimiter" }) :
        encoded
    }
  }
}

/** Takes a frame and drops its end. */
const withoutEnd = (bytes: ByteBuffer, size: number, width: number): Uint8Array => {
  const frame = bytes.take(size)
  bytes.skip(width)
  return frame
}

const indexOf = (bytes: Uint8Array, part: Uint8Array): number => {
  for (let at = bytes.indexOf(part[0]!); at >= 0; at = bytes.indexOf(part[0]!, at + 1)) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return at
  }
  return -1
}

/**
 * Makes a framing of lines. A received line ends with LF and comes without it, and without a CR before it. A sent line
 * ends with `end`, by default CR LF. A line has at most `maxBytes` bytes without its end. Default: 65,536. A wrong
 * option throws a `RangeError`.
 *
 * Sending a line that contains an LF fails with `FramingError`, so that input typed by a user cannot become a command.
 *
 * @example
 * ```ts
 * import { Framing, Pool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const ping = Pool.use((connection) => {
 *   const line = Framing.text(Framing.over(connection, Framing.lines()))
 *   return Effect.andThen(line.send("PING"), line.recv)
 * })
 * ```
 *
 * @since 3.0.0
 * @category framings
 */
export const lines = (options: { readonly maxBytes?: number; readonly end?: "\n" | "\r\n" } = {}): Framing => {
  const given = ended.read("Framing.lines", options)
  const { maxBytes } = given
  const end = Utf8.encode(given.end)
  return {
    decoder: () =>
      upTo(newline, maxBytes + 2, (bytes, behind) => {
        const width = behind > 1 && bytes.at(behind - 2) === carriageReturn ? 2 : 1
        return behind - width > maxBytes ? TooLarge : withoutEnd(bytes, behind - width, width)
      }),
    encode: (frame) => {
      const bytes = bytesOf(frame)
      if (bytes.length > maxBytes) return tooLarge(bytes.length, maxBytes)
      return bytes.includes(newline[0]!) ?
        new FramingError({ reason: "ContainsDelimiter", size: bytes.length, rule: "a line cannot hold a line feed" }) :
        concat(bytes, end)
    }
  }
}

/**
 * Makes a framing of frames that all have one size.
 *
 * @example
 * ```ts
 * import { Framing } from "@socketpool/core"
 *
 * const blocks = Framing.fixed(512)
 * ```
 *
 * @since 3.0.0
 * @category framings
 */
export const fixed = (bytes: number): Framing => {
  const size = argument("Framing.fixed", "bytes", count(1), bytes)
  const frame = exactly(size)
  return {
    decoder: () => frame,
    encode: (frame) => {
      const encoded = bytesOf(frame)
      return encoded.length === size ?
        encoded :
        new FramingError({ reason: "WrongSize", size: encoded.length, rule: `frames have ${size} bytes` })
    }
  }
}

/**
 * Makes a framing of frames that say their own length, in a field of 1, 2, 3 or 4 bytes, unsigned, or in a varint
 * (LEB128, as in Protocol Buffers, of at most 5 bytes). A frame is what is left of a message without that field: `recv`
 * removes it, and `send` inserts it. A wrong option throws a `RangeError`.
 *
 * The options are those of Netty's `LengthFieldBasedFrameDecoder`. A length above the limit fails the read at once with
 * reason `TooLarge`, before the frame has come; one that no frame can have fails it with `Desync`.
 *
 * | protocol | options |
 * | --- | --- |
 * | Kafka, DNS over TCP | `{ bytes: 4 }`, `{ bytes: 2 }` |
 * | PostgreSQL | `{ bytes: 4, offset: 1, includesItself: true }` |
 * | MySQL | `{ bytes: 3, order: "little", adjust: 1 }` |
 * | Modbus/TCP | `{ bytes: 2, offset: 4 }` |
 * | AMQP 0-9-1 | `{ bytes: 4, offset: 3, adjust: 1 }` |
 *
 * @example
 * ```ts
 * import { Framing, Pool } from "@socketpool/core"
 * import { Effect, Schema } from "effect"
 *
 * const Message = Schema.parseJson(Schema.Struct({ id: Schema.Number, method: Schema.String }))
 *
 * const call = Pool.use((connection) => {
 *   const messages = Framing.over(connection, Framing.lengthPrefixed({ bytes: 4 })).pipe(
 *     Framing.text,
 *     Framing.schema(Message)
 *   )
 *   return Effect.andThen(messages.send({ id: 1, method: "status" }), messages.recv)
 * })
 * ```
 *
 * @since 3.0.0
 * @category framings
 */
export const lengthPrefixed = (options: {
  /** Sets the size of the length field. */
  readonly bytes: 1 | 2 | 3 | 4 | "varint"
  /** Puts the most significant byte of the field first (`"big"`, the order of networks) or last. Default: `"big"`. */
  readonly order?: "big" | "little"
  /** Sets how many bytes of the frame come before the field. Default: 0. */
  readonly offset?: number
  /**
   * Sets how many more bytes follow the field than its value says. Negative if the value counts bytes before the field.
   * Default: 0.
   */
  readonly adjust?: number
  /** Says that the value counts the field's own bytes. Not for a varint. Default: `false`. */
  readonly includesItself?: boolean
  /**
   * Limits a frame, which does not include the field. Default: 65,536, or the longest frame that the field can tell if
   * that is less.
   */
  readonly maxBytes?: number
}): Framing => {
  const of = "Framing.lengthPrefixed"
  const { adjust, bytes: width, includesItself, offset, order, ...given } = prefixed.read(of, options)
  const highest = width === "varint" ? Lengths.maxVarint : 256 ** width - 1
  // A frame has this number of bytes more than its field says.
  const beyond = offset + adjust - (includesItself && width !== "varint" ? width : 0)
  const least = offset - highest - (beyond - adjust)
  argument(
    of,
    "adjust",
    that<number>(() => adjust >= least, `at least ${least}, so that a frame can have a length`),
    adjust
  )
  const longest = highest + beyond
  const maxBytes = argument(
    of,
    "maxBytes",
    orElse(count(0, longest), Math.min(defaultMaxBytes, longest)),
    given.maxBytes
  )
  const minBytes = Math.max(offset, beyond)
  const field = width === "varint" ? Lengths.varint : Lengths.fixedWidth(width, order)
  return {
    decoder: () => ({
      decode: (bytes) => {
        const read = field.read(bytes, offset)
        if (read === undefined) return undefined
        if (read === "Endless") return TooLarge
        const size = read.length + beyond
        if (size < offset) return Malformed
        if (size > maxBytes) return TooLarge
        if (bytes.length < read.width + size) return undefined
        if (offset === 0) {
          bytes.skip(read.width)
          return bytes.take(size)
        }
        const before = bytes.take(offset)
        bytes.skip(read.width)
        return concat(before, bytes.take(size - offset))
      }
    }),
    encode: (frame) => {
      const bytes = bytesOf(frame)
      if (bytes.length > maxBytes) return tooLarge(bytes.length, maxBytes)
      if (bytes.length < minBytes) {
        const rule = `frames have at least ${minBytes} bytes`
        return new FramingError({ reason: "WrongSize", size: bytes.length, rule })
      }
      const length = field.write(bytes.length - beyond)
      return concat(bytes.subarray(0, offset), concat(length, bytes.subarray(offset)))
    }
  }
}

/**
 * Makes the decoders of a framing from a push parser: one that is given bytes as they come, and calls back with whole
 * frames. Use it to take the parser that a protocol has already, such as `redis-parser` for Redis.
 *
 * `make` starts a parser for one frame and returns the function that feeds it. The parser calls `emit` with the frame,
 * which must not be `undefined`, or `fail` if the bytes are no frame: the read then fails with reason `Desync`. It may
 * keep the bytes that it is given. A new parser is started for each frame, and again where the end of a frame within
 * other bytes has to be found: bytes that belong to the next frame stay unread, so that a pool still sees them. It must
 * therefore give the same frames for the same bytes, however they are cut. A frame has at most `maxBytes` bytes.
 * Default: 65,536.
 *
 * @example
 * ```ts
 * import { Framing } from "@socketpool/core"
 *
 * interface PushParser {
 *   readonly execute: (bytes: Uint8Array) => void
 * }
 *
 * declare const newParser: (options: {
 *   readonly returnReply: (reply: unknown) => void
 *   readonly returnError: (error: Error) => void
 *   readonly returnFatalError: () => void
 * }) => PushParser
 *
 * const replies: Framing.Framing<string, unknown> = {
 *   decoder: Framing.decoder<unknown>((emit, fail) => {
 *     const parser = newParser({ returnReply: emit, returnError: emit, returnFatalError: fail })
 *     return (bytes) => parser.execute(bytes)
 *   }),
 *   encode: (command) => new TextEncoder().encode(`${command}\r\n`)
 * }
 * ```
 *
 * @since 3.0.0
 * @category framings
 */
export const decoder = <Out>(
  make: (emit: (frame: Out) => void, fail: () => void) => (bytes: Uint8Array) => void,
  options: { readonly maxBytes?: number } = {}
): () => Decoder<Out> => {
  argument("Framing.decoder", "make", callback, make)
  const { maxBytes } = limited.read("Framing.decoder", options)
  return () => pushed(make, maxBytes)
}

/**
 * Makes a framing of other frames from one of bytes. Use it for the frames of a `Protocol`, for which `encode` and
 * `decode` must be cheap and total; `schema` and `mapEffect` are for `Framed`.
 *
 * `encode` returns the frame to send, or a `FramingError`. `decode` may return `Malformed`: the read then fails with
 * reason `Desync`.
 *
 * @example
 * ```ts
 * import { Framing } from "@socketpool/core"
 *
 * const upper = Framing.transform(Framing.strings(Framing.lines()), {
 *   encode: (words: ReadonlyArray<string>) => words.join(" "),
 *   decode: (line) => line.split(" ")
 * })
 * ```
 *
 * @since 3.0.0
 * @category framings
 */
export const transform: {
  <In, Out, Sent extends Uint8Array | string, In2, Out2>(
    f: { readonly encode: (frame: In2) => In | FramingError; readonly decode: (frame: Out) => Out2 | Malformed }
  ): (self: Framing<In, Out, Sent>) => Framing<In2, Out2, Sent>
  <In, Out, Sent extends Uint8Array | string, In2, Out2>(
    self: Framing<In, Out, Sent>,
    f: { readonly encode: (frame: In2) => In | FramingError; readonly decode: (frame: Out) => Out2 | Malformed }
  ): Framing<In2, Out2, Sent>
} = dual(
  2,
  <In, Out, Sent extends Uint8Array | string, In2, Out2>(
    self: Framing<In, Out, Sent>,
    f: { readonly encode: (frame: In2) => In | FramingError; readonly decode: (frame: Out) => Out2 | Malformed }
  ): Framing<In2, Out2, Sent> => ({
    decoder: () => {
      const inner = self.decoder()
      return {
        decode: (bytes) => {
          const frame = inner.decode(bytes)
          return frame === undefined || frame === TooLarge || frame === Malformed
            ? frame as any
            : f.decode(frame as Out)
        }
      }
    },
    encode: (frame) => {
      const encoded = f.encode(frame)
      return isFramingError<FramingError>(encoded) ? encoded : self.encode(encoded)
    }
  })
)

/**
 * Makes a framing of strings from one of bytes, in UTF-8. Invalid UTF-8 becomes U+FFFD.
 *
 * @example
 * ```ts
 * import { Framing } from "@socketpool/core"
 *
 * const lines = Framing.strings(Framing.lines())
 * ```
 *
 * @since 3.0.0
 * @category framings
 */
export const strings = (self: Framing): Framing<string, string> =>
  transform(self, { encode: (frame: string) => frame, decode: Utf8.decode })

// --- Using them -----------------------------------------------------------------------------------------------------

const framed = <In, Out, E>(members: Omit<Framed<In, Out, E>, "pipe">): Framed<In, Out, E> => ({
  ...members,
  pipe() {
    return pipeArguments(this, arguments)
  }
})

/**
 * Sends and receives frames over a connection.
 *
 * Readers of one connection are served one after another, each with a whole frame. An interrupted `recv` that has begun
 * to wait leaves its frame on the way; the pool does not lend such a connection again.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { type Connection, Framing, Pool } from "@socketpool/core"
 *
 * const ask = (question: string) => (connection: Connection) => {
 *   const line = Framing.text(Framing.over(connection, Framing.lines()))
 *   return Effect.andThen(line.send(question), line.recv)
 * }
 *
 * const answer = Pool.use(ask("PING"))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const over: {
  <In, Out>(framing: Framing<In, Out, Uint8Array | string>): (connection: Connection) => Framed<In, Out>
  <In, Out>(connection: Connection, framing: Framing<In, Out, Uint8Array | string>): Framed<In, Out>
} = dual(2, <In, Out>(connection: Connection, framing: Framing<In, Out, Uint8Array | string>): Framed<In, Out> => {
  argument("Framing.over", "connection", having<Connection>("a Connection", "recvFrame", "send"), connection)
  argument("Framing.over", "framing", having<Framing>("a Framing", "decoder", "encode"), framing)
  const recv = connection.recvFrame(() => framing.decoder())
  return framed<In, Out, never>({
    send: (frame, options) =>
      Effect.suspend((): Effect.Effect<void, ConnectionError | FramingError> => {
        const encoded = framing.encode(frame)
        return isFramingError(encoded) ? Effect.fail(encoded) : connection.send(encoded, options)
      }),
    recv,
    pipeline: (frames, options) =>
      Effect.suspend((): Effect.Effect<Array<Out>, ConnectionError | FramingError> => {
        const encoded: Array<Uint8Array | string> = []
        for (const frame of frames) {
          const bytes = framing.encode(frame)
          if (isFramingError(bytes)) return Effect.fail(bytes)
          encoded.push(bytes)
        }
        if (encoded.length === 0) return Effect.succeed([])
        const sent = Effect.forEach(encoded, (bytes) => connection.send(bytes, options), { discard: true })
        const one = connection.recvFrame(() => framing.decoder(), options)
        const received = Effect.forEach(encoded, () => one)
        return Effect.zipWith(sent, received, (_, answers) => answers, { concurrent: true })
      }),
    stream: streamUntil(recv, endsStream)
  })
})

/** Between two frames, the end of the stream is no error. */
const endsStream = (error: ConnectionError): boolean =>
  error.reason === "EndOfStream" && error.bytesIntoFrame === undefined

/**
 * Turns frames into other values. A function that throws is a defect; for input that may be wrong use `schema`.
 *
 * @example
 * ```ts
 * import { type Connection, Framing } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const numbers = (connection: Connection) =>
 *   Framing.over(connection, Framing.lines()).pipe(
 *     Framing.text,
 *     Framing.mapEffect({
 *       encode: (value: number) => Effect.succeed(String(value)),
 *       decode: (text) => Effect.succeed(Number(text))
 *     })
 *   )
 * ```
 *
 * @since 3.0.0
 * @category combinators
 */
export const mapEffect: {
  <In, Out, In2, Out2, E2>(codec: {
    readonly encode: (value: In2) => Effect.Effect<In, E2>
    readonly decode: (frame: Out) => Effect.Effect<Out2, E2>
  }): <E>(framed: Framed<In, Out, E>) => Framed<In2, Out2, E | E2>
  <In, Out, E, In2, Out2, E2>(
    framed: Framed<In, Out, E>,
    codec: {
      readonly encode: (value: In2) => Effect.Effect<In, E2>
      readonly decode: (frame: Out) => Effect.Effect<Out2, E2>
    }
  ): Framed<In2, Out2, E | E2>
} = dual(2, <In, Out, E, In2, Out2, E2>(
  self: Framed<In, Out, E>,
  codec: {
    readonly encode: (value: In2) => Effect.Effect<In, E2>
    readonly decode: (frame: Out) => Effect.Effect<Out2, E2>
  }
): Framed<In2, Out2, E | E2> => {
  const codecRule = having<typeof codec>("an object with the functions encode and decode", "encode", "decode")
  argument("Framing.mapEffect", "codec", codecRule, codec)
  return framed<In2, Out2, E | E2>({
    send: (value, options) => Effect.flatMap(codec.encode(value), (frame) => self.send(frame, options)),
    recv: Effect.flatMap(self.recv, (frame) => codec.decode(frame)),
    pipeline: (values, options) =>
      Effect.forEach(values, (value) => codec.encode(value)).pipe(
        Effect.flatMap((frames) => self.pipeline(frames, options)),
        Effect.flatMap((frames) => Effect.forEach(frames, (frame) => codec.decode(frame)))
      ),
    stream: Stream.mapEffect(self.stream, (frame) => codec.decode(frame))
  })
})

/**
 * Turns frames into UTF-8 text.
 *
 * @example
 * ```ts
 * import { type Connection, Framing } from "@socketpool/core"
 *
 * const lines = (connection: Connection) => Framing.text(Framing.over(connection, Framing.lines()))
 * ```
 *
 * @since 3.0.0
 * @category combinators
 */
export const text = <E>(framed: Framed<string, Uint8Array, E>): Framed<string, string, E> =>
  mapEffect(framed, { encode: Effect.succeed<string>, decode: (frame) => Effect.sync(() => Utf8.decode(frame)) })

/**
 * Turns text frames into values of a schema, for example `Schema.parseJson(Message)`. A value or a frame that does not
 * fit is a `ParseError`. The connection then stands at the end of a frame and keeps working.
 *
 * @example
 * ```ts
 * import { type Connection, Framing } from "@socketpool/core"
 * import { Schema } from "effect"
 *
 * const events = (connection: Connection) =>
 *   Framing.over(connection, Framing.lines()).pipe(
 *     Framing.text,
 *     Framing.schema(Schema.parseJson(Schema.Struct({ event: Schema.String })))
 *   )
 * ```
 *
 * @since 3.0.0
 * @category combinators
 */
export const schema: {
  <A>(
    schema: Schema.Schema<A, string>
  ): <E>(framed: Framed<string, string, E>) => Framed<A, A, E | ParseResult.ParseError>
  <A, E>(
    framed: Framed<string, string, E>,
    schema: Schema.Schema<A, string>
  ): Framed<A, A, E | ParseResult.ParseError>
} = dual(2, <A, E>(
  framed: Framed<string, string, E>,
  schema: Schema.Schema<A, string>
): Framed<A, A, E | ParseResult.ParseError> => mapEffect(framed, { encode: encode(schema), decode: decode(schema) }))
