/** Random operations on the synchronous core: plays the borrowers, the server and the clock. */
import * as Cause from "effect/Cause"
import type { List } from "../../src/internal/list.js"
import { type Holder, isLeased, isUnheld, type Lease, notLent, type Slot, Waiter } from "../../src/internal/state.js"
import { noError } from "../../src/internal/transitions/trial.js"
import { fatalPause, noAncestry, ScriptedEngine } from "./engine.js"

const acquireTimeout = 60
const lifetime = 400
const noCause = Cause.fail("no")
const fibers = Array.from({ length: 6 }, (_, id) => ({ name: id }) as unknown as Holder)

export class Driver extends ScriptedEngine {
  /** Whether many want a connection; otherwise some become idle, and old. */
  private rush = false
  /** Whether every open fails. */
  private isDown = false

  /** One random operation, and the comparison after it. */
  step(): void {
    if (this.dice.percent(1)) this.rush = !this.rush
    // Long enough now and then for the pace of opens to be felt.
    if (this.dice.below(this.isDown ? 300 : 2_000) === 0) this.isDown = !this.isDown
    const operation = this.dice.pick(operations)
    try {
      if (this.left-- === 0) this.close()
      else this[operation]()
      this.compare()
    } catch (error) {
      throw new Error(`${(error as Error).message} (in ${operation})`, { cause: error })
    }
    if (this.state.phase === "Draining" && this.state.slots.size === 0) this.begin()
  }

  protected compare(): void {
    this.reference.compare(this.state, this.refillWaits)
  }

  private nth<N extends { next: N | undefined }>(list: List<any>): N | undefined {
    if (list.length === 0) return undefined
    let node: N = list.head as unknown as N
    for (let i = this.dice.below(list.length); i > 0; i--) node = node.next!
    return node
  }

  /** Now and then an open connection, whoever has it. */
  private victim(): Slot<number> | undefined {
    if (this.dice.percent(85)) return undefined
    let at = this.state.slots.size === 0 ? 0 : this.dice.below(this.state.slots.size)
    for (const slot of this.state.slots) if (at-- === 0) return isOpen(slot) ? slot : undefined
    return undefined
  }

  private heldLease(): Lease<number> | undefined {
    const { held, suspected } = this.state
    const isSuspected = this.dice.below(held.length + suspected.length + 1) >= held.length
    const lease = this.nth<Lease<number>>(isSuspected ? suspected : held)
    return lease === undefined || lease.lent === notLent ? undefined : lease
  }

  borrow(): void {
    const { dice, now, state, transitions } = this
    if (!this.rush && dice.percent(80)) return
    const holder = dice.pick(fibers)
    const isExclusive = state.limits.concurrency > 1 && dice.percent(25)
    const choice = isExclusive ? "Whole" : state.exclusives.length > 0 ? "Shared" : "Any"
    const isBehind = state.waiters.length > 0 || (isExclusive && state.exclusives.length > 0)
    const slot = isBehind ? undefined : this.fit(choice)
    if (slot !== undefined) {
      if (slot.leases.length > 0) this.met.shared++
      if (choice === "Shared") this.met.beside++
      if (isExclusive) this.met.exclusive++
      this.met.borrowed++
      const lease = transitions.lend(state, slot, holder, undefined, now, isExclusive)
      this.reference.isLent(slot, lease, isExclusive, true)
      transitions.claim(state, lease, 0, dice.percent(50) ? "Manual" : "Scoped", 0)
    } else if (state.phase === "Running") {
      const isDeadlock = transitions.waitsForItself(state, holder, noAncestry, isExclusive)
      if (isDeadlock) this.met.ownDeadlocks++
      if (state.queued >= this.maxPending || isDeadlock) {
        transitions.reject(state, "NoWait")
        this.reference.turnedAway = true
        this.run(transitions.openForNext(state, now))
        this.reference.isTurnedAway()
        return
      }
      const own = dice.percent(20)
      const deadline = now + (own ? 1 + dice.below(30) : acquireTimeout)
      const waiter = new Waiter<number>(holder, undefined, now, deadline, own, undefined, isExclusive)
      this.reference.joins(waiter)
      this.run(transitions.enqueue(state, waiter, now))
    }
  }

