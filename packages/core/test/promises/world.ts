/** A pool, its door for promises, and everybody who borrows by it; what must hold for them. */
import { ConnectTimeoutError, Pool, PoolClosedError, PoolExhaustedError, type PromisePool } from "@socketpool/core"
import { provideScope } from "@socketpool/test-seam"
import { type Rng, ScriptedConnector } from "@socketpool/testing"
import { Effect, Scope } from "effect"
import { Timeline } from "../model/timeline.js"
import type { Connection } from "../setup.js"
import type { Plant } from "./plants.js"

type Behaviour = ScriptedConnector.Behaviour

/** Everything happens on a coarse grid of time, so that much of it happens at the same moment. */
export const tick = 5

export const reactions = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await undefined
}

const macroturn = () => new Promise<void>((next) => setImmediate(next))

/** One borrower. */
export interface Borrower {
  readonly number: number
  readonly controller: AbortController | undefined
  readonly deadline: number
  state: "waits" | "holds" | "is done"
  /** Ends its lease, as it likes. */
  end: (() => void) | undefined
}

export class World {
  readonly timeline = new Timeline()
  readonly problems: Array<string> = []
  readonly story: Array<string> = []
  readonly borrowers: Array<Borrower> = []
  /** The connections that were dropped while somebody may have held them. */
  readonly dropped = new Set<Connection>()
  readonly connector: ScriptedConnector.ScriptedConnector
  readonly pool
  readonly door: PromisePool.PromisePool<Connection>
  readonly acquireTimeout: number
  /** Milliseconds for which the event loop has stood still. */
  stalled = 0
  /** The number of borrowers beside these, in fibers, that have not ended. */
  others = 0
  isClosing = false
  isCalm = false
  most: number
  private numbers = 0

  constructor(private readonly rng: Rng.Rng, plant: Plant) {
    const trouble = rng.pick([0, 0.1, 0.3])
    this.connector = ScriptedConnector.make({
      open: () =>
        this.isCalm || !rng.chance(trouble)
          ? rng.pick<Behaviour>(["ok", { slow: tick }])
          : rng.pick<Behaviour>(["fail", "never", { slow: 4 * tick }]),
      close: () => rng.pick<Behaviour>(["ok", { slow: tick }])
    })
    const maxConnections = rng.between(1, 3)
    this.most = maxConnections
    this.acquireTimeout = rng.pick([Infinity, 6 * tick])
    const scope = this.do(Scope.make())
    this.pool = this.do(provideScope(
      Pool.make({
        open: this.connector.open,
        name: "simulated",
        maxConnections,
        minConnections: rng.between(0, maxConnections),
        acquireTimeout: this.acquireTimeout,
        connectTimeout: 3 * tick,
        concurrency: 1,
        isConnected: ({ alive }) => alive,
        ...(rng.chance(0.3) ? { onRelease: () => Effect.as(Effect.sleep(tick), "default" as const) } : {})
      }),
      scope
    ))
    this.door = plant(Pool.promises(this.pool))
  }

  /** Runs an effect that does not wait. */
  do<A, E>(effect: Effect.Effect<A, E>): A {
    const exit = this.timeline.call(effect)
    if (exit._tag === "Failure") throw new Error(String(exit.cause))
    return exit.value
  }

  expect(ok: boolean, problem: () => string): void {
    if (!ok) this.problems.push(problem())
  }

  // --- Borrowers ----------------------------------------------------------------------------------------------------

  newcomer(timeout: number | undefined): Borrower {
    const borrower: Borrower = {
      number: ++this.numbers,
      controller: this.rng.chance(0.6) ? new AbortController() : undefined,
      deadline: this.timeline.now + (timeout ?? this.acquireTimeout),
      state: "waits",
      end: undefined
    }
    this.borrowers.push(borrower)
    return borrower
  }

  private take({ number }: Borrower, connection: Connection): void {
    this.story.push(`${number} has ${connection.id}`)
    this.expect(!connection.held, () => `connection ${connection.id} has two holders`)
    connection.held = true
  }

  acquire(borrower: Borrower, options: PromisePool.Options, end: "drop" | "release" | "dispose"): void {
    void this.door.acquire(options).then((lease) => {
      const { connection } = lease
      this.take(borrower, connection)
      borrower.state = "holds"
      borrower.end = () => {
        borrower.state = "is done"
        connection.held = false
        if (end === "dispose") return lease[Symbol.dispose]()
        // The pool may have ended it, but nobody else can.
        const isOurs = !this.dropped.has(connection) && !connection.closing
        try {
          lease[end]()
        } catch (error) {
          this.expect(!isOurs, () => `${borrower.number} cannot ${end} its lease: ${String(error)}`)
        }
      }
    }).catch((reason: unknown) => this.hasFailed(borrower, reason))
  }

