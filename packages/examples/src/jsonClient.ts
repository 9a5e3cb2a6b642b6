/** A typed client of a protocol of JSON messages, each after its length in 4 bytes. */
import { type Connection, Framing } from "@socketpool/core"
import { Effect, Schema } from "effect"

const Request = Schema.parseJson(Schema.Struct({ add: Schema.Array(Schema.Number) }))
const Answer = Schema.parseJson(Schema.Struct({ sum: Schema.Number }))

export const calculator = (connection: Connection) => {
  const framing = Framing.lengthPrefixed({ bytes: 4, maxBytes: 1_048_576 })
  const messages = Framing.mapEffect(Framing.text(Framing.over(connection, framing)), {
    encode: Schema.encode(Request),
    decode: Schema.decode(Answer)
  })
  return {
    add: (...numbers: ReadonlyArray<number>) =>
      messages.send({ add: numbers }).pipe(Effect.andThen(messages.recv), Effect.map(({ sum }) => sum))
  }
}
