import { Pool } from "@socketpool/core"
import { addLogger, inherited, logAnnotations, logSpans, tag, TestClock, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Fiber, Option } from "effect"
import { audited, forkSettled, id, settled, setup } from "./setup.js"

class Tenant extends tag<Tenant, string>()("test/Tenant") {}

const request = inherited("none")

/** The surroundings that a fiber of the pool sees. */
const surroundings = Effect.gen(function*() {
  const span = yield* Effect.option(Effect.currentSpan)
  return {
    request: yield* request.get,
    annotations: yield* logAnnotations,
    logSpans: yield* logSpans,
    span: Option.getOrUndefined(Option.map(span, (span) => span.name)),
    tenant: Option.getOrUndefined(yield* Effect.serviceOption(Tenant))
  }
})

/** Gives an effect surroundings that the pool must not take on. */
const within = (name: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    request.with(name),
    Effect.annotateLogs("request", name),
    Effect.withLogSpan(name),
    Effect.withSpan(name),
    Effect.provideService(Tenant, name)
  )

type Surroundings = Effect.Effect.Success<typeof surroundings>

const builder: Surroundings = {
  request: "builder",
  annotations: { request: "builder" },
  logSpans: ["builder"],
  // That span has ended long ago.
  span: undefined,
  tenant: "builder"
}

/** A pool built in surroundings of its own, that notes what each of its callbacks sees. */
const setupObserved = Effect.gen(function*() {
  const connector = ScriptedConnector.make()
  const seen: Array<readonly [string, Surroundings]> = []
  const look = (where: string) => Effect.map(surroundings, (what) => void seen.push([where, what]))
  const pool = yield* audited(
    connector,
    within("builder")(Pool.make({
      open: Effect.gen(function*() {
        yield* look("open")
        yield* Effect.addFinalizer(() => look("close"))
        return yield* connector.open
      }),
      closed: (connection) => Effect.andThen(look("closed"), connection.closed),
      onRelease: () => Effect.as(Effect.andThen(yieldNow, look("onRelease")), "keep")
    }))
  )
  return { connector, pool, seen }
})

describe("the surroundings of a borrower", () => {
  // F58, H5: a tenant's context
  it.scoped("reach no callback of the pool: each sees those that the pool was built in", () =>
    Effect.gen(function*() {
      const { pool, seen } = yield* setupObserved
      yield* within("borrower")(pool.use(id))
      yield* settled
      yield* within("borrower")(Effect.flatMap(pool.acquire, (connection) => pool.drop(connection)))
      yield* settled
      assert.deepStrictEqual(
        [...seen].sort(([a], [b]) => a.localeCompare(b)),
        [["close", builder], ["closed", builder], ["onRelease", builder], ["open", builder]]
      )
    }))

  // F58, H5: a tenant's context
  it.scoped("do not reach the fibers of a waiter's open either, nor those that close the pool", () =>
    Effect.gen(function*() {
      const { pool, seen } = yield* setupObserved
      const connection = yield* within("first")(pool.acquire)
      const waiter = yield* forkSettled(within("second")(pool.use(id)))
      yield* pool.release(connection)
      yield* Fiber.join(waiter)
      yield* settled
      yield* within("closer")(pool.close)
      assert.deepStrictEqual(seen.filter(([_, what]) => what.request !== "builder"), [])
      assert.isAtLeast(seen.filter(([where]) => where === "close").length, 1)
    }))

  it.scoped("are the borrower's own again in what it does with the connection", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const seen = yield* within("borrower")(pool.use(() => surroundings))
      assert.strictEqual(seen.request, "borrower")
      assert.strictEqual(seen.span, "borrower")
    }))

  it.scoped("do not end the open with them: interrupting the borrower's whole tree leaves it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({}, { open: () => ({ slow: "1 second" }) })
      const borrower = yield* forkSettled(
        Effect.scoped(Effect.forkScoped(pool.use(id)).pipe(Effect.flatMap(Fiber.join)))
      )
      yield* Fiber.interrupt(borrower)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([connector.opened, (yield* pool.stats).idle], [1, 1])
    }))
})

describe("what nobody else hears of is logged as a warning that names the pool:", () => {
  /** Collects the messages of warnings. */
  const collect = () => {
    const warnings: Array<string> = []
    const layer = addLogger("warning", ({ message }) => warnings.push(String(message)))
    return { layer, warnings }
  }

  // G3: finalizer dies
  it.scoped("a finalizer that died", () => {
    const { layer, warnings } = collect()
    return Effect.gen(function*() {
      const { pool } = yield* setup({ name: "orders" }, { close: () => "die" })
      yield* pool.use((connection) => pool.drop(connection))
      yield* settled
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0], `Pool "orders"`)
      assert.include(warnings[0], "finalizer")
    }).pipe(Effect.provide(layer))
  })

  it.scoped("a close that has not ended within closeTimeout", () => {
    const { layer, warnings } = collect()
    return Effect.gen(function*() {
      const { pool } = yield* setup({ name: "orders" }, { close: () => ({ slow: "10 seconds" }) })
      yield* pool.use((connection) => pool.drop(connection))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0], `Pool "orders"`)
      assert.include(warnings[0], "5000 ms")
    }).pipe(Effect.provide(layer))
  })

  it.scoped("an open for minConnections that failed", () => {
    const { layer, warnings } = collect()
    return Effect.gen(function*() {
      yield* setup({ name: "orders", minConnections: 1 }, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0], `Pool "orders"`)
      assert.include(warnings[0], "opened in the background")
    }).pipe(Effect.provide(layer))
  })

  it.scoped("not an open whose failure a borrower gets", () => {
    const { layer, warnings } = collect()
    return Effect.gen(function*() {
      const { pool } = yield* setup({}, { open: () => "fail" })
      yield* Effect.flip(pool.use(id))
      yield* settled
      assert.deepStrictEqual(warnings, [])
    }).pipe(Effect.provide(layer))
  })

  it.scoped("hooks that died", () => {
    const { layer, warnings } = collect()
    return Effect.gen(function*() {
      const { pool } = yield* setup({ name: "orders", onRelease: () => Effect.die("defect") })
      yield* pool.use(id)
      yield* settled
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0], `Pool "orders": onRelease died`)
    }).pipe(Effect.provide(layer))
  })

  it.scoped("nothing of a pool in health", () => {
    const { layer, warnings } = collect()
    return Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 2, maxConnections: 3 })
      yield* Effect.forEach(Array.from({ length: 20 }), () => pool.use(id), { concurrency: "unbounded" })
      const interrupted = yield* forkSettled(pool.use(() => Effect.never))
      yield* Fiber.interrupt(interrupted)
      yield* TestClock.adjust("1 hour")
      yield* pool.close
      assert.deepStrictEqual(warnings, [])
    }).pipe(Effect.provide(layer))
  })
})
