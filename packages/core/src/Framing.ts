/**
 * Frames over a byte stream: where one message ends and the next begins.
 *
 * A framing is a small value; `Framing.over(connection, framing)` gives what sends and receives whole frames, and
 * `Framing.text` and `Framing.schema` turn frames into what a program works with.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { ByteBuffer } from "./ByteBuffer.js"
import type { Connection, OperationOptions } from "./Connection.js"
import type { ConnectionError } from "./ConnectionError.js"
import * as Lengths from "./internal/lengths.js"
import * as Utf8 from "./internal/utf8.js"

// --- Models ---------------------------------------------------------------------------------------------------------

/**
 * What a decoder answers when a frame is larger than it may be.
 *
 * @since 0.1.0
 * @category symbols
 */
export const TooLarge: unique symbol = Symbol.for("@socketpool/core/Framing/TooLarge")

/**
 * @since 0.1.0
 * @category symbols
 */
export type TooLarge = typeof TooLarge

/**
 * Looks for one frame. Asked again whenever more bytes have come, so it may remember how far it has looked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Decoder<out A> {
  /**
   * Takes one frame from the front of the bytes that have come. `undefined`: it has not come whole, and nothing was
   * taken. `TooLarge`: however much comes, it will not be a frame; the read fails with `ConnectionError` reason
   * `TooLarge`. Answer that as soon as the frame's size is known, not once its bytes have come.
   */
  readonly decode: (bytes: ByteBuffer) => A | TooLarge | undefined
}

/**
 * Where frames begin and end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Framing<in In = Uint8Array | string, out Out = Uint8Array> {
  /** A decoder for the next frame. */
  readonly decoder: () => Decoder<Out>
  /** The bytes of a frame, or why it cannot be one. */
  readonly encode: (frame: In) => Uint8Array | FramingError
}

/**
 * A connection that sends and receives whole frames. It is good for as long as the connection is leased.
 *
 * @since 0.1.0
 * @category models
 */
export interface Framed<in In = Uint8Array | string, out Out = Uint8Array, out E = never> {
  /**
   * Sends one frame, as `Connection.send` does. Fails with `FramingError`, and has then sent nothing, if it is not one
   * that the other side could read.
   */
  readonly send: (frame: In, options?: OperationOptions) => Effect.Effect<void, ConnectionError | FramingError | E>
  /** Receives the next frame. */
  readonly recv: Effect.Effect<Out, ConnectionError | E>
  /** Receives frames until the peer ends the stream; an end within a frame is `ConnectionError` reason `EndOfStream`. */
  readonly stream: Stream.Stream<Out, ConnectionError | E>
}

// --- Errors ---------------------------------------------------------------------------------------------------------

/**
 * A frame cannot be sent; nothing of it was.
 *
 * - `TooLarge`: longer than the framing's `maxBytes`.
 * - `ContainsDelimiter`: the other side would read it as several frames.
 * - `WrongSize`: frames of a fixed size have that size.
 *
 * @since 0.1.0
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
    return `Cannot send a frame of ${this.size} bytes: ${this.rule}.`
  }
}

// --- Framings -------------------------------------------------------------------------------------------------------

const defaultMaxBytes = 65_536
const newline = Utf8.encode("\n")
const carriageReturn = 13

const bytesOf = (frame: Uint8Array | string): Uint8Array => typeof frame === "string" ? Utf8.encode(frame) : frame

/** Checks a number that an option gives. */
const whole = (option: string, value: number, least: number, most: number = Number.MAX_SAFE_INTEGER): number => {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  const rule = most === Number.MAX_SAFE_INTEGER ?
    `a whole number of at least ${least}` :
    `a whole number from ${least} to ${most}`
  throw new RangeError(`Framing: ${option} must be ${rule}, but is ${String(value)}`)
}

const tooLarge = (size: number, maxBytes: number): FramingError =>
  new FramingError({ reason: "TooLarge", size, rule: `at most ${maxBytes} are allowed (maxBytes)` })

