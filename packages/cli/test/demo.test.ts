// The demo with its own server, pool and load.
import { fork, unlogged } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber } from "effect"
import * as Demo from "../src/internal/demo.js"
import { faults } from "../src/internal/faultyServer.js"
import { keyboard, recorded } from "./fixtures/screen.js"

const options: Demo.Options = {
  port: 0,
  page: true,
  seconds: 4,
  fibers: 60,
  connections: 6,
  fault: undefined,
  json: false
}

const until = (isTrue: () => boolean) => Effect.repeat(Effect.sleep("5 millis"), { until: isTrue })

/** Lets a fault last until it has been felt, however long that takes. */
const felt: NonNullable<Demo.Parts["pause"]> = (_, fault, counts) =>
  Effect.suspend(() => {
    const failures = () => [...counts.failed.values()].reduce((sum, { count }) => sum + count, 0)
    const before = { answered: counts.answered, failures: failures(), asked: counts.asked }
    return until(
      {
        none: () => counts.answered > before.answered + 100,
        slow: () => counts.answered > before.answered,
        lossy: () => failures() > before.failures,
        stuck: () => counts.asked > before.asked,
        down: () => failures() > before.failures
      }[fault]
    )
  })

const run = (more: Partial<Demo.Options>, screen: ReturnType<typeof recorded>, parts: Demo.Parts = { pause: felt }) =>
  Demo.run({ ...options, ...more }, parts).pipe(
    Effect.provide(screen.layer),
    unlogged
  )

describe("the demo", () => {
  it.live("goes through all faults, and passes every check", () =>
    Effect.gen(function*() {
      const screen = recorded()
      yield* Effect.mapError(run({}, screen), ({ message }) => `${message}\n${screen.text()}`)
      const text = screen.text()
      assert.match(text, /The live page is at http:\/\/127\.0\.0\.1:\d+\//)
      for (const said of ["answers at once", "after 200 ms", "resets the connection", "never answers", "is down"]) {
        assert.include(text, said)
      }
      const verdict = screen.lines().filter((line) => /^(ok {3}|BAD )/.test(line))
      assert.lengthOf(verdict, 8)
      assert.match(verdict[5]!, /foreign replies: 0, among [1-9][\d,]* on 4 shared connections/)
      assert.match(verdict[6]!, /connections lost: 0, by [1-9][\d,]* interrupted requests/)
      assert.match(verdict[7]!, /[1-9][\d,]* answers of 3 servers behind one pool, 0 of them to the wrong request/)
      assert.match(text, /One of the 3 servers behind one pool stops\.[^]*servers behind one pool is back\./)
      assert.lengthOf(screen.lines().filter((line) => line.endsWith("foreign replies: 0, connections lost: 0")), 6)
      assert.isTrue(verdict.every((line) => line.startsWith("ok")), text)
      assert.notInclude(text, "\x1b")
    }))

  it.live("prints JSON, one document per line", () =>
    Effect.gen(function*() {
      const screen = recorded()
      yield* run({ json: true, page: false, seconds: 2, fault: "none" }, screen)
      const documents = screen.lines().map((line) => JSON.parse(line))
      assert.deepInclude(documents.at(-1), { ok: true })
      for (const { answered, fault, shared, stats } of documents.slice(0, -1)) {
        assert.strictEqual(fault, "none")
        assert.isNumber(answered)
        assert.strictEqual(stats.maxConnections, 6)
        assert.deepInclude(shared, { foreign: 0, lost: 0 })
        assert.isAtMost(shared.stats.sessions.inFlight, options.fibers)
      }
    }))

  it.live("fails if the server sends answers to the wrong request", () =>
    Effect.gen(function*() {
      const screen = recorded()
      let answers = 0
      let last: Buffer = Buffer.from("0:0\n")
      const failure = yield* Effect.flip(run({ page: false, fault: "none" }, screen, {
        answer: (chunk) => {
          const before = last
          last = chunk
          return ++answers % 50 === 0 ? before : chunk
        },
        pause: (_millis, _fault, counts) => until(() => counts.wrong > 0)
      }))
      assert.strictEqual(failure.kind, "failed")
      assert.match(screen.text(), /BAD {2}[\d,]+ answers, [1-9]\d* of them to the wrong request/)
    }))

  const wrongOnShared: ReadonlyArray<readonly [what: string, answer: (line: string) => string, found: RegExp]> = [
    ["sends replies to another request", () => "0:0\n", /BAD {2}foreign replies: [1-9][\d,]*, among/],
    ["sends replies that nobody asked for", (line) => line.repeat(300), /BAD {2}connections lost: [1-9][\d,]*, by/]
  ]

  it.live.each(wrongOnShared)(
    "fails if the server of shared connections %s",
    ([_, answer, found]) =>
      Effect.gen(function*() {
        const screen = recorded()
        let lines = 0
        const failure = yield* Effect.flip(run({ page: false, fault: "none" }, screen, {
          sharedAnswer: (chunk) =>
            Buffer.from(chunk.toString().replace(/.+\n/g, (line) => ++lines % 50 === 0 ? answer(line) : line)),
          pause: () => until(() => lines > 500)
        }))
        assert.strictEqual(failure.kind, "failed")
        assert.match(screen.text(), found)
      })
  )

  it.live("reacts to keys in a terminal, and restores the screen", () =>
    Effect.gen(function*() {
      const { keys, press } = keyboard()
      const screen = recorded({ isTerminal: true, hasBlocks: true, keys })
      const running = yield* fork(run({ page: false }, screen))
      const shows = (text: string) => until(() => screen.text().split("\x1b[H").at(-1)!.includes(text))
      const said = ["answers at once", "after 200 ms", "resets the connection", "never answers", "is down"]
      for (const [i] of faults.entries()) {
        yield* press(String(i + 1))
        yield* shows(said[i]!)
      }
      // The error of the last fault is there, whatever came before it.
      yield* shows("x ConnectError Refused")
      yield* press("\x1b[C")
      yield* shows("answers at once")
      yield* press("k")
      yield* shows("connections killed")
      yield* press("e")
      yield* shows("2 up, 1 ejected")
      yield* shows("e: start one of 3")
      yield* press("e")
      yield* shows("e: stop one of 3")
      yield* press("q")
      yield* Fiber.join(running)
      const [before, after] = screen.text().split("\x1b[?25h\x1b[?1049l")
      assert.isTrue(before!.startsWith("\x1b[?1049h\x1b[?25l"))
      assert.match(before!, /foreign replies: 0.*, .*connections lost: 0/)
      assert.match(after!, /ok {3}[\d,]+ answers, 0 of them to the wrong request/)
    }))
})
