/** The stores of a budget, as servers in processes of their own that can stand still, be cut off and start again. */
import { RedisBudget } from "@socketpool/fleet"
import { Redis, type RedisClient } from "@socketpool/redis"
import { provideScope } from "@socketpool/test-seam"
import { describe } from "@socketpool/test-seam/vitest"
import { Effect, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { installed as hasPostgres, postgres } from "../../../node/test/fixtures/postgres.js"
import { isMissing, run } from "../../../node/test/fixtures/realServer.js"
import * as Servers from "../../../node/test/fixtures/redisServer.js"
import { eventually } from "../../../node/test/fixtures/server.js"
import type { StoreAddress } from "./messages.js"
import { password } from "./password.js"
import { relayTo } from "./relay.js"

export interface Store {
  readonly address: StoreAddress
  /** Lets the first processes of a budget have places at once. */
  readonly prime: (budget: string, ttlMillis: number) => Effect.Effect<void>
  /** Runs an effect while the server stands still. */
  readonly whileFrozen: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
  /** Kills the server and starts it on the same port, without its data if it may lose it. */
  readonly restart: Effect.Effect<void>
  /** Ends the session of a process, and waits until it has ended. */
  readonly cut: (holder: string) => Effect.Effect<void>
}

export interface StoreKind {
  readonly name: StoreAddress["kind"]
  readonly isSkipped: boolean
  readonly start: Effect.Effect<Store, never, Scope.Scope>
}

const signalAll = (pids: ReadonlyArray<number>, signal: NodeJS.Signals) => {
  for (const pid of pids) process.kill(pid, signal)
}

const frozen = (pids: () => ReadonlyArray<number>) => <A>(effect: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const stopped = pids()
      signalAll(stopped, "SIGSTOP")
      return stopped
    }),
    () => effect,
    (stopped) => Effect.sync(() => signalAll(stopped, "SIGCONT"))
  )

/** A user that may not see the connections of others. */
export const blind = "blind"

/** A server, and a client of it. */
const redisServer = (...words: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const server = yield* Servers.redisServer(...words)
    return { ...server, client: yield* Redis.make({ host: "127.0.0.1", port: server.port, name: "the test" }) }
  })

/** Lets the first processes of a budget have places at once. */
const prime = (client: RedisClient) => (name: string, ttl: number) =>
  Effect.orDie(Effect.scoped(RedisBudget.make({ client, name, maxConnections: 1_000, ttl, warmStart: true })))

const startRedis: Effect.Effect<Store, never, Scope.Scope> = Effect.gen(function*() {
  const { client, kill, pidFile, port, start } = yield* redisServer()
  yield* Effect.orDie(
    client.command("ACL", "SETUSER", blind, "on", `>${password}`, "~*", "&*", "+@all", "-client|list")
  )
  const lineOf = (holder: string) =>
    Effect.map(
      client.command("CLIENT", "LIST"),
      (lines) => String(lines).split("\n").find((line) => line.includes(` name=${holder}#`))
    )
  return {
    address: { kind: "Redis", port },
    prime: prime(client),
    whileFrozen: frozen(() => [Number(fs.readFileSync(pidFile, "utf8"))]),
    restart: Effect.andThen(kill, start),
    cut: (holder) =>
      Effect.orDie(Effect.gen(function*() {
        const line = (yield* lineOf(holder))!
        yield* client.command("CLIENT", "KILL", "ID", /^id=(\d+) /.exec(line)![1]!)
      }))
  }
})

/** A server with a replica, behind one address, and another of which processes hear later that the replica took over. */
export const startReplicated = Effect.gen(function*() {
  const primary = yield* redisServer()
  const replica = yield* redisServer("--replicaof", `127.0.0.1 ${primary.port}`)
  const [relay, late] = [yield* relayTo(primary.port), yield* relayTo(primary.port)]
  const promote = Effect.orDie(replica.client.command("REPLICAOF", "NO", "ONE"))
  const store: Pick<Store, "address" | "prime"> = {
    address: { kind: "Redis", port: relay.port },
    prime: prime(primary.client)
  }
  return {
    store,
    latePort: late.port,
    /** Waits until the replica has all that was written so far. */
    isReplicated: Effect.orDie(Effect.gen(function*() {
      yield* primary.client.command("SET", "last", "write")
      // Writes come to the replica in their order.
      yield* Effect.repeat(Effect.delay(replica.client.command("GET", "last"), 5), {
        until: (last) => last === "write"
      })
    })),
    /** The replica hears of no write from now on. */
    divide: promote,
    /** Kills the primary, and lets the address lead to the replica. */
    failOver: Effect.all([primary.kill, promote, relay.leadTo(replica.port)], { discard: true }),
    failOverLate: late.leadTo(replica.port)
  }
})

const startPostgres: Effect.Effect<Store, never, Scope.Scope> = Effect.gen(function*() {
  const { port, psql, socket } = yield* postgres
  const home = path.dirname(socket)
  const pidFile = path.join(home, "data", "postmaster.pid")
  const main = () => Number(fs.readFileSync(pidFile, "utf8").split("\n")[0])
  const command = fs.readlinkSync(`/proc/${main()}/exe`)
  const [, ...args] = fs.readFileSync(`/proc/${main()}/cmdline`, "utf8").split("\0").slice(0, -1)
  const { gid, uid } = fs.statSync(home)
  const owner = process.getuid!() === 0 ? { uid, gid } : {}
  const scope = yield* Effect.scope
  return {
    address: { kind: "PostgreSQL", port },
    prime: () => Effect.void,
    whileFrozen: frozen(() => {
      const pid = main()
      process.kill(pid, "SIGSTOP")
      const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number)
      return [pid, ...children]
    }),
    restart: Effect.gen(function*() {
      const pid = main()
      process.kill(pid, "SIGQUIT")
      yield* eventually("the server is gone", () => !fs.existsSync(`/proc/${pid}`))
      yield* Effect.orDie(provideScope(
        run({
          ...owner,
          cwd: home,
          command,
          args,
          ready: "database system is ready to accept connections",
          stopWith: "SIGQUIT"
        }),
        scope
      ))
    }),
    cut: (holder) =>
      Effect.sync(() => {
        const ended = psql(
          `select count(*) filter (where pg_terminate_backend(pid, 60000)) from pg_stat_activity
            where application_name = '${holder}'`
        )
        if (ended !== "1") throw new Error(`${ended} sessions of ${holder} were ended`)
      })
  }
})

export const redis: StoreKind = {
  name: "Redis",
  isSkipped: isMissing("redis-server", Servers.installed),
  start: startRedis
}

export const postgresql: StoreKind = {
  name: "PostgreSQL",
  isSkipped: isMissing("postgresql", hasPostgres),
  start: startPostgres
}

export const stores: ReadonlyArray<StoreKind> = [redis, postgresql]

/** Describes the same for each store. Those that are not installed are skipped. */
export const describeEach = (title: string, body: (kind: StoreKind) => void): void => {
  for (const kind of stores) describe.skipIf(kind.isSkipped)(title.replace("$name", kind.name), () => body(kind))
}
