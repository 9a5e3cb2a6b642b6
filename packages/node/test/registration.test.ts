// Real sockets on loopback. Between the look at a connection and the getting in line a fiber may step aside.
import { describe, expect, it } from "@effect/vitest"
import { TcpConnection, TcpPool } from "@socketpool/node"
import { Effect, Exit, Fiber, Scheduler } from "effect"
import { echo, eventually, serve } from "./fixtures/server.js"

/** Makes the fibers it runs step aside at one step, for as long as `meanwhile` takes. */
class StepAside extends Scheduler.MixedScheduler {
  private step = 0
  private aside = false
  /** Whether the step was reached. */
  stepped = false

  constructor(private readonly at: number, private readonly meanwhile: () => Promise<unknown>) {
    super(2048)
  }

  override shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    if (this.step++ !== this.at) return super.shouldYield(fiber)
    this.stepped = true
    this.aside = true
    return 0
  }

  override scheduleTask(task: Scheduler.Task, priority: number, fiber?: Fiber.RuntimeFiber<unknown, unknown>): void {
    if (!this.aside) return super.scheduleTask(task, priority, fiber)
    this.aside = false
    void this.meanwhile().then(() => super.scheduleTask(task, priority, fiber))
  }
}

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((next) => setImmediate(next))
}

describe("a fiber that steps aside on its way into the line", { timeout: 60_000 }, () => {
  for (const timeout of [undefined, "30 seconds"] as const) {
    const kind = timeout === undefined ? "without" : "with"

    it.scopedLive(`reads nothing of the next holder's, ${kind} a timeout`, () =>
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
          const scheduler = new StepAside(at, () => Promise.race([nextLease, turns(100)]))
          const stale = yield* pool.use((connection) =>
            Effect.zipLeft(
              Effect.forkDaemon(Effect.withScheduler(Effect.exit(connection.recv()), scheduler)),
              Effect.promise(() => turns(2))
            )
          )
          const answer = yield* pool.use((connection) =>
            Effect.gen(function*() {
              lentAgain()
              yield* Effect.promise(() => turns(3))
              yield* connection.send("mine")
              return yield* connection.recvExactly(4).pipe(Effect.timeoutOption("2 seconds"))
            })
          )
          expect([at, answer._tag]).toEqual([at, "Some"])
          const exit = yield* Fiber.join(stale)
          expect(Exit.isFailure(exit) && String(exit.cause)).toContain("Released")
          yield* pool.close
          if (!scheduler.stepped) break
        }
      }))

    it.scopedLive(`does not miss the moment when it may write, ${kind} a timeout`, () =>
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
          const first = yield* Effect.fork(connection.send(new Uint8Array(size)))
          yield* eventually("the buffer is full", () => connection.socket.writableNeedDrain || got > 0)
          const scheduler = new StepAside(at, async () => {
            await Effect.runPromise(eventually("the first has been read", () => got >= size))
            await turns(5)
          })
          const second = yield* Effect.fork(Effect.withScheduler(connection.send(new Uint8Array(10)), scheduler))
          const sent = yield* Fiber.join(second).pipe(Effect.timeoutOption("3 seconds"))
          expect([at, sent._tag]).toEqual([at, "Some"])
          yield* Fiber.join(first)
          yield* eventually("all has come", () => got === size + 10)
          if (!scheduler.stepped) break
        }
      }))
  }
})
