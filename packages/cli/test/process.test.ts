// The command as a process.
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { isLong } from "../../core/test/search.js"
import { exitCodes } from "../src/internal/failure.js"
import { socketpool } from "./fixtures/command.js"
import { usages } from "./fixtures/usages.js"

const { version } = JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, "../package.json"), "utf8"))

type Case = readonly [args: ReadonlyArray<string>, code: number, told: RegExp]

const expectEach = async (cases: ReadonlyArray<Case>) => {
  const ended = await Promise.all(cases.map(([args]) => socketpool(args)))
  for (const [i, { code, err, out }] of ended.entries()) {
    const [args, wanted, text] = cases[i]!
    assert.strictEqual(code, wanted, args.join(" ") + err)
    assert.match(out + err, text)
    // oxlint-disable-next-line no-control-regex -- it looks for them
    assert.notMatch(out + err, /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/, args.join(" "))
  }
}

describe("the command", { timeout: 600_000 }, () => {
  it("sets the exit code, and names the option, the value and the rule in errors", async () => {
    await expectEach([
      [["--version"], exitCodes.ok, new RegExp(`^${version.replaceAll(".", "\\.")}$`, "m")],
      [["demo", "--seconds", "0"], exitCodes.usage, /--seconds must be a whole number from 1 to 3600, but is "0"/],
      [["top", "http://127.0.0.1:1"], exitCodes.unreachable, /No dashboard answers/],
      [["doctor", "tcp://127.0.0.1:1"], exitCodes.failed, /ECONNREFUSED/],
      // The argument comes back in the error.
      [["top", "x", "\x1b]0;owned\x07\x9b2J\u202e"], exitCodes.usage, /\\u001b\]0;owned\\u0007\\u009b2J\\u202e/]
    ])
  })

  // Each starts a process, which takes seconds: not in a short run.
  it.runIf(isLong)("names what is wrong with every other argument, too", async () => {
    await expectEach([
      [
        ["bench", "tcp://x:1", "--duration", "soon"],
        exitCodes.usage,
        /--duration must be a duration .*, but is "soon"/
      ],
      [["bench", "tcp://x:1", "--rate", "-1"], exitCodes.usage, /--rate must be a number of calls per second/],
      [["bench", "nonsense"], exitCodes.usage, /The server must be tcp:\/\/host:port/],
      [["demo", "--fault", "worse"], exitCodes.usage, /fault/],
      [["nothing"], exitCodes.usage, /subcommand.* for "?socketpool/],
      [["bench", "tcp://127.0.0.1:1"], exitCodes.unreachable, /ECONNREFUSED/]
    ])
  })

  it("documents its commands and exit codes, and prints completions", async () => {
    const [help, demo, fleet, bash] = await Promise.all([
      socketpool(["--help"]),
      socketpool(["demo", "--help"]),
      socketpool(["demo", "fleet", "--help"]),
      socketpool(["--completions", "bash"])
    ])
    assert.match(help.out, usages.root)
    assert.match(demo.out, usages.demo)
    assert.match(demo.out, usages.fleetInDemo)
    assert.match(fleet.out, usages.fleet)
    assert.match(fleet.out, /1 to 4 kill a process or start it again/)
    for (const word of ["demo", "top", "bench", "doctor", "130 interrupted", "or a missing program"]) {
      assert.include(help.out, word)
    }
    assert.notInclude(help.out, "\x1b")
    assert.include(bash.out, "doctor")
  })

  it("ends with 130 on Ctrl-C", async () => {
    const { code, err } = await socketpool(["demo", "--no-page", "--seconds", "60"], (out, child) => {
      if (out.includes("answers/s")) child.kill("SIGINT")
    })
    assert.strictEqual(code, exitCodes.interrupted, err)
  })

  it("ends without an error when its output is closed", async () => {
    const { code, err } = await socketpool(["demo", "--no-page", "--seconds", "60"], (_out, child) => {
      child.stdout?.destroy()
    })
    assert.deepStrictEqual([code, err.replace(/npm warn.*\n/g, "")], [exitCodes.ok, ""])
  })
})