const concat = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** Finds a delimiter; `end` says where the frame's own bytes end. Each byte is looked at once, in however many chunks. */
const upTo = (delimiter: Uint8Array, maxBytes: number): Decoder<Uint8Array> => {
  let looked = 0
  return {
    decode: (bytes) => {
      const end = bytes.endOf(delimiter, looked)
      if (end > maxBytes) return TooLarge
      if (end >= 0) return bytes.take(end)
      if (bytes.length >= maxBytes) return TooLarge
      looked = Math.max(0, bytes.length - delimiter.length + 1)
      return undefined
    }
  }
}

/**
 * Frames that end with a delimiter, which is not part of them. At most `maxBytes` bytes each, without the delimiter.
 * Default: 65,536. Wrong options throw a `RangeError`.
 *
 * A frame that holds the delimiter cannot be sent (`FramingError`): it would be read as two.
 *
 * @since 0.1.0
 * @category framings
 */
export const delimited = (
  delimiter: Uint8Array | string,
  options: { readonly maxBytes?: number } = {}
): Framing => {
  const end = bytesOf(delimiter)
  if (end.length === 0) throw new RangeError("Framing: delimiter must not be empty")
  const maxBytes = whole("maxBytes", options.maxBytes ?? defaultMaxBytes, 1)
  return {
    decoder: () => {
      const { decode } = upTo(end, maxBytes + end.length)
      return {
        decode: (bytes) => {
          const frame = decode(bytes)
          return frame instanceof Uint8Array ? frame.subarray(0, frame.length - end.length) : frame
        }
      }
    },
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

const indexOf = (bytes: Uint8Array, part: Uint8Array): number => {
  for (let at = bytes.indexOf(part[0]!); at >= 0; at = bytes.indexOf(part[0]!, at + 1)) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return at
  }
  return -1
}

/**
 * Lines. Read up to LF, without it and without a CR before it; sent with `end`, by default CR LF. At most `maxBytes`
 * bytes each, without the end. Default: 65,536. Wrong options throw a `RangeError`.
 *
 * A line that holds an LF cannot be sent (`FramingError`): what a user typed must not become a command of its own.
 *
 * @since 0.1.0
 * @category framings
 */
export const lines = (options: { readonly maxBytes?: number; readonly end?: "\n" | "\r\n" } = {}): Framing => {
  const maxBytes = whole("maxBytes", options.maxBytes ?? defaultMaxBytes, 1)
  const end = Utf8.encode(options.end ?? "\r\n")
  return {
    decoder: () => {
      const { decode } = upTo(newline, maxBytes + 2)
      return {
        decode: (bytes) => {
          const line = decode(bytes)
          if (!(line instanceof Uint8Array)) return line
          const size = line.length - (line[line.length - 2] === carriageReturn ? 2 : 1)
          return size > maxBytes ? TooLarge : line.subarray(0, size)
        }
      }
    },
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
 * Frames of one size.
 *
 * @since 0.1.0
 * @category framings
 */
export const fixed = (bytes: number): Framing => {
  const size = whole("bytes", bytes, 1)
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
 * Frames behind their length: 1, 2 or 4 bytes, unsigned, or a varint (LEB128, as in Protocol Buffers; at most 5 bytes
 * are read). The length does not count itself. At most `maxBytes` bytes each. Default: 65,536, or what the prefix can
 * say if that is less. Wrong options throw a `RangeError`.
 *
 * A length beyond the limit fails the read before a byte of the frame is waited for.
 *
 * @since 0.1.0
 * @category framings
 */
export const lengthPrefixed = (options: {
  readonly prefix: 1 | 2 | 4 | "varint"
  /** Which byte of the prefix comes first: the most significant ("big", the network's order and the default) or the least. */
  readonly order?: "big" | "little"
  readonly maxBytes?: number
}): Framing => {
  const { prefix } = options
  if (prefix !== 1 && prefix !== 2 && prefix !== 4 && prefix !== "varint") {
    throw new RangeError(`Framing: prefix must be 1, 2, 4 or "varint", but is ${String(prefix)}`)
  }
  const order = options.order ?? "big"
  if (order !== "big" && order !== "little") {
    throw new RangeError(`Framing: order must be "big" or "little", but is ${String(order)}`)
  }
  const sayable = prefix === "varint" ? Lengths.maxVarint : 256 ** prefix - 1
  const maxBytes = whole("maxBytes", options.maxBytes ?? Math.min(defaultMaxBytes, sayable), 0, sayable)
  const header = prefix === "varint" ? Lengths.varint : Lengths.fixedWidth(prefix, order)
  return {
    decoder: () => ({
      decode: (bytes) => {
        const read = header.read(bytes)
        if (read === undefined) return undefined
        if (read === "Endless" || read.length > maxBytes) return TooLarge
        if (bytes.length < read.width + read.length) return undefined
        bytes.take(read.width)
        return bytes.take(read.length)
      }
    }),
    encode: (frame) => {
      const bytes = bytesOf(frame)
      return bytes.length > maxBytes ? tooLarge(bytes.length, maxBytes) : concat(header.write(bytes.length), bytes)
    }
  }
}

// --- Decoders -------------------------------------------------------------------------------------------------------

/**
 * Whatever has come, at least 1 byte and at most so many.
 *
 * @since 0.1.0
 * @category decoders
 */
export const atMost = (bytes: number): Decoder<Uint8Array> => ({
  decode: (buffer) => buffer.length === 0 ? undefined : buffer.take(Math.min(buffer.length, bytes))
})

/**
 * Exactly so many bytes.
 *
 * @since 0.1.0
 * @category decoders
 */
export const exactly = (bytes: number): Decoder<Uint8Array> => ({
  decode: (buffer) => buffer.length < bytes ? undefined : buffer.take(bytes)
})

/**
 * Up to and including a delimiter, which comes within so many bytes.
 *
 * @since 0.1.0
 * @category decoders
 */
export const until = (delimiter: Uint8Array, maxBytes: number): Decoder<Uint8Array> => upTo(delimiter, maxBytes)

// --- Using them -----------------------------------------------------------------------------------------------------

/**
 * Sends and receives frames over a connection.
 *
 * Several readers of one connection are served one after another, each with a whole frame. A `recv` that is interrupted
 * after it began to wait leaves its frame on the way: the pool does not lend such a connection again.
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
 * @since 0.1.0
 * @category constructors
 */
export const over = <In, Out>(connection: Connection, framing: Framing<In, Out>): Framed<In, Out> => {
  const recv = connection.recvFrame(framing.decoder)
  return {
    send: (frame, options) =>
      Effect.suspend((): Effect.Effect<void, ConnectionError | FramingError> => {
        const encoded = framing.encode(frame)
        return encoded instanceof Uint8Array ? connection.send(encoded, options) : Effect.fail(encoded)
      }),
    recv,
    stream: Stream.repeatEffectOption(Effect.mapError(recv, endsStream))
  }
}

/** The end of the stream between two frames is no error. */
const endsStream = (error: ConnectionError): Option.Option<ConnectionError> =>
  error.reason === "EndOfStream" && error.bytesIntoFrame === undefined ? Option.none() : Option.some(error)

/**
 * Frames as other values. What the functions throw is a defect; for input that may be wrong use the other two.
 *
 * @since 0.1.0
 * @category combinators
 */
export const mapEffect = <In, Out, E, In2, Out2, E2>(
  framed: Framed<In, Out, E>,
  codec: {
    readonly encode: (value: In2) => Effect.Effect<In, E2>
    readonly decode: (frame: Out) => Effect.Effect<Out2, E2>
  }
): Framed<In2, Out2, E | E2> => ({
  send: (value, options) => Effect.flatMap(codec.encode(value), (frame) => framed.send(frame, options)),
  recv: Effect.flatMap(framed.recv, codec.decode),
  stream: Stream.mapEffect(framed.stream, codec.decode)
})

/**
 * Frames as UTF-8 text.
 *
 * @since 0.1.0
 * @category combinators
 */
export const text = <E>(framed: Framed<string, Uint8Array, E>): Framed<string, string, E> =>
  mapEffect(framed, { encode: Effect.succeed<string>, decode: (frame) => Effect.sync(() => Utf8.decode(frame)) })

/**
 * Text frames as values of a schema, for example `Schema.parseJson(Message)`. A value or a frame that does not fit is a
 * `ParseError`; the connection is at a frame's end then, and works on.
 *
 * @since 0.1.0
 * @category combinators
 */
export const schema = <A, E>(
  framed: Framed<string, string, E>,
  schema: Schema.Schema<A, string>
): Framed<A, A, E | ParseResult.ParseError> =>
  mapEffect(framed, { encode: Schema.encode(schema), decode: Schema.decode(schema) })
