// Real servers on loopback.
import { exitOf, fork, result, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { MemoryServer } from "@socketpool/testing"
import { Clock, Duration, Effect, Fiber, Layer } from "effect"
import * as Bench from "../src/internal/bench.js"
import { benchOptions } from "./fixtures/options.js"
import { recorded } from "./fixtures/screen.js"
import { closedPort, echo, serve } from "./fixtures/servers.js"

const options: Bench.Options = { ...benchOptions, json: true }

const run = (target: string, more: Partial<Bench.Options> = {}) =>
  Effect.gen(function*() {
    const screen = recorded()
    const exit = yield* result(Effect.provide(
      Bench.run({ ...options, target, ...more }),
      screen.layer
    ))
    return { exit, screen, result: () => JSON.parse(screen.text()) }
  })

describe("bench", () => {
  it.scopedLive("agrees with the counts of the server, and with itself", () =>
    Effect.gen(function*() {
      const { accepted, port, received } = yield* echo
      const { exit, result } = yield* run(`tcp://127.0.0.1:${port}`)
      assert.strictEqual(exit._tag, "Success")
      const { answered, callMillis, failed, perSecond, seconds, stats, useMillis, waitMillis } = result()
      assert.strictEqual(received(), answered * 64)
      assert.isAtMost(accepted(), 4)
      assert.deepStrictEqual(failed, {})
      assert.deepStrictEqual([callMillis.count, waitMillis.count, useMillis.count], [answered, answered, answered])
      // One lease more: the first checks that the server is reachable.
      assert.strictEqual(stats.acquired, answered + 1)
      assert.approximately(perSecond, answered / seconds, 1e-6)
      for (const { max, p50, p90, p99, p999 } of [callMillis, waitMillis, useMillis]) {
        assert.isTrue(p50 <= p90 && p90 <= p99 && p99 <= p999 && p999 <= max)
      }
    }))

  it.scoped("shows a stall of the server in an open loop, which a closed loop hides", () =>
    Effect.gen(function*() {
      const began = yield* Clock.currentTimeMillis
      const stall = { from: began + 1_000, until: began + 1_400, millis: 1_500 }
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.gen(function*() {
          const request = yield* peer.recvUntil("\n")
          const now = yield* Clock.currentTimeMillis
          yield* Effect.sleep(now >= stall.from && now < stall.until ? stall.millis : 100)
          yield* peer.send(request)
        }))
      )
      const measure = (more: Partial<Bench.Options>) =>
        Effect.gen(function*() {
          const { layer, text } = recorded()
          const running = yield* Bench.measured("memory", { ...options, connections: 1, ...more }).pipe(
            Effect.provide(Layer.merge(server.layer({ maxConnections: 1 }), layer)),
            fork
          )
          while (exitOf(running) === undefined) yield* TestClock.adjust("100 millis")
          yield* Fiber.join(running)
          return JSON.parse(text())
        })
      const open = yield* measure({ rate: 5, duration: Duration.seconds(4) })
      stall.from = (yield* Clock.currentTimeMillis) + 1_000
      stall.until = stall.from + 400
      const closed = yield* measure({ concurrency: 1, duration: Duration.seconds(4) })
      assert.strictEqual(open.answered, 20)
      // A third of the calls are scheduled during the stall and wait for its end.
      assert.isAbove(open.callMillis.p90, 1_000)
      assert.strictEqual(closed.callMillis.p90, 100)
      assert.strictEqual(closed.callMillis.max, 1_500)
    }))

  it.scopedLive("reads answers by the line, and sends the text of --send", () =>
    Effect.gen(function*() {
      let asked = ""
      const { port } = yield* serve((socket, chunk) => {
        asked ||= chunk.toString()
        socket.write("+PONG\r\n")
      })
      const { result } = yield* run(`tcp://127.0.0.1:${port}`, { send: "PING\\r\\n", expect: "lines", concurrency: 2 })
      assert.strictEqual(asked, "PING\r\n")
      assert.isAbove(result().answered, 0)
    }))

  it.scopedLive("draws a chart whose bars add up, and reports failures by kind", () =>
    Effect.gen(function*() {
      let n = 0
      const { port } = yield* serve((socket, chunk) =>
        ++n % 10 === 0 ? void socket.resetAndDestroy() : void socket.write(chunk)
      )
      const { exit, screen } = yield* run(`tcp://127.0.0.1:${port}`, { json: false })
      assert.deepInclude(exit, { _tag: "Failure" })
      const text = screen.text()
      const answered = Number(/^([\d,]+) answers$/m.exec(text)![1]!.replaceAll(",", ""))
      const bars = [...text.matchAll(/^ *<= .*?([\d,]+)$/gm)].map(([, n]) => Number(n!.replaceAll(",", "")))
      assert.strictEqual(bars.reduce((a, b) => a + b, 0), answered)
      assert.match(text, /^[\d,]+ failed with ConnectionError Reset$/m)
      assert.notInclude(text, "\x1b")
    }))

  it.scopedLive("counts wrong answers as failures, and keeps their connections", () =>
    Effect.gen(function*() {
      let answer = ""
      const { accepted, port } = yield* serve((socket) => void socket.write(answer))
      const cases: ReadonlyArray<[answer: string, more: Partial<Bench.Options>, kind: string | undefined]> = [
        ["-NOAUTH Authentication required.\r\n", {}, "WrongAnswer -NOAUTH Authentication required."],
        ["SERVER_ERROR out of memory\r\n", {}, "WrongAnswer SERVER_ERROR out of memory"],
        ["500 no\n", {}, "WrongAnswer 500 no"],
        ["-1\n", {}, undefined],
        ["500 no\n", { answer: "" }, undefined],
        ["+OK\r\n", { answer: "+PONG" }, "WrongAnswer +OK"],
        ["+PONG\r\n", { answer: "+PONG" }, undefined],
        ["abd\n", { expect: "echo", send: "abc\\n" }, "WrongAnswer abd\n"],
        ["abc\n", { expect: "echo", send: "abc\\n" }, undefined]
      ]
      for (const [text, more, kind] of cases) {
        answer = text
        const before = accepted()
        const { exit, result } = yield* run(`tcp://127.0.0.1:${port}`, {
          connections: 1,
          concurrency: 1,
          duration: Duration.millis(20),
          send: "x\\n",
          expect: "lines",
          ...more
        })
        const { answered, failed } = result()
        assert.deepStrictEqual(Object.keys(failed), kind === undefined ? [] : [kind], text)
        assert.strictEqual(answered === 0, kind !== undefined, text)
        assert.strictEqual(exit._tag, kind === undefined ? "Success" : "Failure", text)
        assert.strictEqual(accepted() - before, 1)
      }
    }))

  it.scopedLive("bounds what it keeps of a server whose answers all differ", () =>
    Effect.gen(function*() {
      let n = 0
      const { port } = yield* serve((socket) => void socket.write(`-ERR ${n++}${"x".repeat(10_000)}\n`))
      const { result } = yield* run(`tcp://127.0.0.1:${port}`, { send: "x\\n", expect: "lines", concurrency: 50 })
      const kinds = Object.keys(result().failed)
      assert.isAtMost(kinds.length, 21)
      assert.isBelow(Math.max(...kinds.map((kind) => kind.length)), 110)
    }))

  it.effect("rejects options that do not fit each other", () =>
    Effect.gen(function*() {
      const message = (more: Partial<Bench.Options>) =>
        Effect.map(run("tcp://127.0.0.1:1", more), ({ exit }) => exit._tag === "Failure" ? exit.failure : undefined)
      assert.deepInclude(yield* message({ answer: "x" }), {
        kind: "usage",
        message: "--answer requires --expect lines"
      })
      assert.deepInclude(yield* message({ payload: 10_000_000, connections: 101 }), {
        kind: "usage",
        message: "--payload times --connections must be at most 1,000,000,000, but is 1,010,000,000"
      })
    }))

  it.scopedLive("rejects an invalid address, and reports an unreachable server", () =>
    Effect.gen(function*() {
      const kind = (target: string) =>
        Effect.map(run(target), ({ exit }) => exit._tag === "Failure" ? exit.failure.kind : "none")
      for (const target of ["localhost:80", "http://x:80", "tcp://x", "tcp://x:0", "tcp://x:99999", "unix:", ""]) {
        assert.strictEqual(yield* kind(target), "usage", target)
      }
      assert.strictEqual(yield* kind(`tcp://127.0.0.1:${yield* closedPort}`), "unreachable")
      assert.strictEqual(yield* kind("unix:/nowhere/at/all"), "unreachable")
    }))
})
