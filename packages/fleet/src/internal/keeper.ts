/** One process's side of a budget: what it tells the store and when, and what it makes of the answers. */
import * as Budget from "@socketpool/core/Budget"
import { argument, rules } from "@socketpool/core/Checks"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { BudgetUnavailable } from "../BudgetUnavailable.js"
import type { Answer, Connect, Options, Report, Store } from "../FleetBudget.js"
import { async, currentClock, failAfter, fork, recover } from "./effect.js"
import { inTime } from "./inTime.js"
import { type Checked, mostConnections, table } from "./options.js"
import { millisOf } from "./time.js"

/** The least time between two calls to the store, in milliseconds, unless the first borrower begins to wait. */
const pace = 100

/** The same for each process that shares the budget: a store does not get more than some 100 calls a second. */
const paceOfEach = 10

/** The most calls to the store in a second. */
const mostCalls = 10

/** After calls that fail, the next one waits: twice as long each time, between these, in milliseconds. */
const backoff = { least: 100, most: 1_000 }

/** While it wants places that it does not get, it asks again after so long even if nobody tells it anything. */
const patience = 1_000

/** A process that leaves waits no longer for the store than this, in milliseconds. */
const farewell = 1_000

/** A process whose connection was cut gives up after this part of `reclaimDelay`: what it sheds takes time to close. */
const shedPart = 0.75

/** The first answer has at least this time, in milliseconds: a connection has to be opened for it. */
const firstTimeout = 5_000

const freeName = (): string => {
  const host = hostname().replaceAll(/[^\w.-]/g, "-").slice(0, 40)
  return `${host}:${process.pid}:${randomBytes(3).toString("hex")}`
}

class Keeper {
  /** The places that this process may take up. */
  private granted = 0
  /** The last answer, and the report that it answers. */
  private last: { readonly report: Report; readonly answer: Answer; readonly at: number } | undefined = undefined
  /** The moments of the last calls, the oldest first. */
  private readonly calls: Array<number> = []
  /** The start of the last call that was answered. */
  private answeredAt: number
  private failures = 0
  private isCalling = false
  private isLost = false
  /** The moment at which the connection to the store was cut; `Infinity` if it has not been since the last answer. */
  private cutAt = Infinity
  private hasNews = false
  /** The moment from which it has had places without use; `Infinity` while it has none. */
  private unusedSince = Infinity
  /** The moment until which the fiber sleeps, and what wakes it up earlier. */
  private sleepsUntil = -Infinity
  private wakeUp: (() => void) | undefined = undefined
  /** The number that all processes together may have, for the part of this one. */
  private limit: number

  constructor(
    private readonly options: Checked,
    private readonly holder: string,
    private readonly clock: Clock.Clock,
    private readonly budget: Budget.Supplied,
    private readonly store: Store,
    /** The largest number that the store can hold. */
    private readonly mostConnections: number
  ) {
    this.limit = options.maxConnections
    this.answeredAt = this.now
  }

  private get now(): number {
    return millisOf(this.clock)
  }

  private get demand(): Budget.Demand {
    return this.budget.demand(this.options.linger)
  }

  // --- Events --------------------------------------------------------------------------------------------------------

  /** The demand of the pools has changed. */
  changed(): void {
    if (this.isLost) this.tighten()
    this.stir()
  }

  /** Whether others wait for connections that become idle. */
  get isWatching(): boolean {
    return this.last !== undefined && this.last.answer.othersWant > 0
  }

  signal(signal: "News" | "Cut"): void {
    if (signal === "News") this.hasNews = true
    else this.cutAt = Math.min(this.cutAt, this.now)
    this.stir()
  }

  resize(maxConnections: number): void {
    this.limit = argument("Budget.resize", "maxConnections", rules.count(0, this.mostConnections), maxConnections)
    this.hasNews = true
    this.stir()
  }

  /** Wakes the fiber up if there is something to do before it would wake up by itself. */
  private stir(): void {
    if (this.wakeUp !== undefined && this.next < this.sleepsUntil) this.wakeUp()
  }

  // --- When ---------------------------------------------------------------------------------------------------------

  /** The next moment at which there is something to do. */
  private get next(): number {
    return this.isLost ? this.nextCall : Math.min(this.nextCall, this.lostAt)
  }

