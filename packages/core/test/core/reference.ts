/**
 * The looks of a right pool, as simply as they can be said: it shares no code with the pool and looks only at what the
 * core says it does. It is told of every operation and of every command, and compares itself with the state.
 */
import type { CloseReason } from "@socketpool/core"
import type { Command, Lease, OverloadRule, Slot, State, Waiter } from "../../src/internal/state.js"
import * as Demand from "../../src/internal/transitions/demand.js"

interface Connection {
  phase: "opening" | "giving up" | "open" | "closing"
  /** Leases that have not ended. */
  readonly leases: Set<Lease<number>>
  /** The lease whose holder wants no others beside it. */
  alone: Lease<number> | undefined
  /** It must never be lent again. */
  bad: boolean
  /** `validate` asks it. */
  asked: boolean
  /** It was open when another of its generation failed to answer; it must answer before it is lent. */
  suspect: boolean
  expired: boolean
  uses: number
  openedAt: number
  askedAt: number
  /** The time of day since which it is idle, while it is asked only to keep it alive, and after that. */
  idleSince: number | undefined
  /** It has not shown yet that it works. */
  onTrial: boolean
  /** Somebody who used it, or asked it, says that it does not work. */
  faulty: boolean
  /** The time of day at which it was opened. */
  since: number
}

/** The verdict of a lease's end on its connection. */
export type Testimony = "served" | "failed" | "nothing"

const trial = 1_000

export interface Rules {
  readonly maxConnecting: number
  readonly maxPending: number
  readonly concurrency: number
  readonly maxUses: number
  readonly initial: number
  readonly keepaliveTime: number
  readonly overload: OverloadRule | undefined
}

export class Reference {
  private readonly connections = new Map<Slot<number>, Connection>()
  readonly queue: Array<Waiter<number>> = []
  readonly movers: Array<Waiter<number>> = []
  private opened = 0
  private closed = 0
  private running = true
  /** Counts of all that has happened so far. */
  private events = 0
  /** When each of the movers joined. */
  private readonly joined = new Map<Waiter<number>, number>()
  /** The number of `initialConnections` that have not been opened yet. */
  private warm: number
  /** Somebody was turned away, for whom one connection may be opened. */
  turnedAway = false
  /** Somebody was turned away, for whom there was no place in the budget. */
  private isForeseen = false
  /** Milliseconds until the opens that have failed are forgotten: 100 for each. */
  private strain = 0
  /** Whether the last open failed. */
  private isFailing = false
  /** A fatal failure: nothing is opened until then, and then one connection at a time until one is open. */
  private pausedUntil: number | undefined = undefined
  /** The connection that is being asked only to keep it alive. */
  private kept: Slot<number> | undefined = undefined
  /** Connections lost on trial. */
  lost = 0
  /** Failed opens of which nobody has heard yet. */
  private owed = 0
  /** The connections that were reserved when the pool last came to rest, and for which one has waited ever since. */
  reservedAtRest: ReadonlySet<Slot<number>> = new Set()
  /** The beginning of the overload. */
  private overloadedSince: number | undefined = undefined
  /** The moment since which all are served late, as far as that can be; and as far as it is sure. */
  private readonly late: Record<"perhaps" | "surely", number | undefined> = { perhaps: undefined, surely: undefined }
  /** The most connections there may be; more only for as long as `resize` or the budget left too many. */
  private allowed: number
  /** The places that the budget has granted. */
  private allotted = Infinity

  constructor(
    private readonly rules: Rules,
    private max: number,
    private min: number,
    private now: number
  ) {
    this.allowed = max
    this.warm = rules.initial
  }

  private fail(problem: string): never {
    throw new Error(problem)
  }

  private count(is: (connection: Connection) => boolean): number {
    let count = 0
    for (const connection of this.connections.values()) if (is(connection)) count++
    return count
  }

  private get places(): number {
    return Math.min(this.rules.concurrency, this.rules.maxUses)
  }

  private get exclusives(): ReadonlyArray<Waiter<number>> {
    return this.queue.filter(({ isExclusive }) => isExclusive)
  }

