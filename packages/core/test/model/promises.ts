import type { CloseReason, PoolStats } from "@socketpool/core"
import type { Books } from "./books.js"
import type { Line } from "./facts.js"

const counters = (stats: PoolStats): ReadonlyArray<number> => [
  stats.opened,
  stats.openFailed,
  ...Object.values(stats.closed),
  stats.acquired,
  stats.waited,
  stats.exhausted,
  stats.timedOut,
  stats.cancelled,
  stats.leaksSuspected,
  stats.waitTime.count,
  stats.useTime.count,
  stats.openTime.count
]

/** Holds what the pool says of itself, once everything rests, against the books. */
export class Examiner {
  private last: PoolStats | undefined = undefined
  private skipped = 0

  constructor(private readonly books: Books) {}

  /** To be called once after each round; begins the next one. */
  examine(stats: PoolStats): void {
    const { books } = this
    books.overdue(true)
    books.proofs()
    this.leaks()
    const closed = this.forgetTheGone()
    this.compare(stats)
    this.reasons(stats, closed)
    this.capacity(stats)
    this.queue(stats)
    this.fairness()
    this.pause()
    this.idleness(stats)
    this.end(stats)
    if (this.last !== undefined) {
      const before = counters(this.last)
      if (counters(stats).some((n, i) => n < before[i]!)) books.problem("a counter went back")
    }
    this.last = stats
    this.turnThePage()
  }

  /** Connections whose place has been given back in this round: closed, or out of time. */
  private forgetTheGone(): ReadonlyArray<Line> {
    const { books } = this
    const { closeTimeout } = books.setting
    const gone: Array<Line> = []
    for (const line of books.lines) {
      if (line.closingAt === undefined || (!line.closed && books.now < line.closingAt + closeTimeout)) continue
      books.lines.delete(line)
      if (!line.stillborn) gone.push(line)
    }
    for (const attempt of books.attempts) {
      const { givenUpAt, state } = attempt
      if (state !== "over" && (givenUpAt === undefined || books.now < givenUpAt + closeTimeout)) continue
      books.attempts.delete(attempt)
      if (givenUpAt !== undefined) books.openFailed++
    }
    return gone
  }

  private leaks(): void {
    const { books } = this
    for (const borrower of books.borrowers) {
      if (!borrower.lease || borrower.suspected) continue
      if (books.now - borrower.leaseSince < books.setting.leakThreshold) continue
      borrower.suspected = true
      books.leaksSuspected++
    }
  }

  private compare(stats: PoolStats): void {
    const { books } = this
    const open = [...books.lines].filter((line) => line.isOpen)
    const idle = open.filter((line) => line.isIdle).length
    const same = (what: string, stated: number, seen: number, slack = 0) => {
      if (stated < seen || stated > seen + slack) books.problem(`${what} is ${stated} and should be ${seen}`)
    }
    same("idle", stats.idle, idle)
    same("inUse", stats.inUse, open.length - idle)
    same("closing", stats.closing, [...books.lines].filter((line) => !line.isOpen && !line.stillborn).length)
    same("pending", stats.pending, books.waiting().length)
    same("reconnecting", stats.reconnecting, books.moving().length)
    same("validating", stats.validating, open.filter((line) => line.validating).length)
    same("leased", stats.leased, [...books.borrowers].filter((borrower) => borrower.lease).length)
    same("acquired", stats.acquired, books.got, books.unseen)
    same("exhausted", stats.exhausted, books.exhausted, books.unseen)
    same("timedOut", stats.timedOut, books.timedOut)
    same("cancelled", stats.cancelled, books.cancelled - books.unseen, books.unseen)
    // With several leases on one connection it is not said whose a release by hand ends.
    if (books.setting.concurrency === 1) {
      same("leaksSuspected", stats.leaksSuspected, books.leaksSuspected, books.justInTime)
    }
    same("opened", stats.opened, books.opened)
    if (!books.vague) {
      same("opening", stats.opening, books.attempts.size)
      // An open that is given up in the step in which it was decided on never begins.
      if (books.crowded || books.pause.lastRound === books.round) {
        this.skipped = Math.max(this.skipped, stats.openFailed - books.openFailed)
      }
      same("openFailed", stats.openFailed, books.openFailed + this.skipped)
    }
    same("maxConnections", stats.maxConnections, books.max)
    same("minConnections", stats.minConnections, books.min)
  }

