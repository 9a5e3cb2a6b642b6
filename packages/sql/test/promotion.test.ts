// A real primary and a streaming replica: the roles at the start, a promotion after a crash and two after a
// shutdown, all under load. The load goes on until so many writes have succeeded at the new primary.
import { EndpointPool, Endpoints, type PoolEvent } from "@socketpool/core"
import { async, fork, timeoutFail, unlogged } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Data, Effect, Exit, Fiber, type Scope, Stream } from "effect"
import { Client } from "pg"
import { installed } from "../../node/test/fixtures/postgres.js"
import { isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { totalOf, until } from "../../node/test/fixtures/server.js"
import { upTo } from "./fixtures/clients.js"
import { replicas, type Server } from "./fixtures/replicas.js"

const writers = 8
const readers = 4
/** The writes that succeed at the old primary and at the new one. */
const before = 200
const after = 400

/** An error of the driver. */
class Refused extends Data.TaggedError("Refused")<{ readonly error: Error }> {}

const asked = <A>(run: () => Promise<A>): Effect.Effect<A, Refused> =>
  Effect.tryPromise({ try: run, catch: (error) => new Refused({ error: error as Error }) })

type Pool = EndpointPool.EndpointPool<Client, Refused>

/** Waits for a state. Only a state that never comes fails. */
const eventually = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>, isRight: (value: A) => boolean) =>
  timeoutFail(until(effect, isRight), {
    duration: "60 seconds",
    onTimeout: () => `it has not come to pass within 60 seconds: ${what}`
  })

const poolOf = (name: string, servers: ReadonlyArray<Server>): Effect.Effect<Pool, never, Scope.Scope> =>
  // Every connection that a server refuses is a warning.
  unlogged(EndpointPool.make({
    name,
    endpoints: Endpoints.of(...servers.map(({ port }) => ({ host: "127.0.0.1", port }))),
    open: ({ host, port }) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const login = { user: "postgres", database: "postgres", application_name: name }
          return new Client({ host, port, ...login }).on("error", () => {})
        }),
        (client) => Effect.promise(() => client.end())
      ).pipe(Effect.tap((client) => asked(() => client.connect()))),
    closed: (client) => async<void>((resume) => void client.once("end", () => resume(Effect.void))),
    probe: (client) =>
      Effect.map(
        query<{ is_replica: boolean }>(client, "select pg_is_in_recovery() as is_replica"),
        ([row]) => ({ tier: row!.is_replica ? 1 : 0 })
      ),
    maxConnections: 16,
    maxConnecting: 8,
    // It comes back as soon as it works again.
    ejectionTime: "1 second",
    slowStart: 0,
    acquireTimeout: "60 seconds"
  }))

const query = <Row extends object>(client: Client, sql: string, values: ReadonlyArray<unknown> = []) =>
  Effect.map(
    asked(() => client.query<Row>(sql, [...values])),
    ({ rows }) => rows
  )

const readOnly = "cannot execute INSERT in a read-only transaction"

/** The driver's or the pool's word for a failure. */
const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Refused ? error.error.message : String(error)
}

const where = (client: Client) =>
  Effect.map(
    query<{ port: number; is_replica: boolean; pid: number }>(
      client,
      "select inet_server_port() as port, pg_is_in_recovery() as is_replica, pg_backend_pid() as pid"
    ),
    ([row]) => row!
  )

const idOf = ({ port }: Server) => `127.0.0.1:${port}`

const tiers = (pool: Pool) =>
  Effect.map(pool.endpoints, (all) => Object.fromEntries(all.map(({ id, tier }) => [id, tier])))

/** Borrowers that write through the tier of the primary and read through the whole pool, until `stop`. */
class Load {
  /** The ids of the writes that the server has acknowledged, and whether the old primary had ended when they began. */
  readonly acknowledged: Array<{ readonly id: string; readonly isAfter: boolean; readonly at: number }> = []
  readonly errors: Array<string> = []
  reads = 0
  mostRuns = 0
  failures = 0
  isOldGone = false
  private isStopped = false

  constructor(private readonly pool: Pool) {}

  get acknowledgedAfter(): number {
    return this.acknowledged.filter(({ isAfter }) => isAfter).length
  }

  /** Counts how often the work of one borrower runs, and notes how it ends. */
  private once<A>(
    from: Pick<Pool, "use">,
    work: (client: Client) => Effect.Effect<A, Refused>,
    onSuccess: (value: A) => void
  ): Effect.Effect<void> {
    return Effect.suspend(() => {
      let runs = 0
      const used = from.use((client) =>
        Effect.suspend(() => {
          runs++
          return work(client)
        })
      )
      return Effect.flatMap(Effect.exit(used), (exit) => {
        this.mostRuns = Math.max(this.mostRuns, runs)
        if (Exit.isSuccess(exit)) {
          onSuccess(exit.value)
          return Effect.void
        }
        this.failures++
        this.errors.push(reasonOf(exit.cause))
        return Effect.sleep("10 millis")
      })
    })
  }

