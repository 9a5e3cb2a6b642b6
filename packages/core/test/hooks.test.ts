import { assert, describe, it } from "@effect/vitest"
import { Pool } from "@socketpool/core"
import { ScriptedConnector } from "@socketpool/testing"
import { Cause, Deferred, Effect, Exit, Fiber, FiberId, TestClock } from "effect"
import {
  audited,
  type Connection,
  forkSettled,
  id,
  lineUp,
  type Options,
  settled,
  setup,
  type TestPool,
  warmUp
} from "./setup.js"

const isAlive = (connection: Connection): boolean => connection.alive

const thrower = (): never => {
  throw new Error("thrown by a hook")
}

describe("isConnected", () => {
  // F27
  it.scoped("keeps an idle connection that has gone from being lent", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isConnected: isAlive })
      yield* pool.use(id)
      connector.connection(1).kill()
      assert.strictEqual(yield* pool.use(id), 2)
      assert.strictEqual((yield* pool.stats).closed.Disconnected, 1)
    }))

  // F27
  it.scoped("has all idle connections that have gone passed over at once", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isConnected: isAlive })
      yield* warmUp(pool, 10)
      for (let n = 2; n <= 10; n++) connector.connection(n).kill()
      assert.strictEqual(yield* pool.use(id), 1)
      assert.strictEqual(connector.attempts, 10)
    }))

  // F32
  it.scoped("keeps a connection that went while it was leased from being lent again", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isConnected: isAlive })
      yield* pool.use((connection) => Effect.sync(connection.kill))
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))

  // F23
  it.scoped("closes the connection when it throws about one to be lent", () =>
    Effect.gen(function*() {
      let broken = false
      const { connector, pool } = yield* setup({ isConnected: () => broken ? thrower() : true })
      yield* pool.use(id)
      broken = true
      assert.strictEqual(yield* pool.use(id), 2)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 2])
    }))

  // F23
  it.scoped("closes the connection when it throws about one that comes back, and the borrower does not notice", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isConnected: thrower })
      assert.strictEqual(yield* pool.use(() => Effect.succeed("answer")), "answer")
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 1])
    }))
})

describe("isExpired", () => {
  it.scoped("keeps an idle connection from being lent", () =>
    Effect.gen(function*() {
      const expired = new Set<number>()
      const { pool } = yield* setup({ isExpired: (connection) => expired.has(connection.id) })
      yield* pool.use(id)
      expired.add(1)
      assert.strictEqual(yield* pool.use(id), 2)
      yield* settled
      assert.strictEqual((yield* pool.stats).closed.Expired, 1)
    }))

  it.scoped("keeps a connection that comes back from being lent again", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ isExpired: () => true })
      assert.deepStrictEqual([yield* pool.use(id), yield* pool.use(id)], [1, 2])
    }))

  it.scoped("closes the connection when it throws", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isExpired: thrower })
      yield* pool.use(id)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 1])
    }))
})

