// Real servers on loopback.
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import * as Bench from "../src/internal/bench.js"
import { recorded } from "./fixtures/screen.js"
import { closedPort, echo, serve } from "./fixtures/servers.js"

const run = (target: string, more: Partial<Bench.Options> = {}) =>
  Effect.gen(function*() {
    const screen = recorded()
    const exit = yield* Effect.either(Effect.provide(
      Bench.run({
        target,
        connections: 4,
        concurrency: 20,
        rate: undefined,
        duration: Duration.millis(500),
        payload: 64,
        send: undefined,
        expect: "echo",
        answer: undefined,
        login: undefined,
        json: true,
        ...more
      }),
      screen.layer
    ))
    return { exit, screen, result: () => JSON.parse(screen.text()) }
  })

describe("bench", () => {
  it.scopedLive("agrees with the counts of the server, and with itself", () =>
    Effect.gen(function*() {
      const { accepted, port, received } = yield* echo
      const { exit, result } = yield* run(`tcp://127.0.0.1:${port}`)
      assert.strictEqual(exit._tag, "Right")
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

  it.scopedLive("shows a stall of the server in an open loop, which a closed loop hides", () =>
    Effect.gen(function*() {
      let isStalled = false
      const stalling = serve((socket, chunk) => {
        if (!isStalled) return void socket.write(chunk)
        setTimeout(() => socket.write(chunk), 300)
      })
      const { port } = yield* stalling
      const stall = Effect.sync(() => void (isStalled = true)).pipe(
        Effect.delay("200 millis"),
        Effect.zipRight(Effect.sync(() => void (isStalled = false)).pipe(Effect.delay("50 millis"))),
        Effect.fork
      )
      yield* stall
      const target = `tcp://127.0.0.1:${port}`
      const open = (yield* run(target, { rate: 400, connections: 1, duration: Duration.millis(1_000) })).result()
      yield* stall
      const closed = (yield* run(target, { concurrency: 1, connections: 1, duration: Duration.millis(1_000) })).result()
      assert.strictEqual(open.answered, 400)
      // A third of the calls are scheduled during the stall and wait for its end.
      assert.isAbove(open.callMillis.p90, 100)
      assert.isBelow(closed.callMillis.p90, 50)
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
      assert.isAbove(result().answered, 10)
    }))

  it.scopedLive("draws a chart whose bars add up, and reports failures by kind", () =>
    Effect.gen(function*() {
      let n = 0
      const { port } = yield* serve((socket, chunk) =>
        ++n % 10 === 0 ? void socket.resetAndDestroy() : void socket.write(chunk)
      )
      const { exit, screen } = yield* run(`tcp://127.0.0.1:${port}`, { json: false })
      assert.deepInclude(exit, { _tag: "Left" })
      const text = screen.text()
      const answered = Number(/^([\d,]+) answers$/m.exec(text)![1]!.replaceAll(",", ""))
      const bars = [...text.matchAll(/^ *<= .*?([\d,]+)$/gm)].map(([, n]) => Number(n!.replaceAll(",", "")))
      assert.strictEqual(bars.reduce((a, b) => a + b, 0), answered)
      assert.match(text, /^[\d,]+ failed with ConnectionError Reset$/m)
      assert.notInclude(text, "\x1b")
    }))

  it.scopedLive("rejects an invalid address, and reports an unreachable server", () =>
    Effect.gen(function*() {
      const kind = (target: string) =>
        Effect.map(run(target), ({ exit }) => exit._tag === "Left" ? exit.left.kind : "none")
      for (const target of ["localhost:80", "http://x:80", "tcp://x", "tcp://x:0", "tcp://x:99999", "unix:", ""]) {
        assert.strictEqual(yield* kind(target), "usage", target)
      }
      assert.strictEqual(yield* kind(`tcp://127.0.0.1:${yield* closedPort}`), "unreachable")
      assert.strictEqual(yield* kind("unix:/nowhere/at/all"), "unreachable")
    }))
})