  private reasons(stats: PoolStats, gone: ReadonlyArray<Line>): void {
    const { books } = this
    let sum = 0
    for (const [reason, count] of Object.entries(stats.closed) as ReadonlyArray<[CloseReason, number]>) {
      const more = count - (this.last?.closed[reason] ?? 0)
      sum += more
      const excused = gone.filter((line) => line.excuses.includes(reason)).length
      if (more > excused) books.problem(`${more} were closed as ${reason}, ${excused} could be`)
    }
    if (sum !== gone.length) books.problem(`${sum} were closed, by reason, of ${gone.length}`)
  }

  private capacity(stats: PoolStats): void {
    const { books } = this
    const total = stats.opening + stats.idle + stats.inUse + stats.closing
    if (total > books.allowance) books.problem(`there are ${total} connections, ${books.allowance} may be`)
    books.allowance = Math.max(books.max, Math.min(books.allowance, total))
    const inFlight =
      [...books.attempts].filter((attempt) => attempt.givenUpAt === undefined && !attempt.perhapsGivenUp).length
    if (inFlight > books.setting.maxConnecting) books.problem(`${inFlight} opens are in flight`)
  }

  private queue(stats: PoolStats): void {
    const { books } = this
    const { concurrency, maxConnecting, maxPending } = books.setting
    const waiting = books.waiting()
    const moving = books.moving()
    for (const borrower of [...waiting, ...moving]) {
      if (books.now >= borrower.since + borrower.timeout + 1) books.problem(`borrower ${borrower.id} waits too long`)
    }
    // One who has been handed a connection in vain goes back to his place, whoever has come meanwhile.
    const tooMany = waiting.find((borrower) => borrower.round === books.round && borrower.ahead >= maxPending)
    if (tooMany !== undefined && !books.crowded) books.problem(`${waiting.length} wait`)
    if (books.closing && waiting.length > 0) books.problem("somebody waits though the pool is closing")
    if (books.closing && moving.length > 0) books.problem("somebody reconnects though the pool is closing")
    const unserved = waiting.length - stats.validating * concurrency
    if (unserved > 0) {
      if (stats.idle > 0) books.problem("somebody waits beside an idle connection")
    }
    const alone = waiting.filter((borrower) => borrower.alone)
    const sharers = waiting.filter((borrower) => !borrower.alone)
    if (sharers.length > stats.validating * concurrency) {
      // As many may be reserved as there are exclusive borrowers before all others.
      const atHead = alone.filter(({ round }) => sharers.every((other) => other.round >= round)).length
      const [room] = books.openLines().filter((line) => books.isSurelyFit(line)).slice(atHead)
      if (room !== undefined) books.problem(`somebody waits though connection ${room.link.id} has room`)
    }
    if (moving.length > 0 && stats.idle > 0 && stats.opening + stats.closing === 0) {
      books.problem("somebody reconnects though an idle connection could make room")
    }
    const total = stats.opening + stats.idle + stats.inUse + stats.closing
    const promising = [...books.attempts].filter((attempt) => attempt.givenUpAt === undefined).length
    const mayOpen = total < books.max && stats.opening < maxConnecting && books.mayCertainlyTry &&
      (!books.pause.isProbing || (books.pause.left(books.now) === 0 && stats.opening === 0))
    const isLacking = promising * concurrency < unserved + moving.length ||
      promising < alone.length - stats.validating
    if (mayOpen && isLacking) {
      books.problem("somebody waits though there is room to open a connection")
    }
  }

  /** While opens pause, those whom only a new connection could serve fail, and only they. */
  private pause(): void {
    const { books } = this
    const lasting = books.openLines().find((line) => line.bornIn < books.round)
    for (const borrower of books.stranded) {
      if (lasting !== undefined && !borrower.moved) {
        books.problem(`borrower ${borrower.id} failed though connection ${lasting.link.id} may come back to him`)
      }
    }
    if (!books.pause.forbids(books.now)) return
    if (books.isStandstill && books.waiting().length > 0) books.problem("somebody waits though opens pause")
    if (books.moving().length > 0) books.problem("somebody reconnects though opens pause")
  }