describe("closed", () => {
  // F30
  it.scoped("closes an idle connection as soon as it completes", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ closed: (connection) => connection.closed })
      yield* warmUp(pool, 3)
      connector.connection(2).kill()
      yield* settled
      assert.deepStrictEqual(connector.log.slice(3), ["close 2"])
      assert.strictEqual((yield* pool.stats).closed.Disconnected, 1)
    }))

  // F32
  it.scoped("leaves a leased connection to its holder, and closes it when it comes back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ closed: (connection) => connection.closed })
      const connection = yield* pool.acquire
      connection.kill()
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1"])
      yield* pool.release(connection)
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      assert.strictEqual((yield* pool.stats).closed.Disconnected, 1)
    }))

  it.scoped("has a waiter served by a new connection when the one handed to it has gone", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, closed: (connection) => connection.closed })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      connection.kill()
      yield* pool.release(connection)
      yield* settled
      assert.strictEqual(yield* Fiber.join(waiter), 2)
    }))

  const ends: ReadonlyArray<readonly [string, () => Effect.Effect<unknown, unknown>]> = [
    ["fails", () => Effect.fail("failed")],
    ["dies", () => Effect.die("defect")],
    ["throws", thrower]
  ]
  it.scoped.each(ends)(
    "that %s means that the peer is gone, and breaks nothing",
    ([_, closed]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ closed })
        assert.strictEqual(yield* pool.use(id), 1)
        yield* settled
        assert.strictEqual(yield* pool.use(id), 2)
        yield* settled
        assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Disconnected], [0, 2])
      })
  )

  it.scoped("that completes at once fails nobody: a new connection is lent once", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ closed: () => Effect.void, maxConnections: 2 })
      const { borrowers, served } = yield* lineUp(pool, ["a", "b", "c", "d"])
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, ["a", "b", "c", "d"])
      assert.strictEqual(connector.attempts, 4)
    }))

  it.scoped("is interrupted when the connection closes", () =>
    Effect.gen(function*() {
      const interrupted: Array<number> = []
      const { pool } = yield* setup({
        closed: (connection) =>
          Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted.push(connection.id)))
      })
      yield* warmUp(pool, 2)
      yield* pool.use((connection) => pool.drop(connection))
      yield* settled
      assert.strictEqual(interrupted.length, 1)
      yield* pool.close
      yield* settled
      assert.deepStrictEqual([...interrupted].sort(), [1, 2])
    }))
})

describe("lease", () => {
  interface View {
    readonly id: number
    readonly of: Connection
  }
  const setupViews = (options: Partial<Pool.Options<View, ScriptedConnector.ScriptedOpenError>> = {}) => {
    const connector = ScriptedConnector.make()
    return Effect.map(
      audited(
        connector,
        Pool.make<View, ScriptedConnector.ScriptedOpenError, never>({
          open: Effect.map(connector.open, (connection) => ({ id: connection.id, of: connection })),
          lease: ({ of }) => ({ id: of.id, of }),
          ...options
        })
      ),
      (pool) => ({ connector, pool })
    )
  }

  it.scoped("gives every lease a view of its own of the same connection", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupViews()
      const views = [yield* pool.use(Effect.succeed), yield* pool.use(Effect.succeed)]
      assert.notStrictEqual(views[0], views[1])
      assert.strictEqual(views[0]!.of, views[1]!.of)
    }))

  it.scoped("has release take the view", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupViews()
      const view = yield* pool.acquire
      assert.strictEqual((yield* Effect.flip(pool.release({ ...view })))._tag, "ConnectionNotFoundError")
      yield* pool.release(view)
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped("has drop take the view", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupViews()
      yield* pool.use((view) => pool.drop(view))
      yield* settled
      assert.strictEqual(connector.live, 0)
    }))

  it.scoped("has invalidate take the view", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupViews()
      yield* pool.use((view) => pool.invalidate(view))
      yield* settled
      assert.strictEqual(connector.live, 0)
    }))

  // F61, G1: double release
  it.scoped("leaves a view unknown once its lease has ended, whoever leases the connection then", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupViews()
      const stale = yield* pool.use(Effect.succeed)
      yield* pool.use(() =>
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(pool.release(stale)))._tag, "ConnectionNotFoundError")
          assert.strictEqual((yield* Effect.flip(pool.drop(stale)))._tag, "ConnectionNotFoundError")
          yield* pool.invalidate(stale)
          assert.strictEqual((yield* pool.stats).inUse, 1)
        })
      )
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1"])
    }))

  it.scoped("that throws makes the borrower die and closes the connection", () =>
    Effect.gen(function*() {
      let broken = true
      const { connector, pool } = yield* setupViews({
        lease: ({ of }) => {
          if (broken) throw new Error("thrown by a hook")
          return { id: of.id, of }
        }
      })
      const exit = yield* Effect.exit(pool.use(Effect.succeed))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 1])
      broken = false
      assert.strictEqual((yield* pool.use(Effect.succeed)).id, 2)
    }))

  it.scoped("that throws for one waiter leaves the others in the queue to be served", () =>
    Effect.gen(function*() {
      let throwing = false
      const { pool } = yield* setupViews({
        maxConnections: 1,
        lease: ({ of }) => {
          if (throwing) {
            throwing = false
            throw new Error("thrown by a hook")
          }
          return { id: of.id, of }
        }
      })
      const view = yield* pool.acquire
      const waiters = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Effect.exit(pool.use(Effect.succeed))))
      yield* settled
      throwing = true
      yield* pool.release(view)
      const exits = yield* Fiber.joinAll(waiters)
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [false, true, true])
    }))

  it.scoped("may give equal views", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const pool = yield* audited(
        connector,
        Pool.make({ open: Effect.as(connector.open, "connection"), lease: () => "view" })
      )
      yield* pool.use((outer) =>
        pool.use((inner) => Effect.sync(() => assert.deepStrictEqual([outer, inner], ["view", "view"])))
      )
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.idle, stats.inUse], [2, 0])
    }))

  it.scoped("leaves onRelease the connection itself", () =>
    Effect.gen(function*() {
      const seen: Array<View> = []
      const { pool } = yield* setupViews({
        onRelease: (connection) => {
          seen.push(connection)
          return Effect.succeed("keep")
        }
      })
      const views = [yield* pool.use(Effect.succeed), yield* pool.use(Effect.succeed)]
      assert.strictEqual(seen[0], seen[1])
      assert.isFalse(views.includes(seen[0]!))
    }))
})