  /** The moment from which the places of this process may be given to others, or a little before. */
  private get lostAt(): number {
    const { reclaimDelay, ttl } = this.options
    return Math.min(this.answeredAt + ttl, this.store.noticesCuts ? this.cutAt + reclaimDelay * shedPart : Infinity)
  }

  /** The moment of the next call to the store. */
  private get nextCall(): number {
    const { calls, isCalling } = this
    if (isCalling) return Infinity
    const full = calls.length < mostCalls ? -Infinity : calls[0]! + 1_000
    return Math.max(full, this.wantsCallAt)
  }

  private get wantsCallAt(): number {
    const { answeredAt, calls, last, now } = this
    const called = calls.at(-1) ?? -Infinity
    if (this.failures > 0) {
      const pause = Math.min(backoff.most, backoff.least * 2 ** (this.failures - 1))
      return called + pause
    }
    if (last === undefined) return now
    const { answer, report } = last
    const { busy, held, nextRestMillis, places, wanted } = this.demand
    const known = report.wanted - (answer.held - report.held)
    if (known <= 0 && wanted > 0) return now
    const hasUnused = wanted === 0 && held < this.granted
    this.unusedSince = hasUnused ? Math.min(this.unusedSince, now) : Infinity
    let at = Math.min(this.unusedSince + this.options.linger, last.at + answer.waitMillis)
    const isTold = wanted === known && Math.max(this.granted, places) >= answer.held
    const othersWant = answer.othersWant > 0
    if (this.hasNews || this.cutAt < Infinity || !isTold || (othersWant && busy < report.busy)) at = now
    if (othersWant) at = Math.min(at, now + nextRestMillis)
    if (wanted > 0) at = Math.min(at, called + patience)
    const ownPace = Math.max(pace, paceOfEach * answer.holders.length)
    return Math.min(answeredAt + this.options.ttl / 3, Math.max(called + ownPace, at))
  }

  // --- Calls --------------------------------------------------------------------------------------------------------

  /** Asks the store for the first time. */
  get start(): Effect.Effect<void, BudgetUnavailable> {
    return recover(this.sync, (error) => {
      const mayOpen = this.options.whenUnavailable !== "closed" && error.reason === "Unreachable"
      if (!mayOpen) return Effect.fail(error)
      return this.lose
    })
  }

  /** Asks the store whenever there is something to tell or to hear. Never ends. */
  get run(): Effect.Effect<never> {
    return Effect.forever(Effect.suspend(() => {
      const { next, now } = this
      if (next > now) return this.sleep(next)
      if (!this.isLost && this.lostAt <= now) return this.lose
      // A call that hangs does not hold up the loss.
      this.isCalling = true
      const ended = Effect.sync(() => {
        this.isCalling = false
        this.stir()
      })
      return fork(Effect.ensuring(Effect.ignore(this.sync), ended))
    }))
  }

  private sleep(until: number): Effect.Effect<void> {
    const stirred = async<void>((resume) => {
      this.sleepsUntil = until
      this.wakeUp = () => {
        this.wakeUp = undefined
        resume(Effect.void)
      }
      // Something may have happened since the fiber looked.
      this.stir()
    })
    const left = Math.ceil(until - this.now)
    // A race that is interrupted between its making and its start would never end (effect 3.22).
    return left === Infinity ? stirred : Effect.asVoid(Effect.timeoutOption(stirred, Math.max(1, left)))
  }

  private get sync(): Effect.Effect<void, BudgetUnavailable> {
    return Effect.suspend(() => {
      const { isLost, now, options, store } = this
      const timeoutMillis = this.last === undefined ? Math.max(firstTimeout, store.timeoutMillis) : store.timeoutMillis
      this.calls.push(now)
      if (this.calls.length > mostCalls) this.calls.shift()
      this.hasNews = false
      this.giveBackUnused(now)
      const { busy, places, wanted } = this.demand
      const report: Report = {
        held: Math.max(this.granted, places),
        busy,
        wanted,
        limit: this.limit,
        reserve: options.reserve,
        isFirst: this.last === undefined
      }
      const late = (millis: number) =>
        new BudgetUnavailable({
          budget: options.name,
          reason: "Unreachable",
          store: store.name,
          detail: `no answer within ${Math.round(millis)} ms`
        })
      return failAfter(store.sync(report), timeoutMillis, () => late(timeoutMillis)).pipe(
        // Others may have the places by now, and this process, if it has stood still, finds an answer from before.
        Effect.filterOrFail(
          () => this.now < now + options.ttl && this.isLost === isLost,
          () => late(this.now - now)
        ),
        Effect.matchEffect({
          onFailure: (error) => Effect.andThen(this.failed(error), Effect.fail(error)),
          onSuccess: (answer) => this.accept(now, report, answer)
        })
      )
    })
  }

