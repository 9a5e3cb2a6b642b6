/** The store in Redis: one script on one connection, and a subscription for what is new. */
import type { Failure, RedisClient, RedisSession, Reply } from "@socketpool/redis/RedisClient"
import { RedisError } from "@socketpool/redis/RedisError"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import type { Answer, Connect, Report } from "../../FleetBudget.js"
import type { Checked } from "../options.js"
import { connected, nothing, RemoteStore } from "../remote.js"
import { script } from "./script.js"

/** The least time between two looks at the connections of all others, in milliseconds. */
const lookPause = 500

/** A subscription that has failed is made again after this time. */
const subscribeAgain = Schedule.spaced("1 second")

/** The connection of this process, whose end tells the others that it has died. */
interface Session {
  readonly redis: RedisSession
  /** Its number in the list of connections; empty if this process may not read that list. */
  readonly id: string
  readonly closed: Effect.Effect<void>
}

type Seen = Record<string, { readonly client: string; readonly alive: boolean }>

type Looks = false | "expired" | "all"

interface Asked {
  readonly report: Report
  readonly session: Session
  readonly looks: Looks
  readonly seen: Seen
}

interface Told {
  readonly answer: Answer
  /** The processes that may have died, each with the number of its connection. */
  readonly suspects: ReadonlyArray<readonly [id: string, client: string]>
}

const list = <A>(json: Reply): ReadonlyArray<A> => {
  const value: unknown = JSON.parse(String(json))
  // Lua has no empty list.
  return Array.isArray(value) ? value : []
}

class RedisStore extends RemoteStore<Session> {
  private readonly id: string
  private readonly keys: readonly [string, string]
  readonly channel: string
  private sequence = 0
  private lookedAt = -Infinity

  constructor(
    private readonly client: RedisClient,
    private readonly options: Checked & { readonly warmStart: boolean },
    private readonly holder: string,
    signal: (signal: "News" | "Cut") => void
  ) {
    const { name, ttl } = options
    super("Redis", name, Math.max(1, Math.min(5_000, ttl / 3)), signal)
    this.id = `${holder}#${randomBytes(6).toString("hex")}`
    this.keys = [`socketpool:{${name}}:holders`, `socketpool:{${name}}:meta`]
    this.channel = `socketpool:{${name}}:news`
  }

  protected open(scope: Scope.Scope): Effect.Effect<Session, Failure> {
    return Effect.gen(this, function*() {
      const redis = yield* Effect.provideService(this.client.exclusive, Scope.Scope, scope)
      // Its name is not for the next borrower.
      yield* Scope.addFinalizer(scope, redis.discard)
      return { redis, id: yield* this.identify(redis), closed: redis.closed }
    })
  }

  /** Names the connection, so that others know it. Returns its number, if this process may look for those of others. */
  private identify(redis: RedisSession): Effect.Effect<string, Failure> {
    return Effect.gen(this, function*() {
      const id = String(yield* redis.command("CLIENT", "ID"))
      yield* redis.command("CLIENT", "SETNAME", this.id)
      const lines = yield* redis.command("CLIENT", "LIST", "ID", id)
      return connectionsIn(lines).has(`${id} ${this.id}`) ? id : ""
    }).pipe(
      // Redis before 6.2, or a user that may not read the list.
      Effect.catchIf((error) => error instanceof RedisError, () => Effect.succeed(""))
    )
  }

  protected ask(session: Session, report: Report): Effect.Effect<Answer, unknown> {
    return Effect.gen(this, function*() {
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      const canLook = session.id !== ""
      const isLookDue = report.wanted > 0 && Math.abs(now - this.lookedAt) >= lookPause
      const looks = canLook && report.wanted > 0 && (isLookDue ? "all" : "expired")
      const first = yield* this.tell({ report, session, looks, seen: {} })
      // Its granted places suffice, or nobody may be dead.
      if (first.suspects.length === 0 || first.answer.held >= report.held + report.wanted) return first.answer
      this.lookedAt = now
      const seen = yield* this.look(session, first.suspects)
      // All of them live.
      if (looks === "all" && Object.values(seen).every(({ alive }) => alive)) return first.answer
      const wanted = report.wanted - (first.answer.held - report.held)
      const again = { ...report, held: first.answer.held, wanted, isFirst: false }
      return (yield* this.tell({ report: again, session, looks: false, seen })).answer
    })
  }