  /** A fiber that was woken looks at what it got. */
  look(): void {
    const { state, transitions, woken } = this
    if (woken.length === 0) return
    const waiter = woken.splice(this.dice.below(woken.length), 1)[0]!
    if (waiter.failure !== undefined) {
      if (waiter.forLease !== undefined) transitions.endReconnect(state, waiter.forLease)
      return
    }
    const lease = waiter.lease!
    const { reason, used } = lease.slot
    if (
      lease.phase === "Held" && (reason === undefined || (!used && (reason === "Disconnected" || reason === "Desync")))
    ) {
      this.met[waiter.forLease === undefined ? "waited" : "reconnected"]++
      if (waiter.forLease === undefined) transitions.endWait(state)
      transitions.claim(state, lease, 0, this.dice.percent(50) ? "Manual" : "Scoped", 0)
      return
    }
    if (lease.phase === "Held" && waiter.forLease === undefined) {
      this.giveBack(lease)
    } else if (lease.phase === "Held") {
      this.reference.isOver(lease.slot, lease, false)
      this.run(transitions.detachForReconnect(state, lease, waiter, this.now))
    }
    const waitsOn = waiter.forLease === undefined || lease.phase === "Reconnecting"
    if (!waitsOn || state.phase !== "Running") {
      if (lease.phase === "Reconnecting") this.run(transitions.endReconnect(state, lease))
      return
    }
    this.reference.rejoins(waiter)
    this.met.requeued++
    this.run(transitions.requeue(state, waiter, this.now))
  }

  /** A fiber is interrupted while it waits, or before it has looked. */
  interrupt(): void {
    const { dice, state, transitions } = this
    const waiter = dice.percent(50)
      ? this.nth<Waiter<number>>(dice.pick([state.waiters, state.waiters, state.exclusives, state.reconnecting]))
      : this.woken.length === 0
      ? undefined
      : this.woken.splice(dice.below(this.woken.length), 1)[0]
    if (waiter === undefined) return
    if (transitions.withdraw(state, waiter)) {
      this.reference.leaves(waiter)
      this.run([])
    } else if (waiter.lease?.phase === "Held") return this.giveBack(waiter.lease)
    if (waiter.forLease?.phase === "Reconnecting") this.run(transitions.endReconnect(state, waiter.forLease))
  }

  release(): void {
    const lease = this.heldLease()
    if (lease === undefined) return
    if (this.state.onTrial.has(lease.slot)) this.testify(lease)
    this.transitions.endHold(this.state, lease, this.now)
    const reason = this.unfit(lease.slot)
    if (reason !== undefined || this.dice.percent(70)) this.settle(lease, reason)
    else if (this.dice.percent(30)) this.settle(lease, "Discarded")
    else this.transitions.reset(this.state, lease, this.now)
  }

  /** A holder succeeds, fails, or ends in a way that says nothing of its connection. */
  private testify(lease: Lease<number>): void {
    const testimony = this.dice.pick(["served", "failed", "nothing"] as const)
    this.testimonies.set(lease, testimony)
    if (testimony === "nothing") return
    this.transitions.testify(lease, testimony === "served", testimony === "failed" ? noError : undefined)
  }

  resetEnds(): void {
    const lease = this.nth<Lease<number>>(this.state.resetting)
    if (lease !== undefined) this.settle(lease, this.dice.percent(20) ? "Discarded" : this.unfit(lease.slot))
  }

  reconnect(): void {
    const lease = this.heldLease()
    if (lease === undefined || this.state.phase !== "Running") return
    const mover = new Waiter<number>(
      lease.holder,
      undefined,
      this.now,
      this.now + acquireTimeout,
      false,
      lease,
      lease.isExclusive
    )
    this.reference.spoil(lease.slot)
    this.reference.accuses(lease.slot)
    this.reference.isOver(lease.slot, lease, false)
    this.reference.joins(mover)
    this.run(this.transitions.startReconnect(this.state, lease, mover, this.now))
  }

  /** A scope closes while its lease gets another connection. */
  endMove(): void {
    const mover = this.nth<Waiter<number>>(this.state.reconnecting)
    if (mover !== undefined) this.run(this.transitions.endReconnect(this.state, mover.forLease!))
  }

