/** Acquires and releases connections manually, for code that fits neither `Pool.use` nor a scope. */
import { NodeRuntime } from "@effect/platform-node"
import { type Connection, Pool } from "@socketpool/core"
import { TcpPoolLive } from "@socketpool/node"
import { Console, Effect, Exit } from "effect"
import * as EchoServer from "./echoServer.js"

const exchange = (connection: Connection, line: string) =>
  connection.send(`${line}\n`).pipe(
    Effect.andThen(connection.recvUntil("\n")),
    Effect.map((reply) => new TextDecoder().decode(reply).trimEnd())
  )

/**
 * Ends a lease. After a success it releases the connection. Otherwise an answer may still be on its way, so it drops
 * the connection. Both fail if a forced close of the pool has already ended the lease; then nothing is left to do.
 */
const giveBack = (connection: Connection, exit: Exit.Exit<unknown, unknown>) =>
  Effect.ignore(Exit.isSuccess(exit) ? Pool.release(connection) : Pool.drop(connection))

/**
 * Sends a line and reads the answer.
 *
 * `acquireUseRelease` acquires in an uninterruptible region, so no interrupt can come between the lease and its
 * release. An interrupt cannot end the wait for a connection either; only `acquireTimeout` does. With `Pool.use` both
 * can.
 */
export const ask = (line: string) =>
  Effect.acquireUseRelease(Pool.acquire, (connection) => exchange(connection, line), giveBack)

/** `ask` without waiting: fails with `PoolExhaustedError` reason `NoWait` if no connection is idle. */
export const askNow = (line: string) =>
  Effect.acquireUseRelease(
    Pool.acquireWith({ timeout: 0 }),
    (connection) => exchange(connection, line),
    giveBack
  )

const main = Effect.scoped(Effect.gen(function*() {
  const server = yield* EchoServer.make
  const program = Effect.gen(function*() {
    yield* Console.log("a pool that has opened nothing yet:", (yield* Effect.flip(askNow("one"))).message)
    yield* Console.log("asked and answered:", yield* ask("two"))
    yield* Console.log("without waiting:", yield* askNow("three"))
  })
  yield* Effect.provide(program, TcpPoolLive(server.host, server.port))
}))

if (process.argv[1] === import.meta.filename) NodeRuntime.runMain(main)
