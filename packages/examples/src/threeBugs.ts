/** A wrong reply, a dead socket and a hang: three programs, first over plain pooling and then over socketpool. */
import { NodeRuntime } from "@effect/platform-node"
import type { Connection } from "@socketpool/core"
import { TcpConnection, TcpPool } from "@socketpool/node"
import { Console, Effect, Pool, type Scope } from "effect"
import * as EchoServer from "./echoServer.js"
import { bank, mute } from "./threeBugs/servers.js"

export interface Server {
  readonly host: string
  readonly port: number
}

/** Borrows a connection for as long as `f` takes. */
type Use = <A, E>(f: (connection: Connection) => Effect.Effect<A, E>) => Effect.Effect<A, unknown>
type Pooling = (server: Server, greets?: boolean) => Effect.Effect<Use, never, Scope.Scope>

const line = (connection: Connection) =>
  Effect.map(connection.recvUntil("\n"), (bytes) => new TextDecoder().decode(bytes).trim())
const ask = (question: string) => (connection: Connection) =>
  Effect.andThen(connection.send(`${question}\n`), line(connection))

export const plain: Pooling = (server, greets = false) => {
  const open = TcpConnection.open({ host: server.host, port: server.port })
  return Effect.map(
    Pool.make({ acquire: greets ? Effect.tap(open, line) : open, size: 1 }),
    (pool) => (f) => Effect.scoped(Effect.flatMap(pool.get, f))
  )
}

export const ours: Pooling = (server, greets = false) =>
  Effect.map(
    TcpPool.make({ host: server.host, port: server.port, maxConnections: 1, ...(greets ? { handshake: line } : {}) }),
    (pool) => (f) => pool.use(f)
  )

/** Alice asks and times out; then Bob asks. Whose answer does Bob read? */
export const wrongReply = (use: Use) =>
  Effect.andThen(Effect.ignore(Effect.timeout(use(ask("Alice")), "20 millis")), use(ask("Bob")))

/** The server restarts while the connection is idle. What does the next one read? */
export const deadSocket = (use: Use, server: EchoServer.EchoServer) =>
  use(ask("before")).pipe(
    Effect.andThen(Effect.andThen(server.kill, server.start)),
    Effect.andThen(Effect.delay(use(ask("after")), "20 millis"))
  )

/** The server accepts and then stays silent. Can the caller still time out? */
export const hang = (use: Use) => Effect.timeout(use(ask("hello")), "100 millis")

const tell = <A, E>(result: Effect.Effect<A, E>, seconds: number) =>
  Effect.forkDaemon(result).pipe(
    Effect.flatMap((fiber) => fiber.await),
    Effect.map((exit) => exit._tag === "Success" ? `reads "${exit.value}"` : `fails: ${String(exit.cause)}`),
    Effect.disconnect,
    Effect.timeoutTo({
      duration: `${seconds} seconds`,
      onSuccess: (told) => told,
      onTimeout: () => `still hangs after ${seconds} second${seconds === 1 ? "" : "s"}`
    })
  )

/** Runs the three programs over one way of pooling. One that takes longer than these seconds counts as hanging. */
export const threeBugs = (pooling: Pooling, seconds = 1) =>
  Effect.gen(function*() {
    const server = yield* EchoServer.make
    const accounts = yield* pooling(yield* bank)
    // The open may take longer than Alice waits.
    yield* accounts(() => Effect.void)
    return {
      wrongReply: yield* tell(wrongReply(accounts), seconds),
      deadSocket: yield* tell(deadSocket(yield* pooling(server), server), seconds),
      hang: yield* tell(hang(yield* pooling(yield* mute, true)), seconds)
    }
  })

const main = Effect.scoped(Effect.gen(function*() {
  for (const [name, pooling] of [["plain pooling", plain], ["socketpool", ours]] as const) {
    yield* Console.log(name)
    for (const [bug, outcome] of Object.entries(yield* threeBugs(pooling))) {
      yield* Console.log(`  ${bug.padEnd(10)}  ${outcome.split("\n")[0]}`)
    }
  }
}))

if (process.argv[1] === import.meta.filename) NodeRuntime.runMain(main)