  drop(): void {
    const slot = this.victim()
    if (slot === undefined) return
    this.reference.spoil(slot)
    this.run(this.transitions.retire(this.state, slot, "Dropped", this.now))
  }

  invalidate(): void {
    const slot = this.victim()
    if (slot === undefined) return
    this.reference.spoil(slot)
    this.run(this.transitions.retireOnReturn(this.state, slot, "Invalid", this.now))
  }

  /** The peer goes away, or says what nobody asked for; now and then only `isConnected` knows. */
  disconnect(): void {
    const slot = this.victim()
    if (slot === undefined) return
    this.dead.add(slot)
    if (this.dice.percent(30)) return
    this.reference.spoil(slot)
    this.run(
      this.transitions.retireOnReturn(this.state, slot, this.dice.percent(80) ? "Disconnected" : "Desync", this.now)
    )
  }

  suspectLeak(): void {
    const lease = this.state.held.head
    if (lease !== undefined) this.transitions.suspect(this.state, lease)
  }

  opens(): void {
    const slot = this.nth<Slot<number>>(this.state.opening)
    if (slot === undefined) return
    if (this.isDown) return this.openFails(slot)
    this.reference.hasOpened(slot)
    const expiresAt = this.now + lifetime - this.dice.below(lifetime)
    this.run(this.transitions.opened(this.state, slot, slot.id, expiresAt, this.now))
  }

  openFails(slot = this.nth<Slot<number>>(this.state.opening), inFlight = false): void {
    if (slot === undefined) return
    const isFatal = !inFlight && this.dice.percent(15)
    if (isFatal) this.met.fatal++
    this.reference.couldNotOpen(slot, isFatal ? fatalPause : undefined)
    const failure = { _tag: "OpenFailed", cause: noCause } as const
    this.run(this.transitions.openFailed(this.state, slot, failure, inFlight, this.now, isFatal))
  }

  givenUp(slot = this.nth<Slot<number>>(this.state.aborting)): void {
    if (slot === undefined) return
    this.reference.isGone(slot)
    this.run(this.transitions.gone(this.state, slot, this.now))
  }

  closeEnds(slot = this.nth<Slot<number>>(this.state.closing)): void {
    if (slot === undefined) return
    this.reference.isGone(slot)
    this.dead.delete(slot)
    this.run(this.transitions.gone(this.state, slot, this.now))
  }

  answers(): void {
    const slot = this.nth<Slot<number>>(this.state.validating)
    if (slot === undefined) return
    const reason = this.unfit(slot)
    if (reason !== undefined) this.reference.spoil(slot)
    this.reference.answered(slot)
    this.met[slot.inBackground && this.state.queued === 0 ? "keptInPlace" : "validated"]++
    this.run(this.transitions.validated(this.state, slot, reason, this.now))
  }

  answersNot(slot = this.nth<Slot<number>>(this.state.validating)): void {
    if (slot === undefined) return
    if (slot.generation === this.state.generation) this.reference.suspectAll(slot)
    this.reference.accuses(slot)
    this.met.flushed++
    this.run(this.transitions.failed(this.state, slot, this.now))
  }

  backoffEnds(): void {
    if (!this.refillWaits) return
    this.refillWaits = false
    this.run(this.transitions.probe(this.state, this.now))
  }

  sweep(): void {
    const { now, state, transitions } = this
    for (const slot of [...state.idle]) {
      if (slot.phase !== "Idle") continue
      const reason = transitions.isStale(state, slot, now) ? "Stale" : this.unfit(slot)
      if (reason === undefined) continue
      this.reference.spoil(slot)
      this.run(
        reason === "Expired" ? transitions.expire(state, slot, now) : transitions.retire(state, slot, reason, now)
      )
    }
    this.met.replaced += state.expiring.length
    this.run(transitions.openWanted(state, now))
    this.run(transitions.rotate(state, now))
  }

  clear(): void {
    if (this.state.phase !== "Running" || this.dice.percent(90)) return
    for (const slot of this.state.slots) this.reference.spoil(slot)
    this.reference.clears()
    this.run(this.transitions.clear(this.state, this.now))
  }