  private writes(writer: number): Effect.Effect<void> {
    const { pool } = this
    const primary = pool.tier(0)
    let n = 0
    const write = Effect.suspend(() => {
      const id = `${pool.name}-${writer}-${++n}`
      const isAfter = this.isOldGone
      return this.once(
        primary,
        (client) => query(client, "insert into written (id) values ($1)", [id]),
        () => this.acknowledged.push({ id, isAfter, at: performance.now() })
      )
    })
    return Effect.repeat(Effect.tap(write, () => Effect.sleep("1 millis")), { until: () => this.isStopped })
  }

  private get readsOn(): Effect.Effect<void> {
    const read = this.once(this.pool, (client) => query(client, "select count(*) from written"), () => this.reads++)
    return Effect.repeat(Effect.tap(read, () => Effect.sleep("3 millis")), { until: () => this.isStopped })
  }

  get run(): Effect.Effect<void> {
    const all = [...upTo(writers).map((n) => this.writes(n)), ...upTo(readers).map(() => this.readsOn)]
    return Effect.all(all, { concurrency: "unbounded", discard: true })
  }

  stop(): void {
    this.isStopped = true
  }
}

/** The rows of one pool, with how often each is there. */
const written = (server: Server, pool: Pool) =>
  Effect.map(
    server.psql(`select id, count(*) from written where id like '${pool.name}-%' group by id`),
    (out) => new Map(out.split("\n").map((line) => [line.split("|")[0]!, Number(line.split("|")[1])]))
  )

