import type { CloseReason } from "@socketpool/core"
import type { Link, Witness } from "./connector.js"
import { type Attempt, type Failure, Line } from "./facts.js"
import { Ledger } from "./ledger.js"
import { validateTimeout } from "./setting.js"

/**
 * The reference model: what was asked of the pool, and what its connector and its borrowers have seen of it. It shares
 * no code with the pool. The conclusions from these facts are in `promises.ts`.
 */
export class Books extends Ledger implements Witness {
  readonly openBegun = (id: number, stubborn: boolean): void => {
    this.begun++
    if (this.closing) this.problem("an open began after the pool had begun to close")
    if (!this.mayPerhapsTry && !this.vague && !this.crowded) this.problem("an open began sooner than failed ones allow")
    if (this.pause.forbids(this.now)) this.problem("an open began although opens pause")
    if (this.pause.isProbing && !this.mayProbe && !this.vague) this.problem("an open began beside the one that may try")
    const attempt: Attempt = {
      id,
      begun: this.now,
      state: "opening",
      givenUpAt: undefined,
      stubborn,
      perhapsGivenUp: false
    }
    this.attempts.add(attempt)
    this.byId.set(id, attempt)
  }

  /**
   * An act that takes too long is given up when its time is over, whether that shows or not, and one that has lived for
   * long enough works. At that very moment the pool need not know of it yet, unless everything rests.
   */
  overdue(rests = false): void {
    for (const attempt of this.attempts) {
      const end = attempt.begun + this.setting.connectTimeout
      if (attempt.state !== "opening" || attempt.givenUpAt !== undefined || this.now < end) continue
      attempt.givenUpAt = end
      this.hasFailed({ attempt: attempt.id, how: "timed out" }, end)
    }
    for (const line of this.lines) {
      const age = this.now - line.bornAt
      if (line.isOpen && age >= 1000) this.proves(line, rests || age > 1000)
      if (line.validating && this.now >= line.validatingSince + validateTimeout) this.reject(line)
      if ([...line.resets.values()].some((since) => this.now >= since + this.setting.closeTimeout)) {
        if (!line.faults.has("Discarded")) line.overdueIn = this.round
        this.fault(line, "Discarded")
      }
    }
  }

  readonly openEnded = (id: number, how: "failed" | "failed fatally" | "died" | "interrupted"): void => {
    this.overdue()
    const attempt = this.byId.get(id)!
    attempt.state = "sweeping"
    if (attempt.givenUpAt !== undefined) return
    attempt.givenUpAt = this.now
    if (how === "failed fatally" && this.setting.fatalPause > 0) this.pauses(id)
    if (how !== "interrupted") this.hasFailed({ attempt: id, how }, this.now)
    else if (!attempt.perhapsGivenUp) this.problem(`open ${id} was interrupted for no reason`)
  }

  /** Opens in flight are given up too: nothing is to be expected of them. */
  private pauses(id: number): void {
    this.pause.begins(id, this.now, this.round)
    this.giveUp()
  }

  private hasFailed(failure: Failure, at: number): void {
    this.failures.push(failure)
    this.lastFailure = failure
    this.strains(at, true)
  }

  readonly swept = (id: number): void => {
    this.byId.get(id)!.state = "over"
  }

  readonly connected = (id: number, link: Link): void => {
    this.overdue()
    const attempt = this.byId.get(id)!
    const stillborn = attempt.givenUpAt !== undefined
    const line = new Line(link, attempt, this.generation, this.now, this.round, stillborn)
    this.lines.add(line)
    this.byLink.set(link, line)
    attempt.state = stillborn ? "sweeping" : "over"
    if (stillborn) return
    this.opened++
    this.pause.ends(this.round)
    this.lastFailure = undefined
  }

  readonly validateBegun = (link: Link): void => {
    const line = this.line(link)
    if (!line.isOpen) this.problem(`connection ${link.id} was asked although it is closed`)
    if (line.leases > 0) this.problem(`connection ${link.id} was asked although it is lent`)
    this.isAsked(line)
    line.validating = true
    line.idleSince = undefined
    line.validatingSince = this.now
    line.askedIn = this.round
  }

  /** An idle connection is asked for a borrower, or because it has been silent. */
  private isAsked(line: Line): void {
    if (line.idleSince === undefined) return
    const forSomebody = this.crowded ||
      [...this.borrowers].some(({ round, status }) =>
        round === this.round || status === "waiting" || status === "moving"
      )
    const isDue = this.silentFor(line) >= this.setting.keepaliveTime
    if (!isDue && !forSomebody) this.problem(`connection ${line.link.id} was asked for nobody`)
    if (isDue) line.kept = { since: line.vagueSince ?? line.idleSince, round: line.idleRound, surely: !forSomebody }
  }