  private get sharers(): ReadonlyArray<Waiter<number>> {
    return this.queue.filter(({ isExclusive }) => !isExclusive)
  }

  /** The exclusive borrowers that came before all others. */
  private get atHead(): number {
    const behind = this.queue.findIndex((waiter) => !waiter.isExclusive)
    return behind < 0 ? this.queue.length : behind
  }

  /** Somebody has left the queue, or come back to its front: reservations that nobody needs may be lifted. */
  private mayLift(): void {
    const kept = [...this.reserved].filter((slot) => !this.isOwn(this.connection(slot)))
    this.reservedAtRest = new Set(this.atHead < this.reserved.size ? [] : kept)
  }

  /** Whether the first of the exclusive borrowers holds it, and so would wait for itself there. */
  private isOwn({ leases }: Connection): boolean {
    const [first] = this.exclusives
    return [...leases].some(({ holder, owner }) => owner === "Scoped" && holder === first?.holder)
  }

  /** The connections that are still reserved: what must not be lent again is not. */
  private get reserved(): ReadonlySet<Slot<number>> {
    const isReserved = (slot: Slot<number>) => {
      const connection = this.connections.get(slot)
      return connection !== undefined && this.isShared(connection)
    }
    return new Set([...this.reservedAtRest].filter(isReserved))
  }

  /** The connections that those who wait need: exclusive ones one each. */
  private get needed(): number {
    const places = this.sharers.length + this.movers.length
    return Math.ceil(places / this.places) + this.exclusives.length
  }

  private connection(slot: Slot<number>): Connection {
    return this.connections.get(slot) ?? this.fail("a command for a connection that is gone")
  }

  // --- Operations ---------------------------------------------------------------------------------------------------

  hasOpened(slot: Slot<number>): void {
    this.connection(slot).phase = "open"
    this.connection(slot).openedAt = ++this.events
    this.connection(slot).onTrial = true
    this.connection(slot).since = this.now
    this.opened++
    this.isFailing = false
    this.pausedUntil = undefined
    if (this.warm > 0) this.warm--
  }

  couldNotOpen(slot: Slot<number>, pause: number | undefined): void {
    if (pause !== undefined) this.pausedUntil = this.now + pause
    this.connection(slot).phase = "giving up"
    if (this.queue.length + this.movers.length > 0) this.owed++
    this.strain = Math.min(this.strain + 100, 1000)
    this.isFailing = true
  }

  timePasses(now: number): void {
    this.strain = Math.max(0, this.strain - (now - this.now))
    this.now = now
    for (const connection of this.connections.values()) {
      if (connection.onTrial && now - connection.since >= trial) this.proves(connection)
    }
  }

  private proves(connection: Connection): void {
    connection.onTrial = false
    this.strain = 0
  }

  /** A lease is being settled. Returns whether its connection has shown that it works. */
  judges(slot: Slot<number>, testimony: Testimony, reason: CloseReason | undefined): boolean {
    const connection = this.connection(slot)
    if (!connection.onTrial) return false
    if (testimony === "failed") connection.faulty = true
    const isBad = ["Disconnected", "Desync", "Dropped", "Invalid"].includes(reason ?? slot.reason ?? "")
    if (testimony !== "served" || isBad) return false
    this.proves(connection)
    return true
  }

  /** Somebody says that a connection does not work. */
  accuses(slot: Slot<number>): void {
    this.connection(slot).faulty = true
  }

  /** Whether a close for this reason shows that the server drops its connections. */
  private isLoss(connection: Connection, reason: CloseReason): boolean {
    if (!connection.onTrial || !this.running) return false
    if (reason === "Disconnected" || reason === "Desync") return true
    return connection.faulty && ["Discarded", "Dropped", "Invalid"].includes(reason)
  }

  isGone(slot: Slot<number>): void {
    if (this.connection(slot).phase === "closing") this.closed++
    this.connections.delete(slot)
  }

  spoil(slot: Slot<number>): void {
    this.connection(slot).bad = true
  }

