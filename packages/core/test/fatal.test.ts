// N17: a failure that further opens would repeat, such as a wrong password.
import { Pool } from "@socketpool/core"
import { addLogger, fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Data, Effect, Fiber } from "effect"
import { forkSettled, settled } from "./setup.js"

class Denied extends Data.TaggedError("Denied")<{ readonly user: string }> {}
class Refused extends Data.TaggedError("Refused") {}

const id = (connection: string) => Effect.succeed(connection)

/** A server whose logins are scripted, and how many it has seen. */
const server = (answer: (login: number) => Effect.Effect<string, Denied | Refused>) => {
  const seen = { logins: 0 }
  return { seen, open: Effect.suspend(() => answer(++seen.logins)) }
}

const denied = Effect.fail(new Denied({ user: "app" }))
const isFatal = (error: Denied | Refused) => error._tag === "Denied"

describe("after a fatal failure", () => {
  it.scoped("50 callers who insist cost as many logins as were in flight, and hear the error at once", () =>
    Effect.gen(function*() {
      const { open, seen } = server(() => Effect.andThen(Effect.sleep(10), denied))
      const pool = yield* Pool.make({ open, isFatal })
      const failures: Array<unknown> = []
      const insist = Effect.forever(
        Effect.matchEffect(pool.use(id), {
          onFailure: (error) => Effect.andThen(Effect.sync(() => failures.push(error._tag)), Effect.sleep("2 seconds")),
          onSuccess: () => Effect.void
        })
      )
      const crowd = yield* Effect.forEach(Array.from({ length: 50 }), () => fork(insist))
      yield* TestClock.adjust(10)
      assert.strictEqual(failures.length, 50)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(seen.logins, 4)
      assert.strictEqual(failures.length, 50 * 3)
      assert.deepStrictEqual([...new Set(failures)], ["Denied"])
      assert.deepInclude(yield* pool.stats, { pending: 0, opening: 0, exhausted: 0 })
      // One tries again after the pause, and the others wait for what it learns.
      yield* TestClock.adjust("25 seconds")
      assert.strictEqual(seen.logins, 5)
      yield* Fiber.interruptAll(crowd)
    }))

  it.scoped("a borrower waits if an open connection can come back to it, and fails if that closes", () =>
    Effect.gen(function*() {
      const { open, seen } = server((login) => login === 1 ? Effect.succeed("first") : denied)
      const pool = yield* Pool.make({ open, isFatal, maxConnections: 2, acquireTimeout: "1 minute" })
      const first = yield* pool.acquire
      assert.instanceOf(yield* Effect.flip(pool.use(id)), Denied)
      const waiting = yield* forkSettled(pool.use(id))
      assert.deepInclude(yield* pool.stats, { pending: 1, opening: 0 })
      yield* pool.release(first)
      assert.strictEqual(yield* Fiber.join(waiting), "first")

      const again = yield* pool.acquire
      const stranded = yield* forkSettled(Effect.flip(pool.use(id)))
      yield* pool.drop(again)
      assert.instanceOf(yield* Fiber.join(stranded), Denied)
      assert.strictEqual(seen.logins, 2)
    }))

  it.scoped("reconnect fails at once", () =>
    Effect.gen(function*() {
      const { open } = server((login) => login === 1 ? Effect.succeed("first") : denied)
      const pool = yield* Pool.make({ open, isFatal, maxConnections: 2 })
      const first = yield* pool.acquire
      yield* Effect.exit(pool.use(id))
      assert.instanceOf(yield* Effect.flip(pool.reconnect(first)), Denied)
      assert.deepInclude(yield* pool.stats, { inUse: 0, pending: 0, reconnecting: 0 })
    }))

  it.scoped("one that does not wait hears of it, and it is counted as a failed open", () =>
    Effect.gen(function*() {
      const { open, seen } = server(() => denied)
      const pool = yield* Pool.make({ open, isFatal })
      yield* Effect.exit(pool.use(id))
      assert.instanceOf(yield* Effect.flip(pool.acquireWith({ timeout: 0 })), Denied)
      assert.deepInclude((yield* pool.stats).failed, { OpenFailed: 2, NoWait: 0 })
      assert.strictEqual(seen.logins, 1)
    }))

  it.scoped("clear ends the pause", () =>
    Effect.gen(function*() {
      const { open, seen } = server((login) => login === 1 ? denied : Effect.succeed("second"))
      const pool = yield* Pool.make({ open, isFatal, fatalPause: Infinity })
      yield* Effect.exit(pool.use(id))
      yield* TestClock.adjust("1 day")
      yield* Effect.exit(pool.use(id))
      assert.strictEqual(seen.logins, 1)
      yield* pool.clear
      assert.strictEqual(yield* pool.use(id), "second")
    }))

  it.scoped("one open at a time may try after the pause, and its success lets the others follow", () =>
    Effect.gen(function*() {
      const { open, seen } = server((login) => login === 1 ? denied : Effect.as(Effect.sleep(10), `login ${login}`))
      const pool = yield* Pool.make({ open, isFatal, minConnections: 3 })
      // The backoff of the floor ends between two milliseconds.
      yield* TestClock.adjust(30_001)
      assert.deepInclude(yield* pool.stats, { opening: 1, idle: 0 })
      assert.strictEqual(seen.logins, 2)
      yield* TestClock.adjust(10)
      assert.deepInclude(yield* pool.stats, { opening: 2, idle: 1 })
      yield* TestClock.adjust(10)
      assert.deepInclude(yield* pool.stats, { opening: 0, idle: 3 })
    }))

  it.scoped("opens in flight are aborted", () =>
    Effect.gen(function*() {
      let aborted = 0
      const { open } = server((login) =>
        login === 4 ? denied : Effect.onInterrupt(Effect.never, () => Effect.sync(() => aborted++))
      )
      const pool = yield* Pool.make({ open, isFatal, acquireTimeout: "1 minute", connectTimeout: "1 minute" })
      const crowd = yield* Effect.forEach(Array.from({ length: 5 }), () => fork(Effect.flip(pool.use(id))))
      yield* settled
      for (const borrower of crowd) assert.instanceOf(yield* Fiber.join(borrower), Denied)
      assert.strictEqual(aborted, 3)
    }))

  it.scoped("the log says how long opens pause", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { open } = server(() => denied)
      const pool = yield* Effect.provide(
        Pool.make({ open, isFatal, name: "db" }),
        addLogger("warning", ({ message }) => lines.push(String(message)))
      )
      yield* Effect.exit(pool.use(id))
      yield* settled
      assert.deepStrictEqual(lines, [`Pool "db": an open failed with a fatal error; opens pause for 30000 ms`])
    }))
})

describe("a failure is not fatal", () => {
  it.scoped.each<[string, Effect.Effect<string, Denied | Refused>, number]>([
    ["that isFatal does not know", Effect.fail(new Refused()), 3],
    ["that is a defect", Effect.die(new Denied({ user: "app" })), 3],
    ["that is an interruption", Effect.interrupt, 3]
  ])("%s", ([, answer, logins]) =>
    Effect.gen(function*() {
      const { open, seen } = server(() => answer)
      const pool = yield* Pool.make({ open, isFatal })
      for (let i = 0; i < 3; i++) yield* Effect.exit(pool.use(id))
      assert.strictEqual(seen.logins, logins)
    }))

  it.scoped("if isFatal dies, which is logged", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { open, seen } = server(() => denied)
      const isFatal = () => {
        throw new Error("no idea")
      }
      const pool = yield* Effect.provide(
        Pool.make({ open, isFatal, name: "db" }),
        addLogger("warning", ({ message }) => lines.push(String(message)))
      )
      yield* Effect.exit(pool.use(id))
      yield* settled
      assert.deepStrictEqual(lines, [`Pool "db": isFatal died`])
      yield* Effect.exit(pool.use(id))
      assert.strictEqual(seen.logins, 2)
    }))
})
