import type { Link } from "./connector.js"
import type { Attempt, Borrower, Failure, Fault, Kind, Line, Trial } from "./facts.js"
import { Pause } from "./pause.js"
import { type Setting, usual } from "./setting.js"

/** All that is known of a pool from outside, by those who ask it and those who borrow from it. */
export abstract class Ledger {
  readonly problems: Array<string> = []
  /** One command, or a few at once, or one instant at which something woke, and all that comes of it. */
  round = 0
  /** Whether several commands came at once in this round, so that not all of what happened shows from outside. */
  crowded = false
  generation = 0
  max: number
  min: number
  closingSince: number | undefined = undefined
  closeDone = false

  readonly borrowers = new Set<Borrower>()
  readonly attempts = new Set<Attempt>()
  readonly lines = new Set<Line>()
  protected readonly byLink = new Map<Link, Line>()
  protected readonly byId = new Map<number, Attempt>()

  begun = 0
  opened = 0
  openFailed = 0
  borrows = 0
  got = 0
  cancelled = 0
  exhausted = 0
  timedOut = 0
  leaksSuspected = 0
  /** Leases that ended at the very moment at which they came under suspicion. */
  justInTime = 0
  /** Borrowers interrupted in the step in which they came: perhaps they were served, or turned away, and saw nothing. */
  unseen = 0
  /** Whether a connection has come to nothing, so that the floor may be waiting for its backoff. */
  setBack = false
  /** Whether opens may have been given up of which that does not show. */
  vague = false
  /** The last round in which a connection was taken from those who are lent it. */
  lastFault = -1
  /** The last round in which somebody was interrupted. */
  lastInterrupt = -1
  /** The last round in which somebody reconnected, to the end or not. */
  lastMoving = -1
  /** The last round in which there was a surplus and the cap changed. */
  lastShrunk = -1
  failures: Array<Failure> = []
  /** Until an open succeeds. */
  lastFailure: Failure | undefined = undefined
  /**
   * When the opens that failed are forgotten, and the connections that were lost on trial; each counts for 100 ms. Not
   * all of that shows from outside.
   */
  private readonly strainedUntil = { atLeast: -Infinity, atMost: -Infinity }
  readonly pause: Pause
  /** Guests that were told in this round why opens pause, although no open of their own had failed. */
  stranded: Array<Borrower> = []
  /** Guests that were told in this round that the open failed for which opens pause. */
  paused: Borrower | undefined = undefined
  /** The connections of which a lease has ended well in this round. */
  private readonly served = new Set<Line>()
  /** The number of leases that ended in the round in which one ended last. */
  private ended = { round: -1, count: 0 }
  /** Guests that were served, or told of a failed open, in this round. */
  attended: Array<Borrower> = []
  /** Connections that may exist just now; more than `max` while a surplus comes back. */
  allowance: number

  constructor(readonly setting: Setting, private readonly clock: () => number) {
    this.max = setting.max
    this.min = setting.min
    this.allowance = setting.max
    this.pause = new Pause(setting.fatalPause)
  }

  get now(): number {
    return this.clock()
  }

  get closing(): boolean {
    return this.closingSince !== undefined
  }

  /** Whether the pool takes its leases back by force. */
  get isDrained(): boolean {
    return this.closingSince !== undefined && this.now >= this.closingSince + this.setting.drainTimeout
  }

  private get isBlurred(): boolean {
    return this.crowded || this.setting.stepsBeforeYield < usual.stepsBeforeYield
  }

  problem(text: string): void {
    this.problems.push(`at ${this.now} ms: ${text}`)
  }

  line(link: Link): Line {
    return this.byLink.get(link)!
  }

  /** Those in the queue. */
  waiting(): Array<Borrower> {
    return [...this.borrowers].filter((borrower) => borrower.status === "waiting")
  }

  moving(): Array<Borrower> {
    return [...this.borrowers].filter((borrower) => borrower.status === "moving")
  }

  /** Whether failed opens allow another: ten may fail at once, with those in flight and on trial; then one each 100 ms. */
  private allows(strainedUntil: number, onTrial: ReadonlyArray<Trial>): boolean {
    const opening = [...this.attempts].filter(({ givenUpAt, state }) => state === "opening" && givenUpAt === undefined)
      .length
    const unproved = opening + this.openLines().filter((line) => onTrial.includes(line.trial)).length
    const strain = Math.max(0, strainedUntil - this.now)
    return strain === 0 || strain + (unproved + 1) * 100 <= 1000
  }