  private fairness(): void {
    const { books } = this
    const waiting = books.waiting()
    // One who was handed a connection that was lost before he could take it is back in the queue only a turn later.
    const outOfTurn = books.crowded && books.lastFault === books.round
    for (const borrower of books.attended) {
      if (borrower.moved || outOfTurn) continue
      const overtaken = waiting.find((other) => other.round < borrower.round && !(borrower.beside && other.alone))
      if (overtaken !== undefined) books.problem(`borrower ${borrower.id} has overtaken borrower ${overtaken.id}`)
    }
    // A wait that would time out at the moment at which opens begin to pause may have been given up instead.
    const pauses = books.pause.lastRound === books.round
    const untold = books.failures.filter(({ how }) => how !== "timed out" || !pauses).length
    if (untold > 0 && !books.crowded && !books.vague && waiting.some((borrower) => borrower.round < books.round)) {
      books.problem(`${untold} opens failed, of which none of those who wait was told`)
    }
  }

  private idleness(stats: PoolStats): void {
    const { books } = this
    const { idleTimeout, maxConnecting, reaps } = books.setting
    const open = stats.idle + stats.inUse
    for (const line of books.lines) {
      if (!line.isIdle || line.idleSince === undefined || !reaps || books.closing) continue
      const idle = books.now - Math.max(line.idleSince, line.usedUnseen)
      if (idle >= idleTimeout + 1 && open > books.min) {
        books.problem(`connection ${line.link.id} has been idle for ${idle} ms`)
      }
    }
    this.silence(stats)
    const lacking = Math.min(books.min, books.max - stats.closing) - open - stats.opening
    // A place that is just becoming free is waited for.
    if (lacking > 0 && stats.closing === 0 && !books.setBack && !books.closing && stats.opening < maxConnecting) {
      books.problem(`${lacking} connections are lacking`)
    }
  }

  /** Unless others are asked, each connection is asked in time that may be lent again. */
  private silence(stats: PoolStats): void {
    const { books } = this
    if (stats.validating > 0 || books.closing) return
    for (const line of books.lines) {
      // One that was the reaper's is looked at again as if it had become idle then.
      const silent = Math.min(books.silentFor(line), books.now - line.oldAt, books.now - line.usedUnseen)
      if (line.isIdle && silent >= books.setting.keepaliveTime + 1 && !books.isOld(line)) {
        books.problem(`connection ${line.link.id} has been silent for ${silent} ms`)
      }
    }
  }

  private end(stats: PoolStats): void {
    const { books } = this
    if (!books.closing) return
    const { closeTimeout, drainTimeout } = books.setting
    const total = stats.opening + stats.idle + stats.inUse + stats.closing
    if (books.closeDone !== (total === 0)) {
      books.problem(`the close has ${books.closeDone ? "" : "not "}ended with ${total} connections left`)
    }
    const end = books.closingSince! + drainTimeout
    if (books.now >= end + 1 && stats.inUse > 0) books.problem(`${stats.inUse} are in use after the drain`)
    if (books.now >= end + closeTimeout + 1 && !books.closeDone) books.problem("the close takes too long")
  }

  private turnThePage(): void {
    const { books } = this
    for (const line of books.lines) {
      if (books.isOld(line)) line.oldAt = books.now
      if (!line.isIdle) line.idleSince = undefined
      else if (line.idleSince === undefined) {
        const { kept } = line
        line.idleSince = kept?.surely ? kept.since : books.now
        line.idleRound = kept?.surely ? kept.round : books.round
        line.vagueSince = kept?.surely === false ? kept.since : undefined
        line.heardSince = books.now
        line.kept = undefined
      }
    }
    for (const borrower of books.borrowers) if (borrower.status === "over") books.borrowers.delete(borrower)
    books.failures = []
    books.attended = []
    books.stranded = []
    books.paused = undefined
    books.crowded = false
    books.round++
    if (books.moving().length > 0) books.lastMoving = books.round
  }
}
