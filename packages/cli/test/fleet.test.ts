// The fleet of the demo: real processes, a Redis of its own, and what is left when it ends.
import { fork, unlogged } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber } from "effect"
import * as net from "node:net"
import { isMissing } from "../../node/test/fixtures/realServer.js"
import { installed } from "../../node/test/fixtures/redisServer.js"
import { bundled } from "../../tools/bundled/bundled.js"
import { exitCodes } from "../src/internal/failure.js"
import * as FleetDemo from "../src/internal/fleet/fleetDemo.js"
import { bin, socketpool } from "./fixtures/command.js"
import { keyboard, recorded } from "./fixtures/screen.js"

/** The line that the demo prints each second with `--json`. */
interface Document {
  readonly limit: number
  readonly server: { readonly connections: number; readonly peak: number }
  readonly redis: { readonly port: number }
  readonly processes: ReadonlyArray<
    {
      readonly number: number
      readonly pid?: number
      readonly state: string
      readonly held: number
      readonly failed: number
      readonly leasesPerSecond: number
    }
  >
  readonly events: ReadonlyArray<{ readonly text: string; readonly afterMillis?: number }>
}

const documentsOf = (out: string): ReadonlyArray<any> =>
  out.split("\n").filter((line) => line.endsWith("}")).map((line) => JSON.parse(line))

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const listens = (port: number) =>
  new Promise<boolean>((done) => {
    const socket = net.connect(port, "127.0.0.1", () => done(true)).on("error", () => done(false))
    socket.on("connect", () => socket.destroy())
  })

/** Waits until the processes and the Redis of the demo are gone. */
const nothingIsLeft = async ({ processes, redis }: Document) => {
  const pids = processes.flatMap(({ pid }) => pid === undefined ? [] : [pid])
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    if (!pids.some(isAlive) && !(await listens(redis.port))) return
    await new Promise((done) => setTimeout(done, 20))
  }
  assert.deepStrictEqual([pids.filter(isAlive), await listens(redis.port)], [[], false], "the demo leaves something")
}

describe("the fleet demo without redis-server", () => {
  it("says so, and ends with the exit code for what is missing", async () => {
    const { code, err, out } = await socketpool(["demo", "fleet"], () => {}, { ...process.env, PATH: "/nowhere" })
    assert.deepStrictEqual([code, out], [exitCodes.unreachable, ""])
    assert.match(err, /^redis-server is not installed, or not in the PATH\. .*apt install redis-server/)
  })
})

describe.skipIf(isMissing("redis-server", installed))("the fleet demo", () => {
  it("kills a process, gives its places to others, never exceeds the limit, and leaves nothing behind", async () => {
    const { code, err, out } = await socketpool(["demo", "fleet", "--seconds", "4", "--json"])
    assert.deepStrictEqual([code, err], [exitCodes.ok, ""])
    const documents = documentsOf(out)
    const seconds: ReadonlyArray<Document> = documents.slice(0, -1)
    assert.isTrue(documents.at(-1).ok)
    assert.isAtLeast(seconds.length, 4)
    const busy = new Set<number>()
    for (const { limit, processes, server } of seconds) {
      assert.deepStrictEqual([limit, processes.length], [8, 4])
      assert.isAtMost(server.peak, 8)
      for (const { failed, held, leasesPerSecond, number, state } of processes) {
        assert.strictEqual(failed, 0)
        // Not in each second: a process may get no processor for one.
        if (state === "alive" && held > 0 && leasesPerSecond > 0) busy.add(number)
      }
    }
    assert.deepStrictEqual([...busy].sort(), [1, 2, 3, 4])
    assert.strictEqual(seconds.at(-1)!.server.peak, 8)
    assert.deepStrictEqual(seconds.map(({ processes }) => processes[1]!.state).slice(0, 3), ["alive", "alive", "dead"])
    const events = seconds.flatMap(({ events }) => events)
    assert.isTrue(events.some(({ text }) => /^process 2 is killed \(SIGKILL\); it held [1-8] places?$/.test(text)))
    assert.isTrue(events.some(({ text }) => /^Redis withholds the \d places? of process 2 for 1 s$/.test(text)))
    const given = events.find(({ text }) => /^the \d places? of process 2 are given to others: 1 to/.test(text))
    // They are withheld for a second.
    assert.isAtLeast(given!.afterMillis!, 1_000)
    await nothingIsLeft(seconds[0]!)
  })

  it.each(["SIGKILL", "SIGHUP", "SIGTERM"] as const)("leaves nothing behind when it is ended by %s", async (signal) => {
    let first: Document | undefined
    const { code } = await socketpool(["demo", "fleet", "--seconds", "60", "--json"], (out, child) => {
      first ??= documentsOf(out)[0]
      if (first !== undefined) child.kill(signal)
    })
    assert.notStrictEqual(code, exitCodes.ok)
    assert.isTrue(first!.processes.every(({ pid }) => pid !== undefined))
    await nothingIsLeft(first!)
  })

  it("prints a line a second without a terminal, and ends with 130 on Ctrl-C", async () => {
    const { code, err, out } = await socketpool(["demo", "fleet", "--seconds", "60"], (out, child) => {
      if (out.includes("  2 s  ")) child.kill("SIGINT")
    })
    assert.deepStrictEqual([code, err], [exitCodes.interrupted, ""])
    assert.match(
      out,
      /^ {2}1 s {2}server \d of 8 \(peak \d\) {2}1: \d held, \d wanted, \d in use, \d+ leases\/s {2}2: /m
    )
    assert.notInclude(out, "\x1b")
  })

  it.live("reacts to keys in a terminal", () =>
    Effect.gen(function*() {
      const program = { path: yield* Effect.promise(() => bundled(bin)), args: ["demo", "fleet"] }
      const { keys, press } = keyboard()
      const screen = recorded({ isTerminal: true, hasBlocks: true, keys })
      const running = yield* fork(
        FleetDemo.run({ seconds: 4, json: false }, program).pipe(
          Effect.provide(screen.layer),
          unlogged
        )
      )
      const shows = (text: RegExp) =>
        Effect.repeat(Effect.sleep("10 millis"), { until: () => text.test(screen.text().split("\x1b[H").at(-1)!) })
      yield* shows(/^> 1 {2}pid \d+ {2,}alive {2,}[1-8] /m)
      yield* shows(/^ {2}2 {2}pid \d+ {2,}alive {2,}[1-8] /m)
      yield* press("2")
      yield* shows(/^ {2}2 {2,}withheld {2,}[1-8] /m)
      yield* shows(/^ {2}2 {2,}dead {2,}0 /m)
      yield* shows(/\+[\d,]+ ms {2}the \d places? of process 2 are given to others/)
      yield* press("2")
      yield* shows(/^ {2}2 {2}pid \d+ {2,}alive {2,}[1-8] /m)
      yield* press("\x1b[B")
      yield* press("i")
      yield* shows(/^> 2 {2}pid \d+ {2,}alive {2,}0 +0 +0 +\d+ +idle/m)
      yield* press("+", "+", "-", "+")
      yield* shows(/^> 2 {2}pid \d+ {2,}alive {2,}[1-4] .* 4 {2}[█░]+/m)
      const pids = [...screen.text().split("\x1b[H").at(-1)!.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid))
      assert.deepStrictEqual(pids.map(isAlive), [true, true, true, true])
      yield* press("q")
      yield* Fiber.join(running)
      assert.deepStrictEqual(pids.filter(isAlive), [])
      assert.match(screen.text(), /ok {3}the server has seen 8 connections at once at most, and 8 are allowed\n$/)
    }))
})