  /** Whether no open is under way, or has left something behind, beside which only one may try after a pause. */
  get mayProbe(): boolean {
    const { closeTimeout } = this.setting
    return [...this.attempts].every(({ givenUpAt, state }) =>
      state === "over" || (givenUpAt !== undefined && this.now >= givenUpAt + closeTimeout)
    )
  }

  /** Whether nothing can be opened, and nothing is open. */
  get isStandstill(): boolean {
    return this.pause.forbids(this.now) && this.openLines().length === 0
  }

  get mayPerhapsTry(): boolean {
    return this.allows(this.strainedUntil.atLeast, ["on"])
  }

  get mayCertainlyTry(): boolean {
    return this.allows(this.strainedUntil.atMost, ["on", "perhaps"])
  }

  protected strains(at: number, certainly: boolean): void {
    const more = (until: number) => Math.min(Math.max(until, at) + 100, at + 1000)
    this.setBack = true
    this.strainedUntil.atMost = more(this.strainedUntil.atMost)
    if (certainly) this.strainedUntil.atLeast = more(this.strainedUntil.atLeast)
  }

  /** A connection has shown, perhaps, that it works. */
  protected proves(line: Line, certainly: boolean): void {
    if (line.trial === "over") return
    line.trial = certainly ? "over" : "perhaps"
    line.provedIn = this.round
    this.strainedUntil.atLeast = -Infinity
    if (certainly) this.strainedUntil.atMost = -Infinity
  }

  /**
   * He was told why opens pause. All are told the same, and the one whose open it was need not be the first who shows
   * it: one who reconnects is told in any case, so it may have been the other's.
   */
  strands(borrower: Borrower): void {
    const { paused } = this
    if (paused?.moved !== true || borrower.moved) {
      this.stranded.push(borrower)
      return
    }
    this.stranded.push(paused)
    this.paused = borrower
    borrower.beside = false
    this.attended.push(borrower)
  }

  /** Everything rests: a connection has certainly shown that it works, if nothing else has happened to it meanwhile. */
  proofs(): void {
    for (const line of this.served) if (!this.crowded && line.faults.size === 0) this.proves(line, true)
    this.served.clear()
  }

  openLines(): Array<Line> {
    return [...this.lines].filter((line) => line.isOpen)
  }

  // --- Questions of the driver -------------------------------------------------------------------------------------

  cleared(): void {
    this.generation++
    this.pause.ends(this.round)
    this.giveUp()
  }

  resized(min: number, max: number, total: number): void {
    if (this.allowance > this.max) this.lastShrunk = this.round
    if (max < this.max) {
      this.lastShrunk = this.round
      for (const attempt of this.attempts) {
        if (attempt.state !== "opening") continue
        attempt.perhapsGivenUp = true
        if (attempt.stubborn) this.vague = true
      }
    }
    this.min = min
    this.max = max
    this.allowance = Math.max(max, Math.min(this.allowance, total))
  }

  closeBegins(): void {
    if (this.closing) return
    this.closingSince = this.now
    this.giveUp()
  }

  protected giveUp(): void {
    for (const attempt of this.attempts) if (attempt.state === "opening") attempt.givenUpAt ??= this.now
  }

  fault(line: Line, fault: Fault): void {
    this.lastFault = this.round
    if (!line.faults.has(fault)) line.faults.set(fault, this.round)
  }

  /** Every lease on a connection ends, whatever its holders do. */
  revoke(line: Line): void {
    for (const borrower of this.borrowers) if (borrower.line === line && borrower.lease) this.loses(borrower)
    line.leases = 0
    line.alone = false
    line.manual = 0
  }

  // --- The view of borrowers -------------------------------------------------------------------------------------------

  arrives(kind: Kind, timeout: number): Borrower {
    const borrower: Borrower = {
      id: ++this.borrows,
      kind,
      alone: this.setting.concurrency > 1 && (kind === "exclusive" || kind === "useExclusive"),
      beside: false,
      round: this.round,
      since: this.now,
      timeout,
      ahead: this.waiting().length,
      choice: this.hasChoice(),
      status: "waiting",
      line: undefined,
      moved: false,
      outer: undefined,
      lease: false,
      leaseSince: 0,
      suspected: false,
      interrupted: false
    }
    this.borrowers.add(borrower)
    return borrower
  }