  resize(): void {
    if (this.state.phase !== "Running" || this.dice.percent(90)) return
    const max = 1 + this.dice.below(5)
    const min = this.dice.below(max + 1)
    this.reference.resizes(min, max)
    this.run(this.transitions.resize(this.state, min, max, this.now))
  }

  changeAllotment(): void {
    if (this.state.allotted !== Infinity && this.dice.percent(30)) this.allot(this.dice.below(6))
  }

  allot(places: number): void {
    if (this.state.isPlaceForeseen) this.met.foreseen++
    this.reference.allots(places)
    this.run(this.transitions.allot(this.state, places, this.now))
  }

  timePasses(): void {
    this.pass(1 + this.dice.below(this.dice.percent(95) ? 8 : this.dice.percent(90) ? 200 : 1_500))
  }

  protected pass(millis: number): void {
    const { state, transitions } = this
    const now = this.now += millis
    this.reference.timePasses(now)
    const passed = transitions.nextPassed(state)
    if (passed !== undefined && passed <= now) {
      this.met.outlived++
      this.run(transitions.outlive(state, now))
    }
    for (const slot of state.slots) if (slot.expiresAt <= now) this.reference.expires(slot)
    this.run(transitions.expireWaiters(state, now))
    for (const waiter of [...state.waiters, ...state.exclusives]) {
      if (waiter.ownDeadline && waiter.deadline <= now) this.run(transitions.expireWaiter(state, waiter))
    }
    this.run(transitions.expireIdle(state, now))
    this.keepAlive()
    while (isOverdue(state.opening, now)) this.openFails(state.opening.head, true)
    while (isOverdue(state.validating, now)) this.answersNot(state.validating.head)
    while (isOverdue(state.resetting, now)) this.settle(state.resetting.head!, "Discarded")
    while (isOverdue(state.aborting, now)) this.givenUp(state.aborting.head)
    while (isOverdue(state.closing, now)) this.closeEnds(state.closing.head)
    if (state.phase === "Draining" && state.drainDeadline <= now) this.run(transitions.forceClose(state, now))
    const due = transitions.delayedUntil(state)
    if (due === undefined || due > now) return
    this.met.paced++
    transitions.awaited(state, now)
    this.run(transitions.openWanted(state, now))
    const next = transitions.delayedUntil(state)
    if (next !== undefined && next <= now) throw new Error("the pace is waited for again and again")
  }

  private keepAlive(): void {
    const { now, state, transitions } = this
    for (let slot = transitions.takeSilent(state, now); slot; slot = transitions.takeSilent(state, now)) {
      const reason = transitions.isStale(state, slot, now) ? "Stale" : this.unfit(slot)
      if (reason === undefined) {
        this.reference.keepsAlive(slot)
        this.met.keptAlive++
        this.run(transitions.ask(state, slot, now))
      } else if (reason === "Stale" || reason === "Expired") {
        transitions.returnToPlace(state, slot, now)
      } else {
        this.reference.spoil(slot)
        this.run(transitions.retire(state, slot, reason, now))
      }
    }
  }

  private close(): void {
    this.reference.stops()
    this.run(this.transitions.beginClose(this.state, this.now + 100, this.now))
  }
}

const isOpen = (slot: Slot<number>): boolean => isUnheld(slot) || isLeased(slot)

const isOverdue = (list: List<any>, now: number): boolean => list.head !== undefined && list.head.deadline <= now

/** The kinds of steps, and how often each is drawn, compared with the others. */
const weights: { readonly [Operation in keyof Driver]?: number } = {
  borrow: 6,
  look: 5,
  interrupt: 1,
  release: 6,
  resetEnds: 1,
  reconnect: 1,
  endMove: 1,
  drop: 1,
  invalidate: 1,
  disconnect: 1,
  suspectLeak: 1,
  opens: 4,
  openFails: 1,
  givenUp: 2,
  closeEnds: 3,
  answers: 2,
  answersNot: 1,
  backoffEnds: 1,
  sweep: 1,
  clear: 1,
  resize: 1,
  changeAllotment: 1,
  timePasses: 3
}

const operations = Object.entries(weights).flatMap(([name, weight]) =>
  Array.from({ length: weight }, () => name as Operation)
)

type Operation = Exclude<keyof Driver, "pools" | "met" | "step" | "allot">
