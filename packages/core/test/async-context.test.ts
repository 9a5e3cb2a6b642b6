// AsyncLocalStorage, which tracers, loggers and multi-tenant programs read: nobody sees another's store. (K1)
import { Pool } from "@socketpool/core"
import { collect, provideScope, type RunningFiber, withFiber, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { MemoryServer, ScriptedConnector } from "@socketpool/testing"
import type { Scope } from "effect"
import { Deferred, Effect, Exit, Fiber, ManagedRuntime, Stream } from "effect"
import { AsyncLocalStorage } from "node:async_hooks"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { settled } from "./setup.js"

v8.setFlagsFromString("--expose-gc")
const gc = vm.runInNewContext("gc") as () => void

const storage = new AsyncLocalStorage<string>()
const store = Effect.sync(() => storage.getStore())

/** Starts a fiber in a store, as a request handler does. */
const forkAs = <A, E>(name: string, effect: Effect.Effect<A, E>): RunningFiber<A, E> =>
  storage.run(name, () => Effect.runFork(effect))

/** Makes a value in a store. */
const makeAs = <A, E>(name: string, make: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => Fiber.join(forkAs(name, provideScope(make, scope))))

// K1
describe("a borrower resumes in its own context", () => {
  it.scoped("after a wait, also in a batch", () =>
    Effect.gen(function*() {
      const pool = yield* Pool.make({ open: ScriptedConnector.make().open, maxConnections: 1, concurrency: 3 })
      const gate = yield* Deferred.make<void>()
      const holders = ["x", "y", "z"].map((name) => forkAs(name, pool.use(() => Deferred.await(gate))))
      const waiters = ["alice", "bob", "carol"].map((name) => forkAs(name, pool.use(() => store)))
      yield* settled
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(holders)
      assert.deepStrictEqual(yield* Fiber.joinAll(waiters), ["alice", "bob", "carol"])
    }))

  it.scoped("after a wait that fails, a close and awaitReady", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make({ open: () => ({ slow: "1 hour" }) })
      const pool = yield* Pool.make({ open: connector.open, minConnections: 1 })
      const waits: ReadonlyArray<Effect.Effect<unknown, unknown>> = [pool.use(() => Effect.void), pool.awaitReady]
      const fibers = waits.map((wait, i) => forkAs(`borrower ${i}`, Effect.andThen(Effect.exit(wait), store)))
      yield* settled
      const closer = forkAs("closer", Effect.andThen(pool.close, store))
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["borrower 0", "borrower 1"])
      assert.strictEqual(yield* Fiber.join(closer), "closer")
    }))

  it.scoped("after a read, a write and a timeout of either", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.flatMap(peer.recvExactly(100_000), (bytes) => peer.send(bytes))
      )
      const pool = yield* server.pool({ maxConnections: 1 })
      const request = (name: string) =>
        forkAs(
          name,
          pool.use((connection) =>
            Effect.gen(function*() {
              yield* connection.send("x".repeat(100_000))
              const afterSend = storage.getStore()
              yield* connection.recvExactly(100_000)
              const afterRead = storage.getStore()
              yield* Effect.exit(connection.recvUntil("\n", { timeout: 1 }))
              return [afterSend, afterRead, storage.getStore()]
            })
          )
        )
      const fibers = ["alice", "bob"].map(request)
      const seen = yield* Effect.promise(() => Promise.all(fibers.map((f) => Effect.runPromise(Fiber.join(f)))))
      assert.deepStrictEqual(seen, ["alice", "bob"].map((name) => [name, name, name]))
    }))

  it.scoped("after each event that it is told of", () =>
    Effect.gen(function*() {
      const pool = yield* Pool.make({ open: ScriptedConnector.make().open })
      const seen = forkAs("listener", collect(Stream.mapEffect(Stream.take(pool.events, 3), () => store)))
      yield* settled
      yield* Fiber.join(forkAs("alice", pool.use(() => Effect.void)))
      assert.deepStrictEqual(yield* Fiber.join(seen), ["listener", "listener", "listener"])
    }))

  it("when a ManagedRuntime builds the pool for the first request", async () => {
    const open = Effect.delay(Effect.succeed({}), 1)
    class Slow extends Pool.Service<Slow, object>()("test/Slow") {}
    const runtime = ManagedRuntime.make(Slow.layer({ open, maxConnections: 1 }))
    const request = (name: string) =>
      storage.run(
        name,
        () =>
          runtime.runPromise(
            Slow.use(() => Effect.andThen(Effect.sleep(1), store))
          )
      )
    assert.deepStrictEqual(await Promise.all(["alice", "bob", "carol"].map(request)), ["alice", "bob", "carol"])
    await runtime.dispose()
  })
})