describe("onRelease", () => {
  const answering = (answer: "keep" | "discard"): Options => ({ onRelease: () => Effect.succeed(answer) })
  const answeringAfter = (millis: number, answer: "keep" | "discard" = "keep"): Options => ({
    onRelease: () => Effect.delay(Effect.succeed(answer), millis)
  })

  const endings: ReadonlyArray<
    readonly [string, (pool: TestPool) => Effect.Effect<unknown>, (exit: Exit.Exit<unknown, unknown>) => boolean]
  > = [
    [
      "success",
      (pool) => Effect.orDie(pool.use(() => Effect.succeed("answer"))),
      (exit) => Exit.isSuccess(exit) && exit.value === "answer"
    ],
    [
      "typed failure",
      (pool) => Effect.exit(pool.use(() => Effect.fail("typed"))),
      (exit) => Exit.isFailure(exit) && Cause.isFailType(exit.cause)
    ],
    [
      "defect",
      (pool) => Effect.exit(pool.use(() => Effect.die("defect"))),
      (exit) => Exit.isFailure(exit) && Cause.isDie(exit.cause)
    ],
    [
      "interruption",
      (pool) => Effect.flatMap(forkSettled(pool.use(() => Effect.never)), Fiber.interrupt),
      Exit.isInterrupted
    ],
    [
      "failed scope",
      (pool) => Effect.exit(Effect.scoped(Effect.andThen(pool.get, Effect.fail("typed")))),
      Exit.isFailure
    ],
    [
      "release",
      (pool) => Effect.orDie(Effect.flatMap(pool.acquire, (connection) => pool.release(connection))),
      Exit.isSuccess
    ]
  ]
  it.scoped.each(endings)("sees how the lease ended: %s", ([_, end, isRight]) =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const { connector, pool } = yield* setup({
        onRelease: (connection, exit) => {
          assert.strictEqual(connection.id, 1)
          exits.push(exit)
          return Effect.succeed("keep")
        }
      })
      yield* end(pool)
      yield* settled
      assert.deepStrictEqual(exits.map(isRight), [true])
      // What it keeps is kept, however the lease ended.
      assert.deepStrictEqual(connector.log, ["open 1"])
    }))

  // H2: state left behind
  it.scoped("has the connection closed when it says discard", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup(answering("discard"))
      yield* pool.use(id)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Discarded], [0, 1])
    }))

  // H2: state left behind
  it.scoped("has the release return at once, and the connection lent when it has answered", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1, ...answeringAfter(1000) })
      yield* pool.use(id)
      assert.strictEqual((yield* pool.stats).inUse, 1)
      const waiter = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust(999)
      assert.isNull(waiter.unsafePoll())
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(waiter), 1)
      yield* TestClock.adjust(1000)
      assert.strictEqual(connector.attempts, 1)
    }))

  // H2: state left behind
  it.scoped("has the connection closed when it says discard after a while", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup(answeringAfter(1000, "discard"))
      yield* pool.use(id)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Discarded], [0, 1])
    }))

  const deaths: ReadonlyArray<readonly [string, Options["onRelease"] & {}]> = [
    ["throws", thrower],
    ["dies", () => Effect.die("defect")],
    ["dies after a while", () => Effect.delay(Effect.die("defect"), 1000)],
    ["interrupts itself", () => Effect.interrupt]
  ]
  // H2: state left behind
  it.scoped.each(deaths)(
    "has the connection closed when it %s, and the borrower does not notice",
    ([_, onRelease]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ onRelease })
        assert.strictEqual(yield* pool.use(() => Effect.succeed("answer")), "answer")
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 1])
      })
  )

  const hangs: ReadonlyArray<readonly [string, Effect.Effect<never>]> = [
    ["hangs", Effect.never],
    ["hangs and cannot be interrupted", Effect.uninterruptible(Effect.never)]
  ]
  // H2: state left behind
  it.scoped.each(hangs)(
    "has the connection closed after closeTimeout when it %s",
    ([_, answer]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ closeTimeout: "2 seconds", onRelease: () => answer })
        yield* pool.use(id)
        yield* TestClock.adjust(1999)
        assert.deepStrictEqual([connector.live, (yield* pool.stats).inUse], [1, 1])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Discarded], [0, 1])
      })
  )

  it.scoped("is interrupted when the connection closes without its answer", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const { pool } = yield* setup({
        onRelease: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      })
      yield* pool.use(id)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(interrupted, 1)
    }))

  it.scoped("does not keep a connection that expired before it answered", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, connectionTTL: "1500 millis", ...answeringAfter(2000) })
      yield* pool.use(id)
      const waiter = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust(2000)
      assert.strictEqual(yield* Fiber.join(waiter), 2)
      yield* TestClock.adjust(2000)
    }))

  it.scoped("does not keep a connection that went before it answered", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1, isConnected: isAlive, ...answeringAfter(1000) })
      yield* pool.use(id)
      const waiter = yield* forkSettled(pool.use(id))
      connector.connection(1).kill()
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* Fiber.join(waiter), 2)
      yield* TestClock.adjust(1000)
    }))

  it.scoped("is not waited for by close for longer than drainTimeout", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        drainTimeout: "1 second",
        closeTimeout: "1 minute",
        onRelease: () => Effect.never
      })
      yield* pool.use(id)
      const closing = yield* forkSettled(pool.close)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.strictEqual(connector.closed, 1)
    }))

  const closings: ReadonlyArray<
    readonly [string, Options, (pool: TestPool, connection: Connection) => Effect.Effect<unknown>]
  > = [
    ["was dropped", {}, (pool, connection) => Effect.orDie(pool.drop(connection))],
    ["was invalidated", {}, (pool, connection) => pool.invalidate(connection)],
    ["has gone", { isConnected: isAlive }, (_, connection) => Effect.sync(connection.kill)],
    ["has expired", { connectionTTL: "1 second" }, () => TestClock.adjust("1 second")],
    ["belongs to a closing pool", {}, (pool) => forkSettled(pool.close)]
  ]
  it.scoped.each(closings)("is not asked about a connection that %s", ([_, options, doom]) =>
    Effect.gen(function*() {
      let asked = 0
      const { connector, pool } = yield* setup({
        ...options,
        onRelease: () => {
          asked++
          return Effect.succeed("keep")
        }
      })
      yield* Effect.scoped(Effect.flatMap(pool.get, (connection) => doom(pool, connection)))
      yield* settled
      assert.deepStrictEqual([asked, connector.live], [0, 0])
    }))

  it.scoped("is not asked about a connection that a waiter was handed and did not take", () =>
    Effect.gen(function*() {
      let asked = 0
      const { pool } = yield* setup({
        maxConnections: 1,
        onRelease: () => {
          asked++
          return Effect.succeed("keep")
        }
      })
      const connection = yield* pool.acquire
      const { borrowers } = yield* lineUp(pool, ["interrupted"])
      yield* pool.release(connection)
      yield* Fiber.interruptAsFork(borrowers[0]!, FiberId.none)
      yield* Fiber.await(borrowers[0]!)
      assert.deepStrictEqual([asked, (yield* pool.stats).idle], [1, 1])
    }))
})

