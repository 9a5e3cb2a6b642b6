/** One process of a fleet: a pool under a budget that the others share, and fibers that use it. */
import { type BudgetUnavailable, PostgresBudget, RedisBudget } from "@socketpool/fleet"
import { TcpPool } from "@socketpool/node"
import { Redis, type RedisClient, RedisError } from "@socketpool/redis"
import { Deferred, Effect, Redacted, Stream } from "effect"
import { totalOf } from "../../../node/test/fixtures/server.js"
import { session as pgSession } from "../../src/internal/postgres/session.js"
import type { WorkerConfig, WorkerReport, WorkerRequest } from "./messages.js"
import { password } from "./password.js"

const config = JSON.parse(process.argv[2]!) as WorkerConfig
const { budget: name, fibers, id, limit, reclaimMillis, serverPort, store, ttlMillis } = config

const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6

// --- The calls to the store -----------------------------------------------------------------------------------------

class Calls {
  readonly at: Array<number> = []
  losesNext = false
  /** The sessions on which a call was answered. */
  sessions = 0
  readonly lost: Array<Effect.Effect<unknown, unknown>> = []

  private openedAt: number | undefined = undefined

  /** A call that opens a session first began then. */
  opens(): void {
    this.openedAt = monotonic()
  }

  note(): void {
    this.at.push(this.openedAt ?? monotonic())
    this.openedAt = undefined
  }

  /** Counts a session with its first answer. */
  answered(): Effect.Effect<void> {
    let isNew = true
    return Effect.sync(() => {
      if (isNew) this.sessions++
      isNew = false
    })
  }

  /** The most within one second. A call is sent a moment after it has begun, which is what the limit is about. */
  get most(): number {
    let most = 0
    let first = 0
    for (let last = 0; last < this.at.length; last++) {
      while (this.at[last]! - this.at[first]! >= 900) first++
      most = Math.max(most, last - first + 1)
    }
    return most
  }
}

const calls = new Calls()

/** A client whose calls are counted and can be lost. */
const counted = (client: RedisClient): RedisClient =>
  Object.create(client, {
    exclusive: {
      value: Effect.map(Effect.andThen(Effect.sync(() => calls.opens()), client.exclusive), (session) => {
        const answered = calls.answered()
        return Object.create(session, {
          script: {
            value: (source: string) => (keys: ReadonlyArray<string>, args: ReadonlyArray<string> = []) =>
              Effect.suspend(() => {
                // The work after a look at the connections of others is a part of the same call.
                if (Object.keys((JSON.parse(args[0]!) as { readonly seen: object }).seen).length === 0) calls.note()
                if (!calls.losesNext) return Effect.tap(session.script(source)(keys, args), answered)
                calls.losesNext = false
                calls.lost.push(client.script(source)(keys, args))
                return Effect.fail(new RedisError({ code: "LOST", detail: "on the way", command: "EVALSHA" }))
              })
          }
        })
      })
    }
  }) as RedisClient

const countedSession = (session: PostgresBudget.PgSession): PostgresBudget.PgSession => {
  const answered = calls.answered()
  return {
    ...session,
    query: (sql, parameters) =>
      Effect.suspend(() => {
        const query = session.query(sql, parameters)
        if (!sql.includes("socketpool_sync(") || sql.includes("create")) return query
        calls.note()
        return Effect.tap(query, answered)
      })
  }
}

/** Tries again where the first answer takes longer than a third of `ttl`, as on a machine that does much else. */
const patiently = <A, R>(budget: Effect.Effect<A, BudgetUnavailable, R>) =>
  Effect.retry(budget, { while: ({ reason }) => reason === "Unreachable" && config.isPatient, times: 30 })

