/**
 * A typed client of a line protocol. The server answers `GET key` with `= value` or `-`, and `SET key value` with `OK`.
 */
import { type Connection, Framing } from "@socketpool/core"
import { Effect, Option } from "effect"

export const keyValue = (connection: Connection) => {
  const line = Framing.text(Framing.over(connection, Framing.lines({ maxBytes: 1024 })))
  const call = (command: string) => Effect.andThen(line.send(command), line.recv)
  return {
    get: (key: string) =>
      Effect.map(
        call(`GET ${key}`),
        (answer) => answer.startsWith("= ") ? Option.some(answer.slice(2)) : Option.none()
      ),
    set: (key: string, value: string) => Effect.asVoid(call(`SET ${key} ${value}`))
  }
}
