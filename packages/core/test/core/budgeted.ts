/** Three random pools that share a budget, and what must hold of their shares. */
import { type Member, type Share, Shares, starvedMillis } from "../../src/internal/budget/shares.js"
import type { Command } from "../../src/internal/state.js"
import * as Demand from "../../src/internal/transitions/demand.js"
import { Driver } from "./driver.js"
import { Dice } from "./random.js"

const reclaimAfter = 20

class Pooled extends Driver implements Member {
  readonly name = "pooled"
  declare private share: Share | undefined
  declare private budgeted: Budgeted | undefined

  join(budgeted: Budgeted): Share {
    this.budgeted = budgeted
    this.share = budgeted.shares.join(this, 1 + this.dice.below(3))
    this.share.changed()
    return this.share
  }

  get places(): number {
    return this.budgeted!.placesOf(this.state)
  }

  get wanted(): number {
    return Demand.wanted(this.state, () => this.now)
  }

  get floor(): number {
    return this.state.phase === "Running" ? this.state.min : 0
  }

  get hasIdle(): boolean {
    return this.state.idle.length > 0
  }

  get idleMillis(): number {
    return this.state.idle.head === undefined ? 0 : this.now - this.state.idle.head.since
  }

  /** Its connections, counted where they are made and closed. */
  get connections(): number {
    return this.state.slots.size
  }

  protected override firstAllotment(): number {
    return 0
  }

  /** One pool has ended, and another takes its seat. */
  protected override begin(): void {
    if (this.share !== undefined) this.budgeted!.shares.leave(this.share)
    this.share = undefined
    super.begin()
    if (this.budgeted !== undefined) this.budgeted.replaced(this, this.join(this.budgeted))
  }

  protected override run(commands: ReadonlyArray<Command<number>>): void {
    super.run(commands)
    this.share?.changed()
  }

  override changeAllotment(): void {}

  override borrow(): void {
    super.borrow()
    // The engine tells of it, too.
    this.share?.changed()
  }

  /** Time is the same for all. */
  protected override pass(millis: number): void {
    this.budgeted!.pass(millis)
  }

  follow(millis: number): void {
    super.pass(millis)
  }

  override compare(): void {
    super.compare()
  }
}

export class Budgeted {
  readonly met = { granted: 0, reclaimed: 0, starved: 0, refused: 0, shrunk: 0 }
  readonly shares: Shares
  private readonly dice: Dice
  private readonly pools: ReadonlyArray<Pooled>
  private readonly shareOf = new Map<Pooled, Share>()
  private now = 0
  private limit = 5
  /** The most connections there may be; more than the limit only for as long as it left too many. */
  private allowed = 5
  private readonly wantedSince = new Map<Share, number>()

  constructor(seed: number, readonly placesOf = (state: { readonly slots: ReadonlySet<unknown> }) => state.slots.size) {
    this.dice = new Dice(seed)
    this.shares = new Shares(this.limit, reclaimAfter, () => this.now, {
      granted: () => void this.met.granted++,
      reclaimed: () => void this.met.reclaimed++,
      starved: (share, millis) => {
        this.met.starved++
        const since = this.wantedSince.get(share)
        if (millis < starvedMillis || since === undefined) throw new Error("a pool is starved that is not")
      }
    }, () => {})
    this.pools = [1, 2, 3].map((i) => new Pooled(seed * 3 + i))
    for (const pool of this.pools) this.shareOf.set(pool, pool.join(this))
  }

  replaced(pool: Pooled, share: Share): void {
    this.shareOf.set(pool, share)
  }

  pass(millis: number): void {
    this.now += millis
    for (const pool of this.pools) pool.follow(millis)
  }

  step(): void {
    if (this.dice.below(2_000) === 0) {
      this.limit = this.dice.below(9)
      if (this.limit < this.shares.limit) this.met.shrunk++
      this.shares.resize(this.limit)
    }
    this.dice.pick(this.pools).step()
    if (this.now >= this.shares.lookAt) this.shares.settle()
    for (const pool of this.pools) pool.compare()
    this.compare()
  }

  private get story(): string {
    const pools = Array.from(
      this.shareOf,
      (
        [pool, share]
      ) => [
        share.granted,
        pool.connections,
        pool.wanted,
        pool.floor,
        share.weight,
        pool.hasIdle ? pool.idleMillis : "-"
      ]
    )
    return `limit ${this.limit}, now ${this.now}, look at ${this.shares.lookAt}; granted, has, wants, floor, weight, idle: ${
      pools.join("; ")
    }`
  }

  private compare(): void {
    const fail = (problem: string): never => {
      throw new Error(`${problem}: ${this.story}`)
    }
    const open = this.pools.reduce((sum, { connections }) => sum + connections, 0)
    this.allowed = Math.max(this.limit, Math.min(this.allowed, open))
    if (open > this.allowed) fail(`the pools have ${open} connections of ${this.allowed}`)

    const shares = [...this.shareOf.values()]
    const granted = shares.reduce((sum, share) => sum + share.granted, 0)
    if (granted > this.limit) fail(`${granted} places are granted of ${this.limit}`)
    let taken = 0
    let leaving = 0
    for (const [pool, share] of this.shareOf) {
      taken += Math.max(share.granted, pool.connections)
      leaving += Math.max(0, pool.connections - share.granted)
      if (share.granted > pool.connections + pool.wanted) fail("a grant is kept that nobody uses")
      if (share.granted < pool.connections + pool.wanted) {
        if (!this.wantedSince.has(share)) this.wantedSince.set(share, this.now)
      } else this.wantedSince.delete(share)
    }
    const needs = [...this.shareOf].reduce(
      (sum, [{ connections, wanted }, { granted }]) =>
        connections > granted ? sum : sum + Math.max(0, connections + wanted - granted),
      0
    )
    if (leaving > needs && granted < this.limit) fail("a pool has to give a place back that nobody wants")
    const inNeed = [...this.shareOf].filter(([pool, { granted }]) =>
      pool.connections <= granted && pool.connections + pool.wanted > granted
    )
    if (inNeed.length === 0) return
    this.met.refused++
    if (taken < this.limit) fail("a place is free, and a pool wants it")
    // The places on their way may be enough.
    if (leaving > 0) return
    const [, poor] = inNeed.reduce((one, other) => load(other[1]) < load(one[1]) ? other : one)
    for (const [pool, share] of this.shareOf) {
      if (share === poor || share.granted <= pool.floor) continue
      // One that comes back from a question to its old place is noticed when the budget looks next.
      const isLookedAt = this.shares.lookAt <= this.now + reclaimAfter
      const isSpare = load(share) > load(poor) || (pool.idleMillis >= reclaimAfter && !isLookedAt)
      if (pool.hasIdle && isSpare) fail("a pool wants a place beside another's idle connection")
      if ((share.granted - 1) / share.weight >= (poor.granted + 1) / poor.weight) {
        fail("a pool keeps more than its share")
      }
    }
  }
}

const load = ({ granted, weight }: Share): number => granted / weight
