import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { parse } from "../src/demo/options.js"

const problem = (...args: ReadonlyArray<string>): string =>
  Either.match(parse(args), { onLeft: (error) => error.message, onRight: () => "accepted" })

describe("the demo's options", () => {
  it("have defaults", () => {
    assert.deepStrictEqual(
      parse([]),
      Either.right({ _tag: "Run", options: { server: undefined, seconds: 8, connections: 8, fibers: 300 } })
    )
  })

  it("are read in either form", () => {
    assert.deepStrictEqual(
      parse(["--port", "7", "--host=echo.example", "--seconds=2.5", "--connections", "3", "--fibers", "40"]),
      Either.right({
        _tag: "Run",
        options: { server: { host: "echo.example", port: 7 }, seconds: 2.5, connections: 3, fibers: 40 }
      })
    )
  })

  it("take this machine for the host when only a port is given", () => {
    const command = Either.getOrThrow(parse(["--port", "7"]))
    assert.deepStrictEqual(command._tag === "Run" && command.options.server, { host: "127.0.0.1", port: 7 })
  })

  it("give help, whatever else is there", () => {
    for (const args of [["--help"], ["-h"], ["--port", "x", "--help"]]) {
      assert.deepStrictEqual(parse(args), Either.right({ _tag: "Help" }))
    }
  })

  it("are refused with the option, the value and the rule", () => {
    assert.strictEqual(problem("--port", "abc"), "--port must be a whole number from 1 to 65535, but is \"abc\"")
    assert.strictEqual(problem("--port=65536"), "--port must be a whole number from 1 to 65535, but is \"65536\"")
    assert.strictEqual(problem("--port"), "--port must be a whole number from 1 to 65535, but is missing")
    assert.strictEqual(problem("--seconds", "-1"), "--seconds must be a number from 1 to 3600, but is \"-1\"")
    assert.strictEqual(problem("--seconds="), "--seconds must be a number from 1 to 3600, but is \"\"")
    assert.strictEqual(
      problem("--connections", "0"),
      "--connections must be a whole number from 1 to 1000, but is \"0\""
    )
    assert.strictEqual(problem("--fibers", "1.5"), "--fibers must be a whole number from 1 to 10000, but is \"1.5\"")
    assert.strictEqual(problem("--port", "7", "--host="), "--host must be a name or an address, but is \"\"")
    assert.strictEqual(problem("--host", "echo.example"), "--port must be given when --host is, but is missing")
  })

  it("are refused when there is no such option", () => {
    for (const argument of ["--ports", "-p", "7"]) {
      assert.strictEqual(
        problem(argument),
        `${argument} is not an option; there are --help, --host, --port, --seconds, --connections, --fibers`
      )
    }
  })
})