  readonly validateEnded = (link: Link, answer: "good" | "bad" | "interrupted"): void => {
    const line = this.line(link)
    if (!line.validating) return
    if (answer === "bad") return this.reject(line)
    this.overdue()
    line.validating = false
    line.answered = answer === "good"
    // The order is not known, if one was found broken at the very moment of the answer.
    const isSure = !line.suspect || line.suspectIn < this.round
    line.suspect = answer === "interrupted"
    line.doubted = line.suspect || !isSure
  }

  private reject(line: Line): void {
    // One that was suspect itself tells nothing of those that have answered since.
    const isNews = !line.suspect
    line.validating = false
    this.fault(line, "Rejected")
    for (const other of this.lines) {
      if (!isNews || other.bornIn > line.askedIn) continue
      // Of those that opened in the same round it is not known from outside which came first.
      if (other.bornIn < line.askedIn) {
        other.suspect = true
        other.suspectIn = this.round
      } else other.doubted = true
    }
  }

  readonly resetBegun = (link: Link, id: number): void => {
    const line = this.line(link)
    line.resets.set(id, this.now)
  }

  readonly resetEnded = (link: Link, id: number, verdict: "keep" | "discard" | "died" | "interrupted"): void => {
    const line = this.line(link)
    this.overdue()
    line.resets.delete(id)
    if (verdict === "discard") this.fault(line, "Discarded")
    if (verdict === "died") this.fault(line, "Invalid")
  }

  readonly closeBegun = (link: Link): void => {
    const line = this.line(link)
    if (line.closingAt !== undefined) return this.problem(`connection ${link.id} was closed twice`)
    this.overdue()
    line.closingAt = this.now
    line.closingIn = this.round
    line.validating = false
    line.excuses = this.excuses(line)
    if (line.attempt.perhapsGivenUp && line.attempt.stubborn && line.bornAt === this.now && !line.stillborn) {
      line.stillborn = true
      line.attempt.state = "sweeping"
      this.opened--
    }
    if (line.stillborn) return
    this.endsTrial(line)
    if (line.excuses.length === 0) this.problem(`connection ${link.id} was closed for no reason`)
    if (line.leases > 0 && !this.isDrained) this.problem(`connection ${link.id} was closed under its holder`)
    this.revoke(line)
  }

  /** A connection that is lost on trial counts as an open that failed. */
  private endsTrial(line: Line): void {
    if ((line.trial === "over" && line.provedIn !== this.round) || this.closing) return
    const mayHide = line.accused || line.faults.has("Rejected") || this.unseen > 0
    const isLoss = line.excuses.includes("Disconnected") ||
      (mayHide && line.excuses.some((reason) => reason === "Discarded" || reason === "Dropped" || reason === "Invalid"))
    const certainly = line.trial === "on" && line.excuses.every((reason) => reason === "Disconnected")
    if (isLoss) this.strains(this.now, certainly)
    line.trial = "over"
  }

  readonly closeEnded = (link: Link): void => {
    const line = this.line(link)
    if (line.closed) this.problem(`the finalizer of connection ${link.id} ran twice`)
    line.closed = true
    if (line.stillborn) line.attempt.state = "over"
  }

  private excuses(line: Line): ReadonlyArray<CloseReason> {
    const { setting } = this
    const age = this.now - line.bornAt
    // One that is asked while it is idle is as idle as before.
    const idle = Math.max(this.idleFor(line), line.kept === undefined ? -1 : this.now - line.kept.since)
    const excuses: ReadonlyArray<readonly [CloseReason, boolean]> = [
      [
        "Expired",
        age >= setting.ttl * (1 - setting.ttlJitter) || (setting.hasIsExpired && line.faults.has("Outdated"))
      ],
      ["Stale", idle >= setting.idleTimeout],
      ["MaxUses", line.uses + this.unseen >= setting.maxUses],
      ["Disconnected", line.faults.has("Disconnected") && (setting.hasIsConnected || setting.hasClosed)],
      [
        "Invalid",
        line.faults.has("Invalid") || line.faults.has("Rejected") || line.suspect || line.doubted
      ],
      ["Discarded", line.faults.has("Discarded") || this.unseen > 0],
      ["Dropped", line.faults.has("Dropped") || line.faults.has("Replaced")],
      ["Cleared", line.generation < this.generation],
      ["Surplus", this.allowance > this.max || this.lastShrunk === this.round || this.lastMoving === this.round],
      ["PoolClosed", this.closing]
    ]
    return excuses.filter(([, holds]) => holds).map(([reason]) => reason)
  }
}