  expires(slot: Slot<number>): void {
    this.connection(slot).expired = true
  }

  answered(slot: Slot<number>): void {
    const connection = this.connection(slot)
    connection.asked = false
    connection.suspect = false
  }

  /** It is asked although nobody wants it. */
  keepsAlive(slot: Slot<number>): void {
    const connection = this.connection(slot)
    if (this.now - slot.heardAt < this.rules.keepaliveTime) this.fail("a connection is asked that was heard of lately")
    const kept = this.count(({ asked, idleSince }) => asked && idleSince !== undefined)
    const idle = this.count(({ asked, leases, phase }) => phase === "open" && leases.size === 0 && !asked)
    if (kept > 0 && (kept === 4 || idle <= kept)) this.fail("too many are asked at once")
    connection.idleSince = slot.since
    this.kept = slot
  }

  /** The first of a generation did not answer: the others that were open when it was asked are suspect. */
  suspectAll(slot: Slot<number>): void {
    const { askedAt } = this.connection(slot)
    for (const connection of this.connections.values()) {
      if (connection.phase === "open" && connection.openedAt < askedAt) connection.suspect = true
    }
  }

  joins(waiter: Waiter<number>): void {
    if (waiter.forLease !== undefined) {
      this.movers.push(waiter)
      this.joined.set(waiter, ++this.events)
    } else if (this.queue.push(waiter) > this.rules.maxPending) this.fail("the queue is longer than it may be")
  }

  /** A waiter comes back to its place. */
  rejoins(waiter: Waiter<number>): void {
    const queue = waiter.forLease === undefined ? this.queue : this.movers
    const at = queue.findIndex((other) => other.ticket > waiter.ticket)
    if (at < 0) queue.push(waiter)
    else queue.splice(at, 0, waiter)
    this.mayLift()
  }

  leaves(waiter: Waiter<number>): boolean {
    for (const queue of [this.queue, this.movers]) {
      const at = queue.indexOf(waiter)
      if (at < 0) continue
      queue.splice(at, 1)
      this.mayLift()
      return true
    }
    return false
  }

  isLent(slot: Slot<number>, lease: Lease<number>, isExclusive: boolean, atOnce: boolean, isMover = false): void {
    const connection = this.connection(slot)
    if (!this.running) this.fail("a closing pool lends")
    const isBeside = connection.leases.size > 0
    if (atOnce && (isExclusive || !isBeside ? this.queue : this.sharers).length > 0) this.fail("a newcomer overtakes")
    if (isExclusive && isBeside) this.fail("an exclusive borrower gets a connection that others have")
    if (connection.alone !== undefined) this.fail("a connection is lent that somebody has alone")
    // Holders that reconnect come before those for whom it is reserved.
    if (isBeside && !isMover && this.reserved.has(slot)) this.fail("a reserved connection is lent")
    if (connection.phase !== "open") this.fail(`a connection is lent that is ${connection.phase}`)
    if (connection.bad) this.fail("a connection is lent that must not be lent again")
    if (connection.expired && connection.uses > 0) this.fail("an expired connection is lent")
    if (connection.asked) this.fail("a connection is lent that is being asked whether it works")
    if (connection.suspect) this.fail("a suspect connection is lent without being asked")
    if (connection.leases.has(lease)) this.fail("a lease is given twice")
    connection.idleSince = undefined
    connection.leases.add(lease)
    if (isExclusive) connection.alone = lease
    connection.uses++
    if (connection.leases.size > this.rules.concurrency) this.fail("a connection has too many holders")
    if (connection.uses > this.rules.maxUses) this.fail("a connection is lent more often than it may be")
  }

  /** A lease is over; with `untouched` it does not count as a use. */
  isOver(slot: Slot<number>, lease: Lease<number>, untouched: boolean): void {
    const connection = this.connections.get(slot)
    if (connection === undefined || !connection.leases.delete(lease)) this.fail("a lease ends twice")
    else if (untouched) connection.uses--
    if (connection?.alone === lease) connection.alone = undefined
  }

  clears(): void {
    this.pausedUntil = undefined
  }