  /** Takes back from the pools what they do not use, before the store hears of it. */
  private giveBackUnused(now: number): void {
    if (this.unusedSince + this.options.linger > now) return
    this.unusedSince = Infinity
    const { held, wanted } = this.demand
    if (wanted === 0 && held < this.granted) this.grant(held)
  }

  private grant(places: number): void {
    if (places === this.granted) return
    this.granted = places
    this.show()
    this.budget.grant(places)
  }

  private accept(at: number, report: Report, answer: Answer): Effect.Effect<void> {
    const wasLost = this.isLost
    const limitBefore = this.last?.answer.limit ?? answer.limit
    this.last = { report, answer, at: this.now }
    this.answeredAt = at
    this.failures = 0
    this.cutAt = Infinity
    this.isLost = false
    if (answer.limit !== limitBefore) {
      this.budget.tell({ _tag: "LimitChanged", limit: answer.limit, own: this.limit })
    }
    this.grant(Math.max(0, answer.held - answer.shed))
    this.show()
    if (!wasLost) return Effect.void
    this.budget.tell({ _tag: "Regained" })
    return Effect.logInfo(`Budget ${JSON.stringify(this.options.name)}: ${this.store.name} can be reached again`)
  }

  private failed(error: BudgetUnavailable): Effect.Effect<void> {
    this.failures++
    const isFirstCall = this.last === undefined && !this.isLost
    return this.failures > 1 || isFirstCall ? Effect.void : Effect.logWarning(`${error.message} It tries again.`)
  }

  // --- Without the store --------------------------------------------------------------------------------------------

  /** Others may get the places of this process from now on. */
  private get lose(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isLost = true
      this.show()
      this.budget.tell({ _tag: "Lost" })
      this.tighten()
      const { name, onLost } = this.options
      const done = onLost === "keep" ? "its connections stay, and no other is opened" : "its connections close"
      return Effect.logWarning(`Budget ${JSON.stringify(name)}: ${this.store.name} has been lost; ${done}`)
    })
  }

  /** Keeps what there is, or nothing, besides what may be opened without the store. */
  private tighten(): void {
    const { onLost, whenUnavailable } = this.options
    const kept = onLost === "keep" ? Math.min(this.granted, this.demand.places) : 0
    this.grant(Math.max(kept, whenUnavailable === "closed" ? 0 : whenUnavailable.open))
  }

  private show(): void {
    const holders = this.last?.answer.holders ?? []
    this.budget.share(this.last?.answer.limit ?? this.limit, {
      holder: this.holder,
      granted: this.granted,
      held: holders.reduce((sum, { held }) => sum + held, 0),
      holders,
      isLost: this.isLost
    })
  }

  /** Leaves the store, unless pools still have connections: their places come free when the process has been silent. */
  get leave(): Effect.Effect<void> {
    return Effect.suspend(() => this.demand.places > 0 ? Effect.void : inTime(this.store.leave, farewell))
  }
}

export const make = (
  of: string,
  given: Options,
  connect: Connect
): Effect.Effect<Budget.Budget, BudgetUnavailable, Scope.Scope> =>
  Effect.suspend(() => makeWith(table.read(of, given), argument(of, "connect", rules.callback, connect) as Connect))

export const makeWith = (
  options: Checked,
  connect: Connect,
  largest: number = mostConnections
): Effect.Effect<Budget.Budget, BudgetUnavailable, Scope.Scope> =>
  Effect.gen(function*() {
    const { holder = freeName(), maxConnections, name, reclaimAfter } = options
    const clock = yield* currentClock
    let keeper: Keeper | undefined
    const budget = yield* Budget.makeSupplied({ name, maxConnections, reclaimAfter }, {
      onChange: () => keeper?.changed(),
      isWatching: () => keeper?.isWatching === true,
      resize: (limit) => Effect.sync(() => keeper?.resize(limit))
    })
    const store = yield* connect(holder, (signal) => keeper?.signal(signal))
    const made = keeper = new Keeper(options, holder, clock, budget, store, largest)
    yield* Effect.addFinalizer(() => made.leave)
    yield* made.start
    yield* Effect.forkScoped(made.run)
    return budget.budget
  })