  protected takeOut(session: Session): Effect.Effect<void, unknown> {
    return Effect.asVoid(this.run({ report: nothing, session, looks: false, seen: {} }, true))
  }

  private reportOf({ looks, report, seen, session }: Asked, leaves: boolean): object {
    const { reclaimDelay, ttl, warmStart } = this.options
    return {
      id: this.id,
      holder: this.holder,
      sequence: ++this.sequence,
      held: report.held,
      busy: report.busy,
      want: report.wanted,
      limit: report.limit,
      reserve: report.reserve,
      first: report.isFirst,
      leaves,
      ttl: Math.ceil(ttl),
      delay: Math.ceil(reclaimDelay),
      warm: warmStart,
      client: session.id,
      looks,
      seen
    }
  }

  private run(asked: Asked, leaves: boolean): Effect.Effect<ReadonlyArray<Reply>, Failure> {
    return Effect.suspend(() =>
      asked.session.redis.script(script)(this.keys, [JSON.stringify(this.reportOf(asked, leaves)), this.channel])
    ) as Effect.Effect<ReadonlyArray<Reply>, Failure>
  }

  private tell(asked: Asked): Effect.Effect<Told, unknown> {
    return Effect.flatMap(this.run(asked, false), (reply) => {
      const [status, ...fields] = reply
      switch (status) {
        case "Incompatible":
          return this.unavailable("Incompatible", `version ${String(fields[0])}`)
        case "Reserve":
          return this.unavailable("Reserve", `${String(fields[0])} of ${String(fields[1])}`)
        case "Late":
          return this.unavailable("Unreachable", "the answer is that of a later call")
      }
      const [held, shed, othersWant, limit, wait] = fields.map(Number) as [number, number, number, number, number]
      return Effect.succeed({
        answer: {
          held,
          shed,
          othersWant,
          limit,
          waitMillis: wait < 0 ? Infinity : wait,
          holders: list<Answer["holders"][number]>(fields[5]!)
        },
        suspects: list<readonly [string, string]>(fields[6]!)
      })
    })
  }

  /** Looks for the connections of others. A number alone does not do: after a restart, Redis begins again with 1. */
  private look(session: Session, suspects: Told["suspects"]): Effect.Effect<Seen, Failure> {
    return Effect.map(
      session.redis.command("CLIENT", "LIST", "ID", ...suspects.map(([, client]) => client)),
      (lines) => {
        const alive = connectionsIn(lines)
        return Object.fromEntries(
          suspects.map(([id, client]) => [id, { client, alive: alive.has(`${client} ${id}`) }])
        )
      }
    )
  }
}

/** The connections in the server's list: number and name of each. */
const connectionsIn = (lines: Reply): ReadonlySet<string> =>
  new Set(
    String(lines).split("\n").map((line) => {
      const fields = new Map(line.split(" ").map((field) => field.split(/=(.*)/s) as [string, string]))
      return `${fields.get("id")} ${fields.get("name")}`
    })
  )

/** Listens for what is new, for as long as the scope is open. */
const listen = (client: RedisClient, store: RedisStore, signal: (signal: "News" | "Cut") => void) =>
  client.subscribe(store.channel).pipe(
    Stream.runForEach(() => Effect.sync(() => signal("News"))),
    Effect.retry(subscribeAgain)
  )

export const connectTo =
  (client: RedisClient, options: Checked & { readonly warmStart: boolean }): Connect => (holder, signal) =>
    Effect.gen(function*() {
      const store = yield* connected(() => new RedisStore(client, options, holder, signal))
      yield* Effect.forkScoped(listen(client, store, signal))
      return store
    })