  use(borrower: Borrower, options: PromisePool.Options, ends: "well" | "badly"): void {
    const work = (connection: Connection) => {
      this.take(borrower, connection)
      this.expect(!connection.closing, () => `connection ${connection.id} was lent although it is closed`)
      borrower.state = "holds"
      return new Promise<void>((resolve, reject) => {
        borrower.end = () => {
          borrower.state = "is done"
          connection.held = false
          if (ends === "well") resolve()
          else reject(scripted)
        }
      })
    }
    void this.door.use(work, options).catch((reason: unknown) => {
      if (reason !== scripted) this.hasFailed(borrower, reason)
    })
  }

  private hasFailed(borrower: Borrower, reason: unknown): void {
    const { controller, deadline, number, state } = borrower
    const { now } = this.timeline
    this.story.push(`${number} fails at ${now}: ${String(reason).slice(0, 60)}`)
    this.expect(state === "waits", () => `${number} failed although it ${state}: ${String(reason)}`)
    borrower.state = "is done"
    const isFair = reason instanceof PoolExhaustedError
      ? reason.reason === "NoWait" || (now >= deadline && now <= deadline + this.stalled + 2 * tick + 1)
      : reason instanceof PoolClosedError
      ? this.isClosing
      : reason instanceof ScriptedConnector.ScriptedOpenError || reason instanceof ConnectTimeoutError ||
        (controller?.signal.aborted === true && reason === controller.signal.reason)
    this.expect(isFair, () => `${number}, due at ${deadline}, failed at ${now}: ${String(reason)}`)
  }

  // --- Invariants --------------------------------------------------------------------------------------------------

  /** The facts that must hold after every step. */
  readonly look = (): void => {
    const stats = this.door.stats()
    this.problems.push(...this.connector.audit({ ...stats, maxConnections: this.most }))
    const waiting = this.borrowers.filter(({ controller, state }) => state === "waits" && !controller?.signal.aborted)
    this.expect(
      stats.pending <= waiting.length + this.others,
      () => `${stats.pending} wait, but only ${waiting.length} promises and ${this.others} others want to`
    )
  }

  /** Lets time pass, and everybody react. */
  async pass(ticks: number): Promise<void> {
    for (let i = 0; i < ticks; i++) {
      this.timeline.pass(tick, this.look)
      await macroturn()
      this.timeline.settle()
      this.look()
    }
  }

  /** Everybody comes to an end, everything can be lent again, and nothing is left of the pool once it has closed. */
  async conclude(): Promise<void> {
    this.isCalm = true
    const isBusy = () => this.others > 0 || this.borrowers.some(({ state }) => state !== "is done")
    for (let round = 0; round < 40 && isBusy(); round++) {
      for (const { end, state } of this.borrowers) if (state === "holds") end!()
      await this.pass(3)
    }
    await this.pass(10)
    const stuck = this.borrowers.filter(({ state }) => state !== "is done")
    this.expect(stuck.length === 0, () => `${stuck.length} borrowers are stuck`)
    const { inUse, pending, validating } = this.door.stats()
    // The pool itself may be asking a connection.
    this.expect(
      inUse === validating && pending === 0,
      () => `${inUse} are in use and ${pending} wait, though all have gone`
    )
    if (!this.isClosing && this.problems.length === 0) await this.lendAll()
    let hasClosed = false
    this.isClosing = true
    void this.door.close().then(() => hasClosed = true)
    await macroturn()
    await this.pass(10)
    const { closed, live, opened } = this.connector
    this.expect(hasClosed, () => "the close does not end")
    this.expect(opened === closed && live === 0, () => `${opened} were opened, ${closed} closed, ${live} are left`)
  }

  private async lendAll(): Promise<void> {
    const { maxConnections } = this.door.stats()
    this.others += maxConnections
    const lent: Array<PromisePool.PromiseLease<Connection>> = []
    for (let i = 0; i < maxConnections; i++) {
      void this.door.acquire({ timeout: "1 minute" }).then((lease) => lent.push(lease), () => {})
    }
    await this.pass(1_100 / tick)
    this.expect(lent.length === maxConnections, () => `only ${lent.length} of ${maxConnections} can be lent again`)
    for (const lease of lent) lease.release()
    await this.pass(3)
  }
}

const scripted = new Error("scripted failure")