  holds(borrower: Borrower, link: Link): void {
    const line = this.line(link)
    // He had it before it was taken from him again, and sees it only now.
    const lost = this.crowded && (line.faults.get("Dropped") === this.round || line.closingIn === this.round)
    const unfit = lost ? undefined : this.unfit(line)
    if (this.closing && !this.crowded) this.problem(`borrower ${borrower.id} was served by a pool that is closing`)
    if (unfit !== undefined) this.problem(`borrower ${borrower.id} was lent connection ${link.id}, which ${unfit}`)
    if (borrower.status === "moving") {
      if (line.bornAt < borrower.since) this.problem(`borrower ${borrower.id} reconnected to an old connection`)
    } else {
      this.got++
      const moving = this.moving().find((other) => other.round < this.round)
      if (moving !== undefined && line.bornIn === this.round && !this.crowded && this.setting.concurrency === 1) {
        this.problem(`borrower ${borrower.id} was given what was opened for borrower ${moving.id}`)
      }
    }
    // Of several things in one round it does not show which came first: a lease that ended in it may still have been on.
    const hadAnother = line.endedIn === this.round && (this.ended.count > 1 || this.crowded)
    // One who was handed the connection, and interrupted before he took it, does not show at all.
    const mayHaveLost = this.crowded && this.lastInterrupt === this.round
    borrower.beside = line.leases > 0 || line.resets.size > 0 || hadAnother || mayHaveLost
    if (borrower.alone && line.leases > 0) {
      this.problem(`borrower ${borrower.id} was lent connection ${link.id}, which others have`)
    }
    if (borrower.beside && !borrower.alone) this.mayShare(borrower, line)
    if (line.idleSince !== undefined) this.inOrder(line)
    borrower.status = "holding"
    borrower.line = line
    line.uses++
    line.answered = false
    line.idleSince = undefined
    line.kept = undefined
    line.vagueSince = undefined
    this.attended.push(borrower)
    if (lost) return
    borrower.lease = true
    borrower.leaseSince = this.now
    borrower.suspected = false
    line.leases++
    line.alone = borrower.alone
    if (borrower.kind === "acquire") line.manual++
  }

  /** The only connection is reserved for an exclusive borrower that came before. */
  private mayShare(borrower: Borrower, line: Line): void {
    const isOnly = this.openLines().length === 1 && this.attempts.size === 0 && this.moving().length === 0
    if (!isOnly || this.isBlurred || this.lastFault === this.round) return
    const before = this.waiting().find((other) => other.alone && other.round < borrower.round && !other.interrupted)
    if (before === undefined) return
    this.problem(`borrower ${borrower.id} was lent connection ${line.link.id}, for which borrower ${before.id} waits`)
  }

  /** Whether nobody waits, and a newcomer can be lent what became idle last. Others may have to be validated first. */
  private hasChoice(): boolean {
    const idle = this.openLines().filter((line) => line.isIdle)
    const latest = Math.max(...idle.map((line) => line.idleRound))
    const freshest = idle.filter((line) => line.idleRound === latest)
    if (idle.some((line) => line.vagueSince !== undefined)) return false
    return this.waiting().length === 0 && freshest.length > 0 && freshest.every((line) => this.isSurelyFit(line))
  }

  /** `order` says which idle connection is lent first; what is validated first comes when it has answered. */
  private inOrder(line: Line): void {
    const { concurrency, order, validateAfterIdle } = this.setting
    if (this.crowded || concurrency > 1 || validateAfterIdle !== Infinity) return
    const before = this.openLines().find((other) =>
      other.isIdle && other.idleSince !== undefined && this.isSurelyFit(other) &&
      (order === "lifo" ? other.idleRound > line.idleRound : other.idleRound < line.idleRound)
    )
    if (before !== undefined) this.problem(`connection ${line.link.id} was lent before connection ${before.link.id}`)
  }

  /** He gives his connection up for another one. */
  moves(borrower: Borrower): void {
    const line = borrower.line!
    this.leaseEnds(borrower, true, "fails")
    this.fault(line, "Replaced")
    borrower.status = "moving"
    this.lastMoving = this.round
    borrower.moved = true
    borrower.line = undefined
    borrower.since = this.now
    borrower.timeout = this.setting.acquireTimeout
  }