  private get isPaused(): boolean {
    return this.pausedUntil !== undefined && this.now < this.pausedUntil
  }

  private get maxConnecting(): number {
    return this.pausedUntil === undefined ? this.rules.maxConnecting : 1
  }

  resizes(min: number, max: number): void {
    this.min = min
    this.max = max
  }

  /** A borrower that did not wait has gone, and perhaps the budget had no place for it. */
  isTurnedAway(): void {
    this.turnedAway = false
    this.isForeseen = true
  }

  allots(places: number): void {
    this.allotted = places
    // It may be less again before anybody looks.
    this.allowed = Math.max(this.allowed, this.cap)
  }

  private get cap(): number {
    return Math.min(this.max, this.allotted)
  }

  stops(): void {
    this.running = false
  }

  // --- Commands -----------------------------------------------------------------------------------------------------

  observe(command: Command<number>, now: number): void {
    switch (command._tag) {
      case "Open": {
        if (this.connections.has(command.slot)) this.fail("a connection is opened twice")
        if (!this.running) this.fail("a closing pool opens")
        if (this.connections.size >= this.cap) this.fail("more connections than allowed")
        if (this.isPaused) this.fail("a connection is opened although opens pause")
        if (this.inFlight >= this.maxConnecting) this.fail("more opens at once than allowed")
        if (!this.isWanted) this.fail("a connection is opened that nobody wants")
        this.isForeseen = false
        if (!this.mayTry) this.fail("a connection is opened sooner than failed ones allow")
        this.connections.set(command.slot, {
          phase: "opening",
          leases: new Set(),
          alone: undefined,
          bad: false,
          asked: false,
          suspect: false,
          expired: false,
          uses: 0,
          openedAt: 0,
          askedAt: 0,
          idleSince: undefined,
          onTrial: false,
          faulty: false,
          since: 0
        })
        break
      }
      case "Abort": {
        const connection = this.connection(command.slot)
        if (connection.phase !== "opening" && connection.phase !== "giving up") this.fail("nothing to give up")
        connection.phase = "giving up"
        break
      }
      case "Validate": {
        const connection = this.connection(command.slot)
        if (connection.phase !== "open" || connection.bad) this.fail("a connection is asked that will not be lent")
        if (connection.leases.size > 0 || connection.asked) this.fail("a connection is asked that somebody has")
        connection.asked = true
        connection.askedAt = ++this.events
        if (this.kept !== command.slot) connection.idleSince = undefined
        this.kept = undefined
        break
      }
      case "Close": {
        const connection = this.connection(command.slot)
        if (connection.phase !== "open") this.fail(`a connection closes that is ${connection.phase}`)
        if (command.slot.reason === undefined) this.fail("a close without a reason")
        // It may have been idle for a moment.
        this.late.surely = undefined
        if (this.isLoss(connection, command.slot.reason)) {
          this.lost++
          this.strain = Math.min(this.strain + 100, 1000)
          this.isFailing = false
        }
        connection.onTrial = false
        connection.phase = "closing"
        connection.asked = false
        connection.leases.clear()
        connection.alone = undefined
        break
      }
      case "Overloaded":
        if (this.overloadedSince !== undefined) this.fail("an overload begins twice")
        if (this.late.perhaps === undefined || now - this.late.perhaps < this.rules.overload!.interval) {
          this.fail("an overload begins too early")
        }
        this.overloadedSince = now
        break
      case "Calmed":
        if (this.overloadedSince === undefined) this.fail("an overload ends that has not begun")
        if (command.millis !== now - this.overloadedSince) this.fail("an overload was longer or shorter")
        this.overloadedSince = undefined
        this.late.perhaps = undefined
        this.late.surely = undefined
        break
      case "Wake":
        this.wakes(command.waiter, now)
        break
    }
  }

