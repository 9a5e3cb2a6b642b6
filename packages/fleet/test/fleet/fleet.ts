/** A fleet of processes with one budget, beside a server that counts their connections. */
import { provideScope } from "@socketpool/test-seam"
import { expect } from "@socketpool/test-seam/vitest"
import { Effect, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import type {
  CounterReport,
  CounterRequest,
  StoreAddress,
  WorkerConfig,
  WorkerReport,
  WorkerRequest
} from "./messages.js"
import { type Process, start } from "./processes.js"
import type { Store } from "./stores.js"

export const limit = 8
export const ttlMillis = 3_000

/** Whether each of these has a connection, and all places are used. */
export const eachHas = (ids: ReadonlyArray<string>) => ({ byId, open }: CounterReport): boolean =>
  open === limit && ids.every((id) => (byId[id] ?? 0) > 0)

/** Whether each of these has as many as the others. Until then, places still move, and one may be about to connect. */
export const eachHasItsShare = (ids: ReadonlyArray<string>) => ({ byId }: CounterReport): boolean =>
  ids.every((id) => byId[id] === limit / ids.length)

/** Prints what was measured. Nothing depends on it. */
export const say = (line: string) => void process.stdout.write(`${line}\n`)

export class Worker {
  constructor(readonly id: string, readonly process: Process) {}

  private ask<A>(request: WorkerRequest): Effect.Effect<A> {
    return this.process.ask(request)
  }

  get report(): Effect.Effect<WorkerReport> {
    return this.ask({ _tag: "Report" })
  }

  fibers(fibers: number): Effect.Effect<void> {
    return this.ask({ _tag: "Fibers", fibers })
  }

  get loseNextCall(): Effect.Effect<void> {
    return this.ask({ _tag: "LoseNextCall" })
  }

  get deliverLostCall(): Effect.Effect<ReadonlyArray<unknown>> {
    return this.ask({ _tag: "DeliverLostCall" })
  }

  /** Lets it close its pool and its budget and end. Nothing must be left of its connections. */
  get end(): Effect.Effect<WorkerReport> {
    return Effect.gen(this, function*() {
      const report = yield* this.ask<WorkerReport>({ _tag: "End" })
      expect(report).toMatchObject({ failed: {}, closed: report.opened })
      yield* this.process.gone
      return report
    })
  }
}

type Given = Partial<Omit<WorkerConfig, "id" | "serverPort" | "store" | "budget" | "ttlMillis">> & {
  /** The address at which it reaches the store, if not directly. */
  readonly store?: Partial<StoreAddress>
  readonly environment?: Readonly<Record<string, string>>
}

export class Fleet {
  private readonly started = new Map<string, Worker>()

  constructor(
    private readonly store: Pick<Store, "address">,
    private readonly budget: string,
    private readonly ttlMillis: number,
    private readonly counter: Process,
    private readonly serverPort: number,
    private readonly scope: Scope.Scope
  ) {}

  // --- Processes ----------------------------------------------------------------------------------------------------

  start(id: string, { environment, store, ...given }: Given = {}): Effect.Effect<Worker> {
    const config: WorkerConfig = {
      fibers: 6,
      limit,
      onLost: "keep",
      reclaimMillis: 1_000,
      reserve: 0,
      whenUnavailable: "closed",
      isPatient: true,
      ...given,
      id,
      serverPort: this.serverPort,
      store: { ...this.store.address, ...store },
      budget: this.budget,
      ttlMillis: this.ttlMillis
    }
    return Effect.map(
      provideScope(start(id, "worker.ts", config, environment), this.scope),
      ([process]) => {
        const worker = new Worker(id, process)
        this.started.set(id, worker)
        return worker
      }
    )
  }

  startAll(ids: ReadonlyArray<string>, given?: Given): Effect.Effect<ReadonlyArray<Worker>> {
    return Effect.forEach(ids, (id) => this.start(id, given), { concurrency: "unbounded" })
  }

  get alive(): ReadonlyArray<Worker> {
    return [...this.started.values()].filter(({ process }) => process.isAlive)
  }

  // --- The server ---------------------------------------------------------------------------------------------------

  private ask(request: CounterRequest): Effect.Effect<CounterReport> {
    return this.counter.ask(request)
  }

  get seen(): Effect.Effect<CounterReport> {
    return this.ask({ _tag: "Report" })
  }

  get reset(): Effect.Effect<void> {
    return Effect.asVoid(this.ask({ _tag: "Reset" }))
  }

  /** From now on, the server notices only so much later that connections of this process have ended. */
  noticeLate({ id }: Worker, millis: number): Effect.Effect<void> {
    return Effect.asVoid(this.ask({ _tag: "NoticeLate", id, millis }))
  }

  /** Checks the most connections at once since the last check. */
  peakIs(most: number): Effect.Effect<number> {
    return Effect.gen(this, function*() {
      const { over, peak } = yield* this.seen
      yield* this.reset
      expect(peak, `the server had too many: ${over.join(" ")}`).toBeLessThanOrEqual(most)
      return peak
    })
  }

  // --- Waiting ------------------------------------------------------------------------------------------------------

  /** Waits until it is true of what the server sees. Returns how long it took, in milliseconds. */
  until(what: string, isTrue: (report: CounterReport) => boolean): Effect.Effect<number> {
    return this.watch(what, this.seen, isTrue)
  }

  /** Waits until each of these workers has served so many more. */
  untilServed(leases: number, workers = this.alive): Effect.Effect<number> {
    return Effect.gen(this, function*() {
      const before = yield* Effect.forEach(workers, ({ report }) => report)
      const all = Effect.forEach(workers, ({ report }) => report)
      return yield* this.watch(
        `each serves ${leases} more`,
        all,
        (now) => now.every(({ served }, i) => served >= before[i]!.served + leases)
      )
    })
  }

  /** Waits until each of these workers has asked the store so many times more. */
  untilAsked(calls: number, workers = this.alive): Effect.Effect<number> {
    return Effect.gen(this, function*() {
      const all = Effect.forEach(workers, ({ report }) => report)
      const before = yield* all
      return yield* this.watch(
        `each asks ${calls} more times`,
        all,
        (now) => now.every((report, i) => report.calls >= before[i]!.calls + calls)
      )
    })
  }

  /** Waits until it is true of what a worker reports. */
  untilWorker(worker: Worker, what: string, isTrue: (report: WorkerReport) => boolean): Effect.Effect<number> {
    return this.watch(what, worker.report, isTrue)
  }

  private watch<A>(what: string, look: Effect.Effect<A>, isTrue: (seen: A) => boolean): Effect.Effect<number> {
    return Effect.gen(function*() {
      const begun = performance.now()
      while (true) {
        const seen = yield* look
        const took = Math.round(performance.now() - begun)
        if (isTrue(seen)) return took
        if (took > 60_000) {
          return yield* Effect.die(new Error(`it never happened that ${what}; the last was ${JSON.stringify(seen)}`))
        }
        yield* Effect.sleep("5 millis")
      }
    })
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  /** Ends all that are alive. No borrow has failed, and nothing is left. Returns what each has said. */
  get finish(): Effect.Effect<ReadonlyArray<WorkerReport>> {
    return Effect.gen(this, function*() {
      const reports = yield* Effect.forEach(this.alive, ({ end }) => end, { concurrency: "unbounded" })
      for (const { mostCallsInASecond } of reports) expect(mostCallsInASecond).toBeLessThanOrEqual(10)
      yield* this.until("the server has no connection left", ({ open }) => open === 0)
      return reports
    })
  }
}

/** Waits until places move again: one stops working, and the others get what it had. */
export const placesMove = (fleet: Fleet): Effect.Effect<number> =>
  Effect.gen(function*() {
    const [first, ...others] = fleet.alive
    yield* first!.fibers(0)
    const took = yield* fleet.until("the others have its places", ({ byId, open }) =>
      open === limit && byId[first!.id] === undefined)
    yield* fleet.untilServed(50, others)
    return took
  })

/** A fleet without processes, and its server. All of it ends with the scope. */
export const fleetOn = (
  store: Pick<Store, "address" | "prime">,
  ttl = ttlMillis
): Effect.Effect<Fleet, never, Scope.Scope> =>
  Effect.gen(function*() {
    const budget = `fleet-${randomBytes(4).toString("hex")}`
    yield* store.prime(budget, ttl)
    const [counter, ready] = yield* start("the server", "counter.ts", { limit })
    const { port } = ready as { readonly port: number }
    return new Fleet(store, budget, ttl, counter, port, yield* Effect.scope)
  })