  /** The lease ends in this step; `clean` says whether the pool's own rule keeps the connection. */
  leaseEnds(borrower: Borrower, clean: boolean, how: "succeeds" | "fails" | "other"): void {
    if (!borrower.lease) return
    const line = borrower.line!
    if (how === "fails") line.accused = true
    if (how === "succeeds") {
      this.proves(line, false)
      if (!line.doubted && !line.suspect && !this.setting.hasOnRelease) this.served.add(line)
    }
    this.loses(borrower)
    line.leases--
    line.endedIn = this.round
    this.ended = { round: this.round, count: this.ended.round === this.round ? this.ended.count + 1 : 1 }
    line.alone = false
    if (borrower.kind === "acquire") line.manual--
    if (!clean && !this.setting.hasOnRelease) this.fault(line, "Discarded")
  }

  /** Whether nobody else has what he waits for. */
  waitsForItself({ outer }: Borrower): boolean {
    return outer !== undefined && outer.lease && this.attempts.size + this.lines.size >= this.max &&
      [...this.borrowers].every((other) => !other.lease || other === outer)
  }

  /** The time that it may have been idle. */
  idleFor(line: Line): number {
    return line.idleSince === undefined ? -1 : this.now - (line.vagueSince ?? line.idleSince)
  }

  /** The time that it has been idle and unasked. */
  silentFor(line: Line): number {
    return line.heardSince === undefined || line.idleSince === undefined ? -1 : this.now - line.heardSince
  }

  /** The time that it may be idle without being asked whether it works: longer, if it has answered and nobody was there. */
  private goodFor(line: Line): number {
    return Math.max(this.setting.validateAfterIdle, line.answered ? 1_000 : 0)
  }

  /** A borrower was interrupted, perhaps just after he had been served or turned away. */
  seesNothing(): void {
    this.unseen++
    for (const line of this.lines) {
      line.doubted = true
      line.usedUnseen = this.now
    }
  }

  private loses(borrower: Borrower): void {
    borrower.lease = false
    if (this.now - borrower.leaseSince === this.setting.leakThreshold && !borrower.suspected) this.justInTime++
  }

  /** Whether there is nothing at all that speaks against another lease. */
  isSurelyFit(line: Line): boolean {
    return this.unfit(line, false) === undefined && !this.isAskable(line) && !line.validating && !line.doubted &&
      line.resets.size === 0
  }

  /** Whether it may be closed or validated first: it is just so old, or has been idle for just so long. */
  private isAskable(line: Line): boolean {
    const { idleTimeout, ttl, ttlJitter } = this.setting
    return this.idleFor(line) >= idleTimeout || this.silentFor(line) >= this.goodFor(line) ||
      this.now - line.bornAt >= ttl * (1 - ttlJitter)
  }

  /** Whether it may be the reaper's: it has expired, or has been idle for too long. */
  isOld(line: Line): boolean {
    const { hasIsExpired, idleTimeout, ttl, ttlJitter } = this.setting
    return this.now - line.bornAt >= ttl * (1 - ttlJitter) || (hasIsExpired && line.faults.has("Outdated")) ||
      this.idleFor(line) >= idleTimeout
  }

  /**
   * The reason why a connection must not be lent now. Leniently seen, what came up in the same round as the loan came after it:
   * who is served learns of it a turn later when several commands come at once, or when fibers step aside in between.
   */
  unfit(line: Line, leniently = this.isBlurred): string | undefined {
    const { setting } = this
    if (line.stillborn || line.closingAt !== undefined) return "is closed"
    if (line.leases >= setting.concurrency || line.alone) return "is lent already"
    if (line.uses >= setting.maxUses) return "was lent too often"
    if (this.now - line.bornAt >= setting.ttl) return "has expired"
    if (line.generation < this.generation && !leniently) return "is of an old generation"
    for (const [fault, since] of line.faults) {
      const known = fault === "Disconnected"
        ? setting.hasClosed || setting.hasIsConnected
        : fault === "Outdated"
        ? setting.hasIsExpired
        : true
      // At the very moment at which a time is over it may be lent first.
      const isVague = leniently || (fault === "Discarded" && line.overdueIn === this.round)
      const certain = !isVague || since < this.round || fault === "Rejected" || fault === "Dropped"
      if (known && certain) return `is ${fault}`
    }
    const idle = this.silentFor(line)
    const goodFor = this.goodFor(line)
    if (goodFor === 0 ? idle >= 0 : idle > goodFor) return `was idle for ${idle} ms and has not been validated`
    // One that need not be asked may be lent while another is asked.
    if (line.suspect && !leniently && !(line.answered && line.suspectIn === this.round)) {
      return "was open when one was asked that was found broken, and has not been validated"
    }
    return undefined
  }
}
