/** The store in PostgreSQL: one function on one session, and notifications for what is new. */
import { argument, rules } from "@socketpool/core/Checks"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import type { Answer, Connect, Report } from "../../FleetBudget.js"
import type { PgSession } from "../../PostgresBudget.js"
import { connected, nothing, RemoteStore } from "../remote.js"
import { millis } from "../time.js"
import { functionText } from "./function.js"
import type { Checked } from "./options.js"

/** The calls that must all reach the same session of the server. */
const probes = 3

/** The rest of a division by this is a number of a lock class, with room for the others of the same budget. */
const classes = 2 ** 27

/** The hashes of a budget's name. */
const hashesOf = (name: string): readonly [lockClass: number, nameHash: number] => {
  const bytes = createHash("sha256").update(`socketpool:${name}`).digest()
  return [bytes.readUInt32BE(0) % classes * 16, bytes.readUInt32BE(4) >>> 1]
}

const sessionRule = rules.secret(rules.having<PgSession>(
  "an Effect of a session with query and onNotification",
  "query",
  "onNotification"
))

interface Row {
  readonly status: "Ok" | "Reserve" | "Collision"
  readonly held: number
  readonly shed: number
  readonly others_want: number
  readonly total_limit: number
  readonly wait: number
  readonly holders: ReadonlyArray<
    { readonly pid: number; readonly holder: string; readonly held: number; readonly wanted: number }
  >
}

/** One session of the server, and what is known of the others. */
class Session {
  /** The sessions that have places or may get some. */
  private readonly known = new Set<number>()
  /** Those that have said that they leave. */
  private readonly left = new Set<number>()
  /** The places that were taken while those of a dead process may be among them, each with the moment it is ready. */
  private readonly withheld: Array<{ readonly places: number; readonly readyAt: number }> = []
  /** The moment until which new places are withheld. At first, any process may have died just before. */
  private trustAt: number

  constructor(
    readonly pg: PgSession,
    readonly pid: number,
    private readonly reclaimDelay: number,
    now: number
  ) {
    this.trustAt = now + reclaimDelay
  }

  get closed(): Effect.Effect<void> {
    return this.pg.closed
  }

  /** Hears of another session. Returns whether it is worth a call. */
  hear(payload: string): boolean {
    const [word, number, news] = payload.split(" ")
    const pid = Number(number)
    if (word === "here" && pid !== this.pid) this.known.add(pid)
    if (word === "left") this.left.add(pid)
    return word !== "here" || news !== undefined
  }

  /** The places that it has in the server, and must not use yet. */
  get places(): number {
    return this.withheld.reduce((sum, { places }) => sum + places, 0)
  }

  /** Notes which sessions there are. The places of one that is gone without a word are withheld for a while. */
  meet(pids: ReadonlyArray<number>, now: number): void {
    const present = new Set(pids)
    for (const pid of this.known) {
      if (present.has(pid)) continue
      this.known.delete(pid)
      if (!this.left.delete(pid)) this.trustAt = now + this.reclaimDelay
    }
    for (const pid of pids) {
      // Numbers of sessions come back.
      this.left.delete(pid)
      if (pid !== this.pid) this.known.add(pid)
    }
  }

  /** Withholds new places if need be. */
  take(places: number, now: number): void {
    if (places > 0 && now < this.trustAt) this.withheld.push({ places, readyAt: this.trustAt })
  }

  /** Lets go of those that are ready. Returns the time until the next ones are. */
  mature(now: number): number {
    while (this.withheld.length > 0 && this.withheld[0]!.readyAt <= now) this.withheld.shift()
    return this.withheld.length === 0 ? Infinity : this.withheld[0]!.readyAt - now
  }

  /** Gives places back that are not wanted any more. */
  shrink(places: number): void {
    while (this.places > places) {
      const last = this.withheld.pop()!
      const rest = last.places - (this.places + last.places - places)
      if (rest > 0) this.withheld.push({ ...last, places: rest })
    }
  }
}

