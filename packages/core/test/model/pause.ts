import type { Failure } from "./facts.js"

/** After a fatal failure nothing is opened for a while, and then one connection at a time until one opens. */
export class Pause {
  private current: { readonly until: number } | undefined = undefined
  private lastAttempt = -1
  private endedIn = -1
  /** The last round in which an open failed fatally: what was to open beside it never began. */
  lastRound = -1

  constructor(
    /** Its length; 0: no failure is fatal. */
    private readonly millis: number
  ) {}

  begins(attempt: number, now: number, round: number): void {
    this.current = { until: now + this.millis }
    this.lastAttempt = attempt
    this.lastRound = round
  }

  ends(round: number): void {
    if (this.current !== undefined) this.endedIn = round
    this.current = undefined
  }

  /** Whether nothing may be opened. At its very end something may be, and need not be yet. */
  forbids(now: number): boolean {
    return this.current !== undefined && now < this.current.until
  }

  /** Whether one open at a time may try. */
  get isProbing(): boolean {
    return this.current !== undefined
  }

  /** Whether opens pause for this failure, or did in this round. */
  isFor(isThis: (failure: Failure) => boolean, now: number, round: number): boolean {
    return isThis({ attempt: this.lastAttempt, how: "failed fatally" }) &&
      (this.forbids(now) || this.endedIn === round)
  }

  /** The time that it still lasts. */
  left(now: number): number {
    return this.current === undefined ? 0 : Math.max(0, this.current.until - now)
  }
}
