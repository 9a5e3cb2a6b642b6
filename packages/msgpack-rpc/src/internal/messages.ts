/** The messages of MessagePack-RPC, their frames, and how answers find their calls. */
import { type Framing, FramingError, Malformed, TooLarge } from "@socketpool/core/Framing"
import * as Protocol from "@socketpool/core/Protocol"
import * as Option from "effect/Option"
import type { Codec } from "./codec.js"
import { isArray, Scanner } from "./scanner.js"

const call = 0
const answer = 1
const notification = 2

/** A message to send. */
export type Outgoing =
  | { readonly _tag: "Call" | "Notification"; readonly method: string; readonly params: ReadonlyArray<unknown> }
  | { readonly _tag: "Answer"; readonly id: unknown; readonly error: unknown; readonly result: unknown }

/** A received message. Its values are decoded when somebody asks for them. */
export class Message {
  constructor(
    private readonly codec: Codec,
    private readonly bytes: Uint8Array,
    private readonly starts: ReadonlyArray<number>,
    readonly kind: "Call" | "Answer" | "Notification",
    /** The tag of a call or an answer, and the method of a notification. */
    private readonly head: unknown
  ) {}

  get id(): number {
    return this.head as number
  }

  /** The method of a call or a notification. */
  get method(): string {
    return this.kind === "Notification" ? this.head as string : this.item(2) as string
  }

  /** The params of a call or a notification. Throws if one cannot be decoded. */
  get params(): ReadonlyArray<unknown> {
    return this.item(this.starts.length - 1) as ReadonlyArray<unknown>
  }

  get isError(): boolean {
    return this.bytes[this.starts[2]!] !== nil
  }

  /** The error of an answer. Throws if it cannot be decoded. */
  get error(): unknown {
    return this.item(2)
  }

  /** The result of an answer. Throws if it cannot be decoded. */
  get result(): unknown {
    return this.item(3)
  }

  private item(index: number): unknown {
    return this.codec.decode(this.bytes, this.starts[index]!, this.starts[index + 1] ?? this.bytes.length)
  }
}

const nil = 0xc0

/** Whether an item is a text: no other type may name a method. */
const isText = (token: number): boolean => (token >= 0xa0 && token < 0xc0) || (token >= 0xd9 && token <= 0xdb)

const isTag = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0

/** Makes a message of the bytes of an array of three or four items. */
const messageOf = (codec: Codec, bytes: Uint8Array, { count, starts }: Scanner): Message | Malformed => {
  const kind = bytes[starts[0]!]!
  const head = (): unknown => codec.decode(bytes, starts[1]!, starts[2]!)
  const tokenOf = (index: number): number => bytes[starts[index]!]!
  if (kind === notification) {
    return count === 3 && isText(tokenOf(1)) && isArray(tokenOf(2))
      ? new Message(codec, bytes, starts, "Notification", head())
      : Malformed
  }
  if (count !== 4 || (kind !== call && kind !== answer)) return Malformed
  if (kind === call && !(isText(tokenOf(2)) && isArray(tokenOf(3)))) return Malformed
  // A tag of another type is not even decoded: it could be one that cannot be.
  const isNumber = tokenOf(1) < 0x80 || (tokenOf(1) >= 0xcc && tokenOf(1) <= 0xd3)
  const id = isNumber ? head() : undefined
  return isTag(id) ? new Message(codec, bytes, starts, kind === call ? "Call" : "Answer", id) : Malformed
}

/** Whether a message can begin with a byte: each is an array. */
const opens = (token: number): boolean => token === 0x93 || token === 0x94 || token === 0xdc || token === 0xdd

const framing = (codec: Codec, maxBytes: number): Framing<ReadonlyArray<unknown>, Message> => ({
  decoder: () => {
    const scanner = new Scanner(maxBytes)
    return {
      decode: (bytes) => {
        const first = bytes.at(0)
        if (first === undefined) return undefined
        if (!opens(first)) return Malformed
        const size = scanner.scan(bytes)
        if (size === undefined || size === TooLarge || size === Malformed) return size
        return scanner.count === 3 || scanner.count === 4 ? messageOf(codec, bytes.take(size), scanner) : Malformed
      }
    }
  },
  encode: (message) => {
    const bytes = codec.encode(message)
    const rule = `at most ${maxBytes} are allowed (maxBytes)`
    return bytes.length > maxBytes ? new FramingError({ reason: "TooLarge", size: bytes.length, rule }) : bytes
  }
})

/** A client and a server speak the same protocol: either may call the other. */
export const protocol = (codec: Codec, maxBytes: number): Protocol.Protocol<Outgoing, Message, Message> =>
  Protocol.tagged({
    framing: framing(codec, maxBytes),
    encode: (tag: number, request: Outgoing): ReadonlyArray<unknown> => {
      if (request._tag !== "Call") throw new Error(`Invariant: nothing answers a message of type ${request._tag}`)
      return [call, tag, request.method, request.params]
    },
    untagged: (request) =>
      request._tag === "Answer"
        ? [answer, request.id, request.error, request.result]
        : [notification, (request as Outgoing & { method: string }).method, (request as any).params],
    tagOf: (message) => message.kind === "Answer" ? Option.some(message.id) : Option.none()
  })