describe.skipIf(isMissing("postgresql", installed))("a primary and a replica", { timeout: 400_000 }, () => {
  const servers = shared(replicas)

  it.scopedLive("have their tiers from the first borrower on", () =>
    Effect.gen(function*() {
      const { primary, replica } = servers()
      yield* primary.psql("create table if not exists started (id int)")
      const pool = yield* poolOf("start", [replica, primary])
      const at = (part: Pick<Pool, "use">) =>
        Effect.forEach(upTo(20), () => part.use(where), { concurrency: "unbounded" })
      const [first, second, any] = yield* Effect.all(
        [at(pool.tier(0)), at(pool.tier(1)), Effect.delay(at(pool), 0)],
        { concurrency: "unbounded" }
      )
      expect(new Set(first.map(({ port }) => port))).toEqual(new Set([primary.port]))
      expect(new Set(second.map(({ port }) => port))).toEqual(new Set([replica.port]))
      expect(first.every(({ is_replica }) => !is_replica)).toBe(true)
      expect(second.every(({ is_replica }) => is_replica)).toBe(true)
      expect(any).toHaveLength(20)
      // Once the roles are known, the lower tier comes first.
      expect(new Set((yield* at(pool)).map(({ port }) => port))).toEqual(new Set([primary.port]))
      yield* Effect.forEach(upTo(20), (n) =>
        pool.tier(0).use((client) => query(client, "insert into started values ($1)", [n])), {
        concurrency: "unbounded"
      })
      const count = pool.tier(1).use((client) =>
        query<{ n: number }>(client, "select count(*)::int n from started")
      )
      yield* eventually("the replica has the rows", count, ([row]) => row!.n === 20)
      expect(yield* tiers(pool)).toEqual({ [idOf(primary)]: 0, [idOf(replica)]: 1 })
    }))

  /**
   * Plays a promotion under load. `end` ends the old primary in some way. The old one comes back as a replica before the
   * promotion or after it.
   */
  const promotion = (
    name: string,
    { end, keepsAll, returns }: {
      readonly end: (server: Server) => Effect.Effect<void>
      readonly keepsAll: boolean
      readonly returns: "before" | "after"
    }
  ) =>
    Effect.gen(function*() {
      const both = servers()
      const { primary: old, replica: fresh } = both
      // Without a key, so that a row can be there twice.
      yield* old.psql("create table if not exists written (id text)")
      const pool = yield* poolOf(name, [old, fresh])
      const told: Array<PoolEvent> = []
      const telling = yield* fork(Stream.runForEach(pool.notices, (event) => Effect.sync(() => told.push(event))))
      const load = new Load(pool)
      const running = yield* fork(load.run)
      yield* eventually("the load runs", Effect.sync(() => load.acknowledged.length), (n) => n >= before)
      expect(load.errors).toEqual([])

      // One that is lent while the role changes.
      let isDone = false
      const held = { pid: 0 }
      const reader = yield* fork(
        pool.tier(1).use((client) =>
          Effect.flatMap(where(client), ({ pid, port }) => {
            expect(port).toBe(fresh.port)
            held.pid = pid
            return eventually("the reader may go", Effect.sync(() => isDone), (done) => done)
          })
        )
      )
      yield* eventually("the reader reads", Effect.sync(() => held.pid), (pid) => pid > 0)

      const endedAt = performance.now()
      yield* end(old)
      load.isOldGone = true
      yield* eventually("somebody notices", Effect.sync(() => load.failures), (n) => n > 0)
      if (returns === "before") {
        yield* old.startAgainAsReplicaOf(fresh)
        yield* eventually("the pool knows it", tiers(pool), (all) => all[idOf(old)] === 1)
        // All writers wait for a primary, and nobody fails.
        yield* eventually("all writers wait", pool.stats, ({ pending }) => pending === writers)
      }
      const { failures } = load
      const promotingAt = performance.now()
      yield* fresh.promote
      const promotedAt = performance.now()
      both.primary = fresh
      both.replica = old
      yield* eventually("the new primary takes writes", Effect.sync(() => load.acknowledgedAfter), (n) => n >= after)
      if (returns === "before") expect(load.errors.slice(failures)).toEqual([])

      const first = load.acknowledged.find(({ at }) => at > promotingAt)!
      const millis = (to: number, from: number) => `${Math.round(to - from)} ms`
      process.stdout.write(
        `${name}: the promotion took ${millis(promotedAt, promotingAt)}; the first write came ${
          millis(first.at, promotedAt)
        } after it, ${millis(first.at, promotingAt)} after its beginning and ${millis(first.at, endedAt)} after the ` +
          `end of the old primary began; ${load.failures} borrowers failed, ${load.acknowledged.length} writes and ` +
          `${load.reads} reads succeeded\n`
      )
      expect(yield* tiers(pool)).toMatchObject({ [idOf(fresh)]: 0 })
      isDone = true
      yield* Fiber.join(reader)
      yield* eventually(
        "the connection that was lent closes",
        fresh.psql(`select count(*) from pg_stat_activity where pid = ${held.pid}`),
        (count) => count === "0"
      )

      // The old primary comes back as a replica, for a borrower that waits for one.
      const waiting = yield* fork(pool.tier(1).use(where))
      const rejoiningAt = performance.now()
      if (returns === "after") yield* old.startAsReplicaOf(fresh)
      const startedAt = performance.now()
      expect(yield* Fiber.join(waiting)).toMatchObject({ port: old.port, is_replica: true })
      if (returns === "after") {
        process.stdout.write(
          `${name}: the old primary started as a replica within ${millis(startedAt, rejoiningAt)}, and served ${
            millis(performance.now(), startedAt)
          } later\n`
        )
      }
      expect(yield* tiers(pool)).toEqual({ [idOf(fresh)]: 0, [idOf(old)]: 1 })
      const { length } = load.acknowledged
      yield* eventually("the load goes on", Effect.sync(() => load.acknowledged.length), (n) => n >= length + 100)
      load.stop()
      yield* Fiber.join(running)

      expect(load.mostRuns).toBe(1)
      expect(load.errors.filter((error) => error.includes(readOnly))).toEqual([])
      const rows = yield* written(fresh, pool)
      for (const { id, isAfter } of load.acknowledged) if (isAfter || keepsAll) expect(rows.get(id), id).toBe(1)
      expect([...rows.values()].every((count) => count === 1)).toBe(true)
      // The replica gets them, too.
      yield* eventually("the replica has all rows", written(old, pool), ({ size }) => size === rows.size)

      const { closed, closing, idle, inUse, opened, pending } = yield* pool.stats
      expect([inUse, pending]).toEqual([0, 0])
      expect(closed.Cleared).toBeGreaterThan(0)
      expect(opened - totalOf(closed)).toBe(idle + closing)
      yield* pool.close
      expect(yield* pool.size).toBe(0)
      for (const server of [old, fresh]) {
        yield* eventually("the server has no connection of the pool", server.connections(name), (n) => n === 0)
      }
      yield* Fiber.join(telling)
      const moved = told.flatMap((event) => event._tag === "EndpointMoved" ? [event] : [])
      const moves = [[idOf(fresh), 1, 0], [idOf(old), 0, 1]]
      expect(moved.map(({ endpoint, from, to }) => [endpoint, from, to]))
        .toEqual(returns === "after" ? moves : moves.reverse())
    })

  it.scopedLive("survive a crash of the primary and the promotion of the replica, under load", () =>
    promotion("crash", { end: (primary) => primary.kill, keepsAll: false, returns: "after" }))

  it.scopedLive("change their roles without a lost write, under load", () =>
    promotion("switchover", { end: (primary) => primary.shutDown, keepsAll: true, returns: "after" }))

  it.scopedLive("change their roles while both are replicas for a time, and writers wait, under load", () =>
    promotion("two replicas", { end: (primary) => primary.shutDown, keepsAll: true, returns: "before" }))
})