  private wakes(waiter: Waiter<number>, now: number): void {
    const { lease, failure: refusal } = waiter
    const isBeside = lease !== undefined && (this.connections.get(lease.slot)?.leases.size ?? 0) > 0
    const isFirst = lease !== undefined && this.isNewestFirst && !waiter.isExclusive && waiter.forLease === undefined
      ? waiter === this.sharers.at(-1)
      : this.movers.includes(waiter)
      ? waiter === this.movers.find((other) => !isBeside || !other.isExclusive)
      : waiter === (isBeside ? this.sharers : this.queue)[0]
    const isOldest = waiter === (this.movers[0] ?? this.queue[0])
    if (lease !== undefined && waiter.forLease === undefined) this.isServed(lease.slot, now)
    if (refusal?._tag === "Shed") this.isShed(waiter, now)
    if (!this.leaves(waiter)) this.fail("somebody is woken who does not wait")
    if (refusal?._tag === "AcquireTimeout") {
      if (waiter.deadline > now) this.fail("a waiter times out too early")
    } else if (refusal?._tag === "OpenFailed") {
      // A waiter whose time is over without an attempt, because others failed, hears of the last failure.
      if (waiter.deadline <= now && this.isFailing) return
      const isStranded = waiter.forLease !== undefined || this.count(({ phase }) => phase === "open") === 0
      if (this.owed === 0 && this.isPaused && isStranded) return
      this.owed--
      if (!isOldest) this.fail("a failed open fails somebody else than the oldest")
    } else if (refusal === undefined) {
      if (!isFirst) this.fail("somebody is overtaken")
      if (waiter.forLease !== undefined && this.connection(lease!.slot).openedAt < this.joined.get(waiter)!) {
        this.fail("who reconnects gets a connection that is not new")
      }
      this.isLent(lease!.slot, lease!, waiter.isExclusive, false, waiter.forLease !== undefined)
    }
  }

  // --- Overload ------------------------------------------------------------------------------------------------------

  private get isNewestFirst(): boolean {
    return this.overloadedSince !== undefined && this.rules.overload!.lifo
  }

  /** Connections that nobody has, or that have room, besides one. */
  private others(slot: Slot<number>, isFree: (connection: Connection) => boolean): number {
    let count = 0
    for (const [other, connection] of this.connections) if (other !== slot && isFree(connection)) count++
    return count
  }

  /** Somebody in the queue is about to get a connection. */
  private isServed(slot: Slot<number>, now: number): void {
    const rule = this.rules.overload
    if (rule === undefined) return
    const isLate = now - this.queue[0]!.since > rule.target
    const isIdle = ({ asked, leases, phase }: Connection) => phase === "open" && leases.size === 0 && !asked
    const mayHaveMore = this.connections.size < this.cap ||
      this.others(slot, (other) => isIdle(other) || this.isShared(other)) > 0
    if (this.overloadedSince !== undefined && !isLate) {
      this.fail("an overload goes on though somebody is served in time")
    }
    if (!isLate) this.late.perhaps = undefined
    else this.late.perhaps ??= now
    if (!isLate || mayHaveMore) this.late.surely = undefined
    else this.late.surely ??= now
    const { surely } = this.late
    if (surely !== undefined && now - surely >= rule.interval && this.overloadedSince === undefined) {
      this.fail("an overload is not noticed")
    }
  }

  /** Somebody in the queue is turned away for those behind. */
  private isShed(waiter: Waiter<number>, now: number): void {
    const rule = this.rules.overload!
    if (this.overloadedSince === undefined || rule.lifo) this.fail("somebody is shed without an overload")
    if (now - waiter.since <= 2 * rule.target) this.fail("somebody is shed who came of late")
    const alike = waiter.isExclusive ? this.exclusives : this.sharers
    if (alike[0] !== waiter) this.fail("somebody is shed before an older one")
    if (alike.length < 2) this.fail("the last one is shed")
    if (this.mayTry && this.connections.size < this.cap) {
      this.fail("somebody is shed although a connection could be opened")
    }
  }

  // --- Comparison ---------------------------------------------------------------------------------------------------

  private get inFlight(): number {
    return this.count((connection) => connection.phase === "opening" || connection.phase === "giving up")
  }

