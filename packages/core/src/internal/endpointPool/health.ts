/**
 * Whether an endpoint works, as far as opens and leases show. It decides nothing by itself: the pool knows how many
 * others are ejected.
 */

/** The limits that decide; times in milliseconds. */
export interface HealthRules {
  readonly ejectAfter: number
  readonly ejectionTime: number
  readonly slowStart: number
}

/** The longest ejection, unless the first is longer. */
const longestMillis = 300_000

/** The part of its weight that an endpoint has at the very beginning of the slow start. */
const leastWarmth = 0.05

/** A random factor from 0.8 to 1.2, so that a fleet does not come back in step. */
const jitter = (drawn: number): number => 0.8 + 0.4 * drawn

export class Health {
  /** Opens that have failed since one succeeded. */
  private opens = 0
  /** Leases that have failed since one succeeded. */
  private leases = 0
  /** The ejections since it last worked for long enough. */
  private inRow = 0
  /** The beginning of the slow start, if there is one. */
  private slowSince: number | undefined = undefined
  /** All ejections so far. */
  ejections = 0
  /** The end of the ejection; none if it is not ejected. */
  ejectedUntil: number | undefined = undefined
  /** The moment at which the pool last asked for a connection that shows whether it works. */
  recheckedAt: number | undefined = undefined
  lastError: { readonly value: unknown; readonly at: number } | undefined = undefined

  constructor(private readonly rules: HealthRules) {}

  get failures(): number {
    return this.opens + this.leases
  }

  get isEjected(): boolean {
    return this.ejectedUntil !== undefined
  }

  /** Whether it has failed often enough to be ejected. */
  get isSick(): boolean {
    return !this.isEjected && this.failures >= this.rules.ejectAfter
  }

  /** Begins the slow start. */
  warmUp(now: number): void {
    this.slowSince = this.rules.slowStart === 0 ? undefined : now
  }

  /** Whether no slow start is under way, without a look at the clock. */
  get isSettled(): boolean {
    return this.slowSince === undefined
  }

  isWarming(now: number): boolean {
    return this.slowSince !== undefined && now < this.slowSince + this.rules.slowStart
  }

  /** The part of its weight that counts now. */
  warmth(now: number): number {
    if (!this.isWarming(now)) return 1
    return Math.max(leastWarmth, (now - this.slowSince!) / this.rules.slowStart)
  }

  failed(of: "open" | "lease", error: unknown, now: number): void {
    if (of === "open") this.opens++
    else this.leases++
    this.lastError = { value: error, at: now }
  }

  /** A connection was opened. That alone does not show that its leases will end well. */
  opened(): void {
    this.opens = 0
    if (this.leases === 0) this.lastError = undefined
  }

  /** A lease has ended in success. */
  served(now: () => number): void {
    this.opens = 0
    this.leases = 0
    this.lastError = undefined
    if (this.inRow > 0 && !this.isEjected && !this.isWarming(now())) this.inRow = 0
  }

  /** Returns the length of the ejection. */
  eject(now: number, drawn: number): number {
    const { ejectionTime } = this.rules
    this.inRow++
    this.ejections++
    this.recheckedAt = undefined
    const millis = Math.min(ejectionTime * this.inRow, Math.max(longestMillis, ejectionTime)) * jitter(drawn)
    this.ejectedUntil = now + millis
    return millis
  }

  /** It works again. */
  restore(now: number): void {
    this.ejectedUntil = undefined
    this.recheckedAt = undefined
    this.opens = 0
    this.leases = 0
    this.lastError = undefined
    this.warmUp(now)
  }

  /** Whether the pool has to find out, by now, whether it works. */
  isDue(now: number): boolean {
    return this.ejectedUntil !== undefined && now >= this.ejectedUntil
  }
}
