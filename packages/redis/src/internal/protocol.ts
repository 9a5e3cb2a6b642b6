/** RESP as a protocol of requests and responses. */
import type * as Framing from "@socketpool/core/Framing"
import * as Protocol from "@socketpool/core/Protocol"
import * as Option from "effect/Option"
import { ReplyDecoder } from "./decoder.js"
import { type Message, PushReply } from "./message.js"
import type { Request } from "./request.js"

export const framing = (maxBytes: number): Framing.Framing<Request, Message, Uint8Array | string> => ({
  decoder: () => new ReplyDecoder(maxBytes),
  encode: (request) => request.bytes
})

export type RedisProtocol = Protocol.Protocol<
  Request,
  Message | ReadonlyArray<Message> | undefined,
  ReadonlyArray<Message>
>

const none = Option.none()

export const protocol = (maxBytes: number): RedisProtocol =>
  Protocol.inOrder<Request, Message, ReadonlyArray<Message>>({
    framing: framing(maxBytes),
    push: (message) => message instanceof PushReply ? Option.some(message.items) : none,
    replies: (request) => request.replies,
    silence: (request) => request.silence
  })