class PostgresStore extends RemoteStore<Session> {
  private readonly lockClass: number
  private readonly nameHash: number
  private readonly channel: string
  /** Whether the check for poolers has passed. It is made once. */
  private isProbed = false

  constructor(
    private readonly openPg: (application: string) => Effect.Effect<PgSession, unknown, Scope.Scope>,
    private readonly options: Checked,
    private readonly holder: string,
    signal: (signal: "News" | "Cut") => void
  ) {
    // An interrupted call costs the session, and with it all places.
    super("PostgreSQL", options.name, Math.max(1, options.ttl), signal)
    const [lockClass, nameHash] = hashesOf(options.name)
    this.lockClass = lockClass
    this.nameHash = nameHash
    this.channel = `socketpool_${lockClass.toString(16)}`
  }

  protected open(scope: Scope.Scope): Effect.Effect<Session, unknown> {
    return Effect.gen(this, function*() {
      const opened = yield* Effect.provideService(this.openPg(this.holder), Scope.Scope, scope)
      const pg = argument("PostgresBudget", "connect", sessionRule, opened)
      const pids = new Set<number>()
      for (let i = 0; i < (this.isProbed ? 1 : probes); i++) {
        const [row] = yield* pg.query("select pg_backend_pid() as pid", [])
        pids.add(Number(row!.pid))
      }
      if (pids.size > 1) return yield* this.unavailable("Pooled", `${pids.size} sessions answered ${probes} statements`)
      this.isProbed = true
      const [pid] = [...pids]
      const session = new Session(pg, pid!, this.options.reclaimDelay, yield* millis)
      pg.onNotification((channel, payload) => {
        if (channel === this.channel && this.isCurrent(session) && session.hear(payload)) this.signal("News")
      })
      yield* pg.query(`listen ${this.channel}`, [])
      yield* pg.query(functionText, [])
      return session
    })
  }

  protected ask(session: Session, report: Report): Effect.Effect<Answer, unknown> {
    return Effect.gen(this, function*() {
      // Places that are withheld are wanted, and a part of what the session has.
      const before = yield* millis
      const readyBefore = session.places
      session.mature(before)
      const matured = readyBefore - session.places
      session.shrink(Math.max(0, report.wanted - matured))
      const withheld = session.places
      const asked = {
        ...report,
        held: report.held + matured + withheld,
        wanted: Math.max(0, report.wanted - matured - withheld)
      }
      const row = yield* this.call(session, asked, false)
      const now = yield* millis
      session.meet(row.holders.map(({ pid }) => pid), now)
      session.take(row.held - asked.held, now)
      const wait = session.mature(now)
      return {
        held: row.held - session.places,
        shed: row.shed,
        othersWant: row.others_want,
        limit: row.total_limit,
        waitMillis: Math.min(wait, row.wait < 0 ? Infinity : row.wait),
        holders: row.holders.map(({ held, holder, wanted }) => ({ holder, held, wanted, isDead: false }))
      }
    })
  }

  protected takeOut(session: Session): Effect.Effect<void, unknown> {
    return Effect.asVoid(this.call(session, nothing, true))
  }

  private call(session: Session, report: Report, leaves: boolean): Effect.Effect<Row, unknown> {
    const { busy, held, isFirst, limit, reserve, wanted } = report
    return Effect.flatMap(
      session.pg.query("select * from pg_temp.socketpool_sync($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", [
        this.lockClass,
        this.channel,
        this.nameHash,
        held,
        busy,
        wanted,
        limit,
        reserve,
        isFirst,
        leaves
      ]),
      ([found]) => {
        const row = found as unknown as Row
        switch (row.status) {
          case "Ok":
            return Effect.succeed(row)
          case "Reserve":
            return this.unavailable("Reserve", `${row.others_want} of ${row.total_limit}`)
          case "Collision":
            return this.unavailable("Incompatible", "another budget has the same locks")
        }
      }
    )
  }
}

export const connectTo = (
  open: (application: string) => Effect.Effect<PgSession, unknown, Scope.Scope>,
  options: Checked
): Connect =>
(holder, signal) => connected(() => new PostgresStore(open, options, holder, signal))