describe("the hooks of a pool run in the context that it was made in", () => {
  it.scoped("whoever borrows, waits or gives back", () =>
    Effect.gen(function*() {
      const seen: Record<string, Set<string | undefined>> = {}
      const note = (hook: string) => void (seen[hook] ??= new Set()).add(storage.getStore())
      const noted = <A>(hook: string, value: A) => Effect.sync(() => (note(hook), value))
      const make = Pool.make({
        open: Effect.acquireRelease(Effect.andThen(yieldNow, noted("open", {})), () => noted("close", {})),
        isConnected: () => (note("isConnected"), true),
        isExpired: () => (note("isExpired"), false),
        closed: () => Effect.andThen(noted("closed", undefined), Effect.never),
        lease: (connection) => (note("lease"), connection),
        validate: () => noted("validate", true),
        validateAfterIdle: 0,
        onRelease: () => (note("onRelease"), Effect.andThen(yieldNow, noted("onRelease", "keep" as const))),
        maxConnections: 2
      })
      const pool = yield* makeAs("maker", make)
      for (let round = 0; round < 3; round++) {
        const fibers = ["alice", "bob", "carol"].map((name) => forkAs(name, pool.use(() => yieldNow)))
        yield* Fiber.joinAll(fibers)
        yield* settled
      }
      yield* Fiber.join(forkAs("closer", pool.close))
      const hooks = ["close", "closed", "isConnected", "isExpired", "lease", "onRelease", "open", "validate"]
      assert.deepStrictEqual(Object.keys(seen).sort(), hooks)
      for (const hook of hooks) assert.deepStrictEqual([hook, ...seen[hook]!], [hook, "maker"])
    }))
})

describe("no store outlives its borrower", () => {
  it.scopedLive("in a timer of the pool", () =>
    Effect.gen(function*() {
      const objects = new AsyncLocalStorage<object>()
      const pool = yield* Pool.make({
        open: Effect.succeed({}),
        idleTimeout: "1 hour",
        leakThreshold: "1 hour",
        connectionTTL: "1 hour"
      })
      let tenant: object | undefined = { name: "tenant" }
      const reference = new WeakRef(tenant)
      const exit = yield* Effect.promise(() =>
        objects.run(tenant!, () => Effect.runPromiseExit(pool.use(() => Effect.void)))
      )
      assert.isTrue(Exit.isSuccess(exit))
      tenant = undefined
      for (let i = 0; i < 50 && reference.deref() !== undefined; i++) {
        yield* Effect.promise(() => new Promise((next) => setTimeout(next, 1)))
        gc()
      }
      assert.isUndefined(reference.deref())
    }))

  it.scopedLive("in an idle connection, which forgets the fiber that had it", () =>
    Effect.gen(function*() {
      const pool = yield* Pool.make({ open: Effect.succeed({}) })
      const remember = pool.use(() => withFiber((fiber) => Effect.sync(() => new WeakRef<object>(fiber))))
      const reference = yield* Effect.promise(() => Effect.runPromise(remember))
      for (let i = 0; i < 50 && reference.deref() !== undefined; i++) {
        yield* Effect.promise(() => new Promise((next) => setTimeout(next, 1)))
        gc()
      }
      assert.isUndefined(reference.deref())
    }))
})
