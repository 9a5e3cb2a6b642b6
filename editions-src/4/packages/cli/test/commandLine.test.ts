// The habits of Effect 4's command line that the command does not have.
import { result } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Effect, Layer } from "effect"
import * as Cli from "../src/internal/cli.js"
import * as Commands from "../src/internal/commands.js"
import { recorded } from "./fixtures/screen.js"

const socketpool = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const out: Array<string> = []
    const err: Array<string> = []
    const end = yield* result(
      Commands.run(["node", "socketpool", ...args]).pipe(
        Effect.provide(Layer.merge(recorded().layer, Cli.services)),
        Cli.withConsole((...texts) => void out.push(...texts.map(String)), (...texts) =>
          void err.push(...texts.map(String)))
      )
    )
    return { end: end._tag, out: out.join("\n"), err: err.join("\n") }
  })

describe("the command line", () => {
  it.effect("shows the help and succeeds without a command", () =>
    Effect.gen(function*() {
      const { end, err, out } = yield* socketpool()
      assert.deepStrictEqual([end, err], ["Success", ""])
      assert.match(out, /^ {2}socketpool <subcommand> \[flags\]$/m)
      assert.match(out, /^ {2}Exit codes: 0 success; /m)
    }))

  it.effect("says what is wrong with the arguments, without the help", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* socketpool("size", "--arrivals", "0", "--hold", "5ms"), {
        end: "Failure",
        out: "",
        err: "--arrivals must be a number of requests per second from 0.001 to 1000000, but is \"0\""
      })
    }))

  it.effect("takes what looks like a number below zero for the value of the flag before it", () =>
    Effect.gen(function*() {
      const said = "--hold must be a duration from 0.001ms to 24h, such as 500ms, 10s or 2m, but is \"-5ms\""
      assert.strictEqual((yield* socketpool("size", "--arrivals", "1", "--hold", "-5ms")).err, said)
      assert.strictEqual((yield* socketpool("size", "--arrivals", "1", "--hold=-5ms")).err, said)
      const alone = yield* socketpool("size", "--arrivals=1", "--hold=5ms", "-5")
      assert.strictEqual(alone.err, "Unexpected positional argument: \"-5\"")
    }))

  it.effect("has no negation of a flag that is one already", () =>
    Effect.gen(function*() {
      assert.match((yield* socketpool("demo", "--no-no-page")).err, /Unrecognized flag: --no-no-page/)
    }))
})
