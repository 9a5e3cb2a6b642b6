// Foreign text that would steer a terminal: names, answers, certificates and addresses, over real sockets.
import { Pool } from "@socketpool/core"
import { Snapshot } from "@socketpool/dashboard/Snapshot"
import { decode, encode, fork, fromJson, result } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Duration, Effect, Fiber } from "effect"
import * as path from "node:path"
import * as Bench from "../src/internal/bench.js"
import * as Doctor from "../src/internal/doctor.js"
import type { Failure } from "../src/internal/failure.js"
import type { Screen } from "../src/internal/screen.js"
import { visible } from "../src/internal/text.js"
import * as Top from "../src/internal/top.js"
import { benchOptions, doctorOptions } from "./fixtures/options.js"
import { keyboard, recorded } from "./fixtures/screen.js"
import { serve, serveTls } from "./fixtures/servers.js"

/** Clipboard, title, erase, concealed text, 8-bit CSI, DEL, direction, line separators, half a pair, a tag. */
const hostile = "A\x1b]52;c;b3duZWQ=\x07\x1b]0;owned\x1b\\\x1b[2J\x1b[8m\x9b31m\x7f\x00\b\r\u202e\u2066\u200f\u061c" +
  "\u2028\u2029\u0085" + String.fromCharCode(0xd800) + "\u{e0041}\u200b\ufeffZ"

/** The sequences with which the command itself steers the terminal. */
// oxlint-disable-next-line no-control-regex -- it looks for them
const own = /\x1b\[(?:(?:[012]|7|3[123])m|H|K|J|\?(?:7|25|1049)[hl])|\r\n|\r(?=\x1b\[K|[#.]{40})|\n/g

/** Written out, and not as in the code under test. */
const ranges = [
  [0, 0x1f],
  [0x7f, 0x9f],
  [0x61c, 0x61c],
  [0x200b, 0x200b],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x2069],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xe0001, 0xe007f]
] as const

const isClean = (text: string) => {
  const rest = Array.from(text.replace(own, ""), (char) => char.codePointAt(0)!)
  assert.isEmpty(rest.filter((code) => ranges.some(([from, to]) => code >= from && code <= to)), text)
  return text
}

/** Runs a command on a terminal, and returns what was written and the message of its failure. */
const written = (
  command: Effect.Effect<void, Failure, Screen>,
  device: Parameters<typeof recorded>[0] = { isTerminal: true, hasColors: true, columns: () => 300 }
) =>
  Effect.gen(function*() {
    const screen = recorded(device)
    const exit = yield* result(Effect.provide(command, screen.layer))
    return isClean(exit._tag === "Failure" ? `${screen.text()}${exit.failure.message}` : screen.text())
  })

/** A dashboard whose pool and span have hostile names. */
const dashboard = Effect.gen(function*() {
  const pool = yield* Effect.scoped(Pool.make({ open: Effect.void }))
  const document = yield* encode(fromJson(Snapshot), {
    at: 0,
    pools: [{
      id: 1,
      name: hostile,
      stats: yield* pool.stats,
      leases: [{
        connectionId: 1,
        holder: { fiber: "#1", span: hostile, heldMillis: 1 },
        suspected: false,
        exclusive: false,
        connectionLeases: 1
      }],
      advice: { ...(yield* pool.advise), reasons: [hostile] }
    }]
  })
  const body = Buffer.from(document)
  const { port } = yield* serve((socket) =>
    void socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`), body]))
  )
  return `http://127.0.0.1:${port}`
})

const top = (url: string, more: Partial<Top.Options> = {}) =>
  Top.run({ url, interval: Duration.millis(50), once: false, json: false, token: undefined, ...more })

const doctor = (target: string, more: Partial<Doctor.Options> = {}) => Doctor.run({ ...doctorOptions, target, ...more })

const bench = (target: string) =>
  Bench.run({
    ...benchOptions,
    target,
    connections: 1,
    concurrency: 1,
    duration: Duration.millis(20),
    expect: "lines",
    answer: "+"
  })

describe("foreign text", () => {
  it("is shown with escapes, and as the same document in JSON", () => {
    assert.strictEqual(
      visible(`\x1b[2J\n\x9b\x7f\u202e\u2028${String.fromCharCode(0xd800)}\r\t`),
      "\\u001b[2J\\n\\u009b\\u007f\\u202e\\u2028\\ud800\\r\\t"
    )
    const harmless = "größe 日本語 👩‍💻 \\u001b می‌خواهم"
    assert.strictEqual(visible(harmless), harmless)
    const document = { [hostile]: hostile }
    assert.deepStrictEqual(JSON.parse(visible(JSON.stringify(document))), document)
    assert.strictEqual(visible(visible(hostile)), visible(hostile))
  })

  it.scopedLive("in the names of pools and spans does not reach the terminal of top", () =>
    Effect.gen(function*() {
      const url = yield* dashboard
      const named = visible(hostile).slice(0, 20)
      assert.include(yield* written(top(url, { once: true })), named)
      assert.include(yield* written(top(url), {}), named)
      const document = yield* written(top(url, { once: true, json: true }))
      const { pools } = yield* decode(fromJson(Snapshot), document)
      assert.strictEqual(pools[0]!.name, hostile)

      const { keys, press } = keyboard()
      const screen = recorded({ isTerminal: true, hasColors: true, keys })
      const running = yield* fork(Effect.provide(top(url), screen.layer))
      while (screen.text().split("\x1b[H").length < 3) yield* Effect.sleep("5 millis")
      yield* press("q")
      yield* Fiber.join(running)
      isClean(screen.text())
    }))

  it.scopedLive("in a dashboard, a greeting, answers and a certificate does not reach the terminal of doctor", () =>
    Effect.gen(function*() {
      const greeting = yield* serve(() => {}, (socket) => void socket.write(hostile))
      assert.include(yield* written(doctor(`tcp://127.0.0.1:${greeting.port}`)), "greeting")
      const redis = yield* serve((socket) => void socket.write(`-ERR ${hostile}\n`))
      const target = `tcp://127.0.0.1:${redis.port}`
      assert.include(yield* written(doctor(target, { protocol: "redis" })), "-ERR A\\u001b]52")
      assert.include(yield* written(doctor(target, { url: yield* dashboard })), "size")
      const certified = yield* written(
        doctor(`tls://127.0.0.1:${yield* serveTls("hostile", path.join(import.meta.dirname, "fixtures"))}`)
      )
      assert.include(certified, "evil\\u001b]0;owned\\u0007\\u009b\\u202e")
    }))

  it.scopedLive("in answers does not reach the terminal of bench", () =>
    Effect.gen(function*() {
      const { port } = yield* serve((socket) => void socket.write(`-${hostile}\n`))
      assert.include(yield* written(bench(`tcp://127.0.0.1:${port}`)), "failed with WrongAnswer -A\\u001b]52")
    }))

  it.effect("in addresses does not reach the terminal", () =>
    Effect.forEach(
      [
        ...["", "http://", "http://x/", "tcp://", "tcp://x:", "tcp://x:1/"].map((start) => `${start}${hostile}`),
        `tcp://${hostile}:80`
      ],
      (address) =>
        Effect.all([written(top(address)), written(doctor(address)), written(bench(address))].map((one) =>
          Effect.map(one, (text) => assert.match(text, /\\u001b|%1B/))
        ))
    ))
})
