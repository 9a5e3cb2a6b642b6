// Real sockets on loopback. A fiber may yield between its check of a connection and its entry into the queue.
import { TcpConnection, TcpPool } from "@socketpool/node"
import { fork, forkDaemon, withScheduler } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { SteppingScheduler } from "@socketpool/testing"
import { Effect, Exit, Fiber } from "effect"
import { echo, eventually, serve } from "./fixtures/server.js"

/** Makes its fibers yield at one step, until `meanwhile` has run. */
const steppingAside = (at: number, meanwhile: () => Promise<unknown>) => {
  const scheduler = SteppingScheduler.make()
  const watch = scheduler.watch("all", { at, aside: (goOn) => void meanwhile().then(goOn) })
  return { scheduler, watch }
}

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((next) => setImmediate(next))
}

describe("a fiber that yields on its way into the queue", () => {
  for (const timeout of [undefined, "1 minute"] as const) {
    const kind = timeout === undefined ? "without" : "with"

    it.scopedLive(`reads nothing of the next holder's data, ${kind} a timeout`, () =>
      Effect.gen(function*() {
        const server = yield* serve(echo)
        for (let at = 0;; at++) {
          const pool = yield* TcpPool.make({
            host: "127.0.0.1",
            port: server.port,
            maxConnections: 1,
            ...(timeout === undefined ? {} : { timeout })
          })
          let lentAgain = () => {}
          const nextLease = new Promise<void>((resolve) => lentAgain = resolve)
          const { scheduler, watch } = steppingAside(at, () => Promise.race([nextLease, turns(100)]))
          const stale = yield* pool.use((connection) =>
            Effect.tap(
              forkDaemon(withScheduler(Effect.exit(connection.recv()), scheduler)),
              Effect.promise(() => turns(2))
            )
          )
          const answer = yield* pool.use((connection) =>
            Effect.gen(function*() {
              lentAgain()
              yield* Effect.promise(() => turns(3))
              yield* connection.send("mine")
              return yield* connection.recvExactly(4).pipe(Effect.timeoutOption("30 seconds"))
            })
          )
          expect([at, answer._tag]).toEqual([at, "Some"])
          const exit = yield* Fiber.join(stale)
          expect(Exit.isFailure(exit) && String(exit.cause)).toContain("Released")
          yield* pool.close
          if (!watch.reached) break
        }
      }))

    it.scopedLive(`does not miss the moment at which it may write, ${kind} a timeout`, () =>
      Effect.gen(function*() {
        for (let at = 0;; at++) {
          let got = 0
          const server = yield* serve((socket) => void socket.on("data", (chunk) => got += chunk.length))
          const connection = yield* TcpConnection.open({
            host: "127.0.0.1",
            port: server.port,
            ...(timeout === undefined ? {} : { timeout })
          })
          const size = 8_000_000
          const first = yield* fork(connection.send(new Uint8Array(size)))
          yield* eventually("the buffer is full", () => connection.socket.writableNeedDrain || got > 0)
          const { scheduler, watch } = steppingAside(at, async () => {
            await Effect.runPromise(eventually("the first has been read", () => got >= size))
            await turns(5)
          })
          const second = yield* fork(withScheduler(connection.send(new Uint8Array(10)), scheduler))
          const sent = yield* Fiber.join(second).pipe(Effect.timeoutOption("30 seconds"))
          expect([at, sent._tag]).toEqual([at, "Some"])
          yield* Fiber.join(first)
          yield* eventually("all has come", () => got === size + 10)
          if (!watch.reached) break
        }
      }))
  }
})
