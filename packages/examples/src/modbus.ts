/** A client of Modbus/TCP. Each frame has a tag of 16 bits, so that many requests share one connection. */
import { Client, Framing, Protocol } from "@socketpool/core"
import { TcpConnection } from "@socketpool/node"
import { Data, type Duration, Effect, Option } from "effect"

/** The device has answered with an exception, such as 2 for an address that it does not have. */
export class ModbusError extends Data.TaggedError("ModbusError")<{ readonly code: number }> {}

interface Request {
  readonly unit: number
  readonly function: number
  readonly words: ReadonlyArray<number>
}

const bytesOf = (words: ReadonlyArray<number>): ReadonlyArray<number> =>
  words.flatMap((word) => [(word >> 8) & 255, word & 255])

const protocol = Protocol.tagged({
  // The length stands behind the tag and the number of the protocol. A frame here has everything but the length.
  framing: Framing.lengthPrefixed({ bytes: 2, offset: 4, maxBytes: 260 }),
  encode: (tag: number, { function: code, unit, words }: Request) =>
    Uint8Array.from([...bytesOf([tag, 0]), unit, code, ...bytesOf(words)]),
  tagOf: (message: Uint8Array) => Option.some(message[0]! << 8 | message[1]!),
  tags: Protocol.numbers(65_535)
})

/** Slow devices and gateways need a longer timeout. */
export const device = (at: TcpConnection.Options, timeout: Duration.DurationInput = "2 seconds") =>
  Effect.map(
    // Most devices accept few connections, and answer a few requests at once.
    Client.make({ protocol, open: TcpConnection.open(at), maxConnections: 1, maxInFlight: 8 }),
    (client) => {
      const ask = (request: Request) =>
        Effect.flatMap(client.request(request, { timeout }), (message) => {
          const code = message[5]!
          return code < 128 ? Effect.succeed(message.subarray(6)) : new ModbusError({ code: message[6]! })
        })
      return {
        client,
        readRegisters: (address: number, count: number, unit = 1) =>
          Effect.map(ask({ unit, function: 3, words: [address, count] }), (body) =>
            Array.from({ length: count }, (_, i) => body[1 + 2 * i]! << 8 | body[2 + 2 * i]!)),
        writeRegister: (address: number, value: number, unit = 1) =>
          Effect.asVoid(ask({ unit, function: 6, words: [address, value] }))
      }
    }
  )