  /** Ten may fail at once, counting those in flight and on trial; then one more each 100 ms, until one works. */
  private get mayTry(): boolean {
    if (this.isPaused) return false
    const unproved = this.count(({ onTrial, phase }) => phase === "opening" || onTrial)
    return this.strain === 0 || this.strain + (unproved + 1) * 100 <= 1000
  }

  /** Whether there is a use for one more connection than are open, or being opened. */
  private get isWanted(): boolean {
    const opening = this.count((connection) => connection.phase === "opening")
    const forQueue = Math.max(this.movers.length, this.needed)
    const healthy = this.count((connection) => connection.phase === "open" && !connection.expired)
    return opening < forQueue || opening < this.warm || opening + healthy < this.min ||
      this.turnedAway || this.isForeseen
  }

  compare(state: State<number>, refillWaits: boolean): void {
    let opening = 0
    let givingUp = 0
    let closing = 0
    let asked = 0
    let leased = 0
    let unheld = 0
    let open = 0
    for (const connection of this.connections.values()) {
      if (connection.phase === "opening") opening++
      else if (connection.phase === "giving up") givingUp++
      else if (connection.phase === "closing") closing++
      else {
        open++
        if (connection.asked) asked++
        else if (connection.leases.size === 0) unheld++
        leased += connection.leases.size
      }
    }
    const same = (what: string, is: number, should: number) => {
      if (is !== should) this.fail(`${what}: ${is} instead of ${should}`)
    }
    same("waiters that did not hear of a failed open", this.owed, 0)
    same("connections", state.slots.size, this.connections.size)
    same("opening", state.opening.length, opening)
    same("aborting", state.aborting.length, givingUp)
    same("closing", state.closing.length, closing)
    same("validating", state.validating.length, asked)
    same("idle", state.idle.length + state.expiring.length, unheld)
    same("leases", leaseCount(state), leased)
    same("opened − closed", this.opened - this.closed, open + closing)
    same("counted opened − closed", state.opened - closedOf(state), open + closing)
    same("waiters", state.waiters.length, this.sharers.length)
    same("exclusive waiters", state.exclusives.length, this.exclusives.length)
    same("movers", state.reconnecting.length, this.movers.length)
    const onTrial = [...state.onTrial].filter((slot) => this.now - slot.openedAt < trial).length
    same("on trial", onTrial, this.count((connection) => connection.onTrial))
    if (state.backingOff && !refillWaits && opening + state.onTrial.size === 0) this.fail("nothing ends the backoff")
    for (const [list, queue] of [[state.waiters, this.sharers], [state.exclusives, this.exclusives]] as const) {
      if (list.head !== queue[0]) this.fail("the wrong waiter is first")
      if (list.tail !== queue[queue.length - 1]) this.fail("the wrong waiter is last")
    }

    // A surplus that resize or the budget has left must go down, and nothing else may be above the cap.
    this.allowed = Math.max(this.cap, Math.min(this.allowed, this.connections.size))
    if (this.connections.size > this.allowed) this.fail("more connections than allowed")

    if (state.idle.length > 0) {
      if (state.overload.since !== undefined) this.fail("a pool with an idle connection is overloaded")
      this.late.perhaps = undefined
      this.late.surely = undefined
    }
    if (!this.running && this.overloadedSince !== undefined) this.fail("a closing pool is overloaded")

    if (state.isPlaceForeseen && !this.isForeseen) this.fail("a place is foreseen for nobody")
    this.isForeseen = state.isPlaceForeseen

    this.compareIdle(state)
    const waiting = this.queue.length + this.movers.length
    if (waiting > 0 && !this.running) this.fail("somebody waits for a closing pool")
    const wanted = Math.ceil(this.sharers.length / this.places) + this.exclusives.length
    if (wanted > asked && unheld > 0) this.fail("somebody waits beside an idle connection")
    this.compareReserved(state, asked + unheld + Math.max(0, opening - this.movers.length))
    if (!this.running) return
    if (this.sharers.length > 0 && this.count((connection) => this.hasPlace(connection)) > state.reserved.length) {
      this.fail("somebody waits beside a connection that has room")
    }
    if (this.movers.length > opening + givingUp + closing && unheld > 0 && this.connections.size >= this.cap) {
      this.fail("idle connections stand in the way of who reconnects")
    }
    if (this.isPaused && (this.movers.length > 0 || (this.queue.length > 0 && open === 0))) {
      this.fail("somebody waits for an open although opens pause")
    }
    this.compareWanted(state, opening + givingUp < this.maxConnecting && this.mayTry, asked + opening + unheld)
    const mayOpen = this.connections.size < this.cap && opening + givingUp < this.maxConnecting && this.mayTry
    if (!mayOpen) return
    if (this.needed > asked + opening) this.fail("somebody waits although another could be opened")
    if (this.movers.length > opening) this.fail("somebody reconnects although another could be opened")
    const healthy = open - state.expiring.length + opening
    if (!state.backingOff && healthy < this.min) this.fail("the floor is not kept")
  }