describe("a hook that uses the pool", () => {
  type Act = (pool: TestPool, connection: Connection) => Effect.Effect<unknown, unknown>

  /** An `isConnected` that, armed, also does something with the pool, once. */
  const reentrant = (act: Act) => {
    let target: TestPool | undefined
    const isConnected = (connection: Connection): boolean => {
      const pool = target
      target = undefined
      if (pool !== undefined) Effect.runSync(Effect.ignore(act(pool, connection)))
      return connection.alive
    }
    return { isConnected, arm: (pool: TestPool) => target = pool }
  }

  const acts: ReadonlyArray<readonly [string, Act]> = [
    ["releases the connection", (pool, connection) => pool.release(connection)],
    ["drops the connection", (pool, connection) => pool.drop(connection)],
    ["invalidates the connection", (pool, connection) => pool.invalidate(connection)],
    ["has expired connections dropped", (pool) => pool.dropExpired],
    ["borrows without waiting", (pool) => Effect.flatMap(pool.acquireWith({ timeout: 0 }), (c) => pool.release(c))],
    ["looks at the numbers", (pool) => pool.stats],
    ["closes the pool", (pool) => Effect.sync(() => Effect.runFork(pool.close))]
  ]

  it.scoped.each(acts)(
    "when a connection is about to be lent, and %s, breaks nothing",
    ([_, act]) =>
      Effect.gen(function*() {
        const { arm, isConnected } = reentrant(act)
        const { connector, pool } = yield* setup({ maxConnections: 2, isConnected })
        yield* warmUp(pool, 2)
        arm(pool)
        const wrong: Array<string> = []
        const hold = <E>(connection: Connection, effect: Effect.Effect<unknown, E>) => {
          if (connection.held) wrong.push(`${connection.id} was lent twice`)
          connection.held = true
          return Effect.ensuring(
            effect,
            Effect.sync(() => {
              if (!connection.alive) wrong.push(`${connection.id} was closed while it was leased`)
              connection.held = false
            })
          )
        }
        yield* Effect.exit(pool.use((outer) => hold(outer, pool.use((inner) => hold(inner, settled)))))
        assert.deepStrictEqual(wrong, [])
        yield* settled
        assert.deepStrictEqual(connector.audit(yield* pool.stats), [])
      })
  )

  it.scoped.each(acts)(
    "when a connection comes back to a waiter, and %s, breaks nothing",
    ([_, act]) =>
      Effect.gen(function*() {
        const { arm, isConnected } = reentrant(act)
        const { connector, pool } = yield* setup({ maxConnections: 2, isConnected })
        const leased = [yield* pool.acquire, yield* pool.acquire]
        const waiters = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Effect.exit(pool.use(id))))
        yield* settled
        arm(pool)
        yield* Effect.forEach(leased, (connection) => Effect.ignore(pool.release(connection)))
        yield* Fiber.joinAll(waiters)
        yield* settled
        assert.deepStrictEqual(connector.audit(yield* pool.stats), [])
      })
  )

  it.scoped("from onRelease borrows another connection while its own comes back", () =>
    Effect.gen(function*() {
      const self: { pool?: TestPool } = {}
      const borrowed = yield* Deferred.make<number>()
      const { pool } = yield* setup({
        maxConnections: 2,
        onRelease: (connection) =>
          connection.id === 1 ?
            Effect.as(Effect.intoDeferred(Effect.orDie(self.pool!.use(id)), borrowed), "keep") :
            Effect.succeed("keep")
      })
      self.pool = pool
      yield* pool.use(id)
      assert.strictEqual(yield* Deferred.await(borrowed), 2)
      yield* settled
      assert.strictEqual((yield* pool.stats).idle, 2)
    }))
})
