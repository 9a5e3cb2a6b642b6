/** A client of memcached, with its meta commands. Replies come in the order of the requests. */
import { Client, Framing, Protocol } from "@socketpool/core"
import { TcpConnection } from "@socketpool/node"
import { Data, type Duration, Effect, Option } from "effect"

export class MemcachedError extends Data.TaggedError("MemcachedError")<{ readonly reply: string }> {}

/** A command or a reply. */
type Message = { readonly line: string; readonly value?: string }

const end = new TextEncoder().encode("\r\n")
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const maxBytes = 1_048_576
const line = Framing.lines()

/** A line, and a value behind it if the line begins with `VA` and its size. */
const framing: Framing.Framing<Message, Message> = {
  decoder: () => ({
    decode: (bytes) => {
      const at = bytes.endOf(end, 0)
      if (at === -1) return bytes.length > maxBytes ? Framing.TooLarge : undefined
      const line = text(bytes.copy(0, at - end.length))
      const size = line.startsWith("VA ") ? Number(line.split(" ")[1]) : undefined
      if (size !== undefined && !(size <= maxBytes)) return Framing.TooLarge
      if (size !== undefined && bytes.length < at + size + end.length) return undefined
      bytes.skip(at)
      if (size === undefined) return { line }
      const value = text(bytes.take(size))
      bytes.skip(end.length)
      return { line, value }
    }
  }),
  encode: (command) => {
    // Refuses a line feed, so that no key becomes a command.
    const first = line.encode(command.line)
    return "_tag" in first || command.value === undefined
      ? first
      : Buffer.concat([first, Buffer.from(`${command.value}\r\n`)])
  }
}

export const cache = (at: TcpConnection.Options, timeout: Duration.DurationInput = "1 second") =>
  Effect.map(
    Client.make({ protocol: Protocol.inOrder({ framing }), open: TcpConnection.open(at), maxConnections: 2 }),
    (client) => {
      const ask = (command: Message, ...good: ReadonlyArray<string>) =>
        Effect.flatMap(client.request(command, { timeout }), (reply) =>
          good.includes(reply.line.slice(0, 2)) ? Effect.succeed(reply) : new MemcachedError({ reply: reply.line }))
      return {
        client,
        get: (key: string) =>
          Effect.map(ask({ line: `mg ${key} v` }, "VA", "EN"), ({ value }) =>
            Option.fromNullable(value)),
        set: (key: string, value: string) =>
          Effect.asVoid(ask({ line: `ms ${key} ${Buffer.byteLength(value)}`, value }, "HD"))
      }
    }
  )
