/** A pool whose options come from the environment: `ECHO_PORT=2000 npx tsx packages/examples/src/config.ts`. */
import { NodeRuntime } from "@effect/platform-node"
import { Pool } from "@socketpool/core"
import { TcpPool } from "@socketpool/node"
import { Config, Console, Effect } from "effect"

/** Sends a message and receives its echo. */
export const program = Pool.use((connection) => Effect.andThen(connection.send("hello"), connection.recv()))

/** Fails with a `ConfigError` if a setting is missing or cannot be read. */
export const EchoPool = TcpPool.layerConfig({
  host: Config.withDefault(Config.string("ECHO_HOST"), "127.0.0.1"),
  port: Config.port("ECHO_PORT"),
  maxConnections: Config.withDefault(Config.integer("ECHO_CONNECTIONS"), 8),
  acquireTimeout: Config.duration("ECHO_ACQUIRE_TIMEOUT").pipe(Config.withDefault("2 seconds"))
})

/** Runs the quick start, and reports how many connections the configuration allows. */
export const main = Effect.gen(function*() {
  const reply = new TextDecoder().decode(yield* program)
  const { maxConnections } = yield* Pool.stats
  return { reply, maxConnections }
}).pipe(Effect.provide(EchoPool))

if (process.argv[1] === import.meta.filename) NodeRuntime.runMain(Effect.flatMap(main, Console.log))
