import { Pool } from "@socketpool/core"
import { TcpPoolLive } from "@socketpool/node"
import { Effect } from "effect"

export const program = Effect.scoped(Effect.gen(function*() {
  const connection = yield* Pool.connection // leased until the scope closes
  yield* connection.send("hello")
  return yield* connection.recv() // Uint8Array
}))

export const main = program.pipe(Effect.provide(TcpPoolLive("localhost", 2000)))
