// Addresses with secrets, answers without an end, and the rules of options.
import { result } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Effect, Layer } from "effect"
import * as zlib from "node:zlib"
import * as Cli from "../src/internal/cli.js"
import * as Commands from "../src/internal/commands.js"
import * as DashboardClient from "../src/internal/dashboardClient.js"
import { recorded } from "./fixtures/screen.js"
import { serve } from "./fixtures/servers.js"

/** Runs the command in this process, and returns everything that it printed and failed with. */
const socketpool = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const screen = recorded()
    const printed: Array<string> = []
    const write = (...parts: ReadonlyArray<unknown>) => void printed.push(parts.join(" "))
    const exit = yield* result(
      Commands.run(["node", "socketpool", ...args]).pipe(
        Effect.provide(Layer.merge(screen.layer, Cli.services)),
        Cli.withConsole(write, write)
      )
    )
    const message = exit._tag === "Failure" && exit.failure._tag === "Failure" ? exit.failure.message : ""
    return { hasFailed: exit._tag === "Failure", text: [screen.text(), ...printed, message].join("\n") }
  })

describe("a secret in an address", () => {
  const secret = "s3cr:e#t?/p@ss"
  const word = /s3cr|ss@|p@ss|e#t/
  const addresses = [
    `http://user:${secret}@127.0.0.1:1`,
    `http://user:${secret}@127.0.0.1:99999`,
    `https://${secret}@127.0.0.1`,
    `user:${secret}@127.0.0.1:1`,
    "http://127.0.0.1:1/?token=s3cr",
    "http://127.0.0.1:1/#s3cr",
    `ftp://user:${secret}@127.0.0.1:1`,
    `tcp://user:${secret}@127.0.0.1:1`,
    `tcp://s3cr@127.0.0.1:1`,
    `redis://:${secret}@127.0.0.1:1/0?password=s3cr`,
    `tls://user:${secret}@127.0.0.1`
  ]
  it.effect.each(addresses)("is not shown: %s", (address) =>
    Effect.gen(function*() {
      for (
        const args of [["top", address], ["bench", address], ["doctor", address], [
          "doctor",
          "tcp://127.0.0.1:1",
          "--url",
          address
        ]]
      ) {
        const { hasFailed, text } = yield* socketpool(...args)
        assert.isTrue(hasFailed)
        assert.notMatch(text, word)
        assert.match(text, /must be (the address of a dashboard|tcp:\/\/host:port)/, args.join(" "))
      }
    }))
})

describe("a token", () => {
  it.effect.each(["s3cr\nx", "s3cr x", "s3cré"])(
    "that no header can carry is refused, and not shown: %j",
    (token) =>
      Effect.gen(function*() {
        process.env["SOCKETPOOL_TOKEN"] = token
        const { hasFailed, text } = yield* socketpool("top", "http://127.0.0.1:1")
        assert.isTrue(hasFailed)
        assert.include(text, "SOCKETPOOL_TOKEN must consist of printable ASCII characters")
        assert.notInclude(text, "s3cr")
      }).pipe(Effect.ensuring(Effect.sync(() => delete process.env["SOCKETPOOL_TOKEN"])))
  )
})

describe("the answer of a dashboard", () => {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
  const limits = { bytes: 1_000_000, time: "20 seconds" } as const
  const cases: ReadonlyArray<
    [what: string, answer: Buffer, limits: Parameters<typeof DashboardClient.snapshot>[2], message: RegExp]
  > = [
    ["that never begins", Buffer.from(""), { bytes: 1e6, time: "50 millis" }, /not answered completely within 50ms/],
    ["that never ends", Buffer.from(`${head}\r\n{`), { bytes: 1e6, time: "50 millis" }, /not answered completely/],
    ["of any length", Buffer.from(`${head}\r\n${" ".repeat(2_000_000)}`), limits, /sends more than 1,000,000 bytes/],
    [
      "that is compressed",
      Buffer.concat([
        Buffer.from(`${head}content-encoding: gzip\r\n\r\n`),
        zlib.gzipSync(Buffer.alloc(50_000_000, " "))
      ]),
      limits,
      /sends more than 1,000,000 bytes/
    ]
  ]
  it.scopedLive.each(cases)("is given up: one %s", ([, answer, limits, message]) =>
    Effect.gen(function*() {
      const { port } = yield* serve((socket) => void socket.write(answer))
      const url = new URL(`http://127.0.0.1:${port}/`)
      const failure = yield* Effect.flip(DashboardClient.snapshot(url, undefined, limits))
      assert.strictEqual(failure.kind, "unreachable")
      assert.match(failure.message, message)
    }))
})

describe("the value of an option", () => {
  const numbers = ["-1", "1e3", "0x10", "Infinity", "NaN", "", " 5", "1_000", "five", "99999999999999999999"]
  const durations = ["0s", "-1s", "Infinity", "infinity", "soon", "", "5", "1e9h", "999999h", "10 years", "1 nanos"]
  const options: ReadonlyArray<[command: string, option: string, rule: RegExp, more?: ReadonlyArray<string>]> = [
    ["demo", "port", /a whole number from 0 to 65535/, ["1.5", "65536"]],
    ["demo", "seconds", /a whole number from 1 to 3600/, ["0", "0.5", "3601"]],
    ["demo", "fibers", /a whole number from 1 to 10000/, ["0", "10001"]],
    ["demo", "connections", /a whole number from 1 to 1000/, ["0", "1001"]],
    ["bench", "connections", /a whole number from 1 to 10000/, ["0", "10001"]],
    ["bench", "concurrency", /a whole number from 1 to 100000/, ["0", "100001"]],
    ["bench", "payload", /a whole number from 1 to 10000000/, ["0", "10000001"]],
    ["bench", "rate", /a number of calls per second from 0.01 to 100000/, ["0", "0.001", "1e12", "100000.1"]],
    ["doctor", "max-connections", /a whole number from 1 to 1000000/, ["0"]],
    ["doctor", "processes", /a whole number from 1 to 100000/, ["0"]],
    ["top", "interval", /a duration from 50ms to 1h/, ["49ms", "61m", ...durations]],
    ["bench", "duration", /a duration from 1ms to 24h/, ["0.5ms", "25h", ...durations]],
    ["doctor", "idle-timeout", /a duration from 1ms to 10000h/, durations],
    ["doctor", "watch-idle", /a duration from 1ms to 24h/, ["25h", ...durations]],
    ["doctor", "measure", /a duration from 1ms to 24h/, ["25h", ...durations]]
  ]
  it.effect.each(options)("of %s --%s follows a rule", ([command, option, rule, more = []]) =>
    Effect.gen(function*() {
      const isNumber = rule.source.includes("number")
      for (const value of [...(isNumber ? numbers : []), ...more]) {
        const { hasFailed, text } = yield* socketpool(
          command,
          `--${option}`,
          value,
          ...(command === "demo" ? [] : ["tcp://127.0.0.1:1"])
        )
        assert.isTrue(hasFailed, value)
        assert.match(text, new RegExp(`--${option} must be ${rule.source}.*, but is `), value)
        assert.include(text, `but is ${JSON.stringify(value)}`)
      }
    }))
})