const budgetOf = Effect.gen(function*() {
  const { onLost, reserve, whenUnavailable } = config
  const common = {
    name,
    holder: id,
    maxConnections: limit,
    ttl: ttlMillis,
    reclaimDelay: reclaimMillis,
    onLost,
    reserve,
    whenUnavailable
  }
  if (store.kind === "PostgreSQL") {
    const url = `postgres://postgres@127.0.0.1:${store.port}/postgres`
    const connect = Effect.map(Effect.andThen(Effect.sync(() => calls.opens()), pgSession(url, id)), countedSession)
    return yield* patiently(PostgresBudget.make({ ...common, connect }))
  }
  const login = store.user === undefined ? {} : { username: store.user, password: Redacted.make(password) }
  const client = yield* Redis.make({ host: "127.0.0.1", port: store.port, ...login })
  return yield* patiently(RedisBudget.make({ ...common, client: counted(client) }))
})

// --- The work -------------------------------------------------------------------------------------------------------

const main = Effect.scoped(Effect.gen(function*() {
  const budget = yield* budgetOf
  const events: Record<string, number> = {}
  yield* Effect.forkScoped(Stream.runForEach(budget.events, ({ _tag }) =>
    Effect.sync(() => {
      events[_tag] = (events[_tag] ?? 0) + 1
    })))
  let served = 0
  const failed: Record<string, number> = {}
  const ended = yield* Deferred.make<number>()
  const [pool, serial] = yield* Effect.scoped(Effect.gen(function*() {
    const pool = yield* TcpPool.make({
      host: "127.0.0.1",
      port: serverPort,
      maxConnections: 20,
      acquireTimeout: "2 minutes",
      handshake: (connection) => connection.send(`${id}\n`),
      budget
    })
    const once = pool.use((connection) =>
      Effect.gen(function*() {
        yield* connection.send("x\n")
        yield* connection.recvUntil("\n")
        yield* Effect.sleep("4 millis")
      })
    ).pipe(Effect.match({
      onSuccess: () => {
        served++
      },
      onFailure: (error) => {
        failed[String(error)] = (failed[String(error)] ?? 0) + 1
      }
    }))
    let wanted = 0
    const running = new Set<number>()
    const work = (fiber: number) => Effect.whileLoop({ while: () => fiber < wanted, body: () => once, step: () => {} })
    const scope = yield* Effect.scope
    const setFibers = (count: number) => {
      wanted = count
      for (let fiber = 0; fiber < count; fiber++) {
        if (running.has(fiber)) continue
        running.add(fiber)
        Effect.runFork(Effect.forkIn(Effect.ensuring(work(fiber), Effect.sync(() => running.delete(fiber))), scope))
      }
    }
    const reply = (serial: number, reply: unknown) => process.send!({ serial, reply })
    process.on("message", ({ request, serial }: { readonly serial: number; readonly request: WorkerRequest }) => {
      switch (request._tag) {
        case "Fibers":
          setFibers(request.fibers)
          return reply(serial, undefined)
        case "LoseNextCall":
          calls.losesNext = true
          return reply(serial, undefined)
        case "DeliverLostCall":
          return void Effect.runPromise(Effect.all(calls.lost)).then((answers) => reply(serial, answers))
        case "Report":
          return void Effect.runPromise(report(pool)).then((report) => reply(serial, report))
        case "End":
          return Effect.runSync(Deferred.succeed(ended, serial))
      }
    })
    setFibers(fibers)
    process.send!({ serial: 0, reply: undefined })
    const serial = yield* Deferred.await(ended)
    setFibers(0)
    return [pool, serial] as const
  }))
  process.send!({ serial, reply: yield* report(pool) })

  function report(counted: Pick<typeof pool, "stats">): Effect.Effect<WorkerReport> {
    return Effect.gen(function*() {
      const stats = yield* counted.stats
      return {
        at: monotonic(),
        served,
        failed,
        opened: stats.opened,
        closed: totalOf(stats.closed),
        usage: yield* budget.usage,
        calls: calls.at.length,
        sessions: calls.sessions,
        mostCallsInASecond: calls.most,
        lost: calls.lost.length,
        events
      }
    })
  }
}))

process.on("disconnect", () => process.exit())
Effect.runPromise(main).then(() => process.exit(), (error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exit(1)
})