  /** The pool's request to its budget: `coming` connections serve borrowers that wait. */
  private compareWanted(state: State<number>, mayOpen: boolean, coming: number): void {
    const wanted = Demand.wanted(state, () => this.now)
    if (!mayOpen || this.connections.size >= this.max) {
      if (wanted > 0) this.fail("the pool wants a place that it cannot use")
    } else if (this.needed > coming && wanted === 0) {
      this.fail("somebody waits for a place that the pool does not want")
    } else if (wanted > 0 && !this.isWanted) {
      this.fail("the pool wants a place for nobody")
    }
  }

  /** Whether somebody has it, and it is fit for another, now or later. */
  private isShared(connection: Connection): boolean {
    const { alone, bad, leases, phase, suspect, uses } = connection
    const isFit = phase === "open" && !bad && !suspect && alone === undefined
    return isFit && leases.size > 0 && uses < this.rules.maxUses
  }

  private hasPlace(connection: Connection): boolean {
    return this.isShared(connection) && !connection.expired && connection.leases.size < this.rules.concurrency
  }

  /** `coming` connections will serve somebody as a whole. */
  private compareReserved(state: State<number>, coming: number): void {
    if (state.reserved.length > this.atHead) this.fail("a connection is reserved for nobody")
    for (const slot of state.reserved) {
      const connection = this.connection(slot)
      if (!this.isShared(connection)) {
        this.fail("a connection is reserved that nobody shares")
      }
    }
    if (!this.running) return
    const held = new Set(Array.from(state.reserved, (slot) => this.connection(slot)))
    const isLeft = (connection: Connection) =>
      this.isShared(connection) && !held.has(connection) && !this.isOwn(connection)
    const left = this.count(isLeft)
    if (this.atHead > held.size + coming && left > 0) this.fail("nothing is reserved for an exclusive borrower")
  }

  /** A question that keeps a connection alive changes neither its place nor the time since which it is idle. */
  private compareIdle(state: State<number>): void {
    for (const slot of state.idle) {
      const { idleSince = slot.since } = this.connection(slot)
      if (slot.since !== idleSince) this.fail("a connection that was kept alive is idle since another time")
    }
    inOrder("idle connections", Array.from(state.idle, ({ since }) => since))
    inOrder("silent connections", Array.from(state.silent, ({ since }) => since))
    const kept = this.rules.keepaliveTime === Infinity ? 0 : state.idle.length
    if (state.silent.length !== kept) this.fail(`${state.silent.length} connections are kept alive, not ${kept}`)
  }
}

/** Fails unless each number is at least as large as the one before. */
const inOrder = (what: string, numbers: ReadonlyArray<number>): void => {
  if (numbers.some((number, i) => i > 0 && number < numbers[i - 1]!)) throw new Error(`${what} are out of order`)
}

const leaseCount = (state: State<number>): number => {
  let count = 0
  for (const slot of state.slots) count += slot.leases.length
  return count
}

const closedOf = (state: State<number>): number => {
  let count = 0
  for (const reason in state.closed) count += state.closed[reason as keyof typeof state.closed]
  return count
}
