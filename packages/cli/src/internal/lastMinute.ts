/** The figures of the last minute, second by second. */

const seconds = 60

/** Each step of the scale is so many times as long as the one before, so a percentile is at most 5 % too high. */
const factor = 1.05
/** In milliseconds. */
const shortest = 0.001

interface Second {
  readonly number: number
  answered: number
  failed: number
  /** Waits by step of the scale. */
  readonly waits: Map<number, number>
}

/** Times are in milliseconds, from any clock that does not go back. */
export class LastMinute {
  private readonly ring: Array<Second> = []

  private at(now: number): Second {
    const number = Math.floor(now / 1_000)
    const last = this.ring.at(-1)
    if (last?.number === number) return last
    const next = { number, answered: 0, failed: 0, waits: new Map() }
    this.ring.push(next)
    while (this.ring[0]!.number <= number - seconds) this.ring.shift()
    return next
  }

  private since(now: number): ReadonlyArray<Second> {
    const oldest = Math.floor(now / 1_000) - seconds
    return this.ring.filter(({ number }) => number > oldest)
  }

  answered(now: number): void {
    this.at(now).answered++
  }

  failed(now: number): void {
    this.at(now).failed++
  }

  waited(now: number, millis: number): void {
    const { waits } = this.at(now)
    const step = Math.max(0, Math.ceil(Math.log(millis / shortest) / Math.log(factor)))
    waits.set(step, (waits.get(step) ?? 0) + 1)
  }

  /** Returns the answers of each second, oldest first, without the second that has just begun. */
  answers(now: number): ReadonlyArray<number> {
    const current = Math.floor(now / 1_000)
    const bySecond = new Map(this.since(now).map(({ answered, number }) => [number, answered]))
    return Array.from({ length: seconds - 1 }, (_, i) => bySecond.get(current - seconds + 1 + i) ?? 0)
  }

  /** Returns the answers and the failures of the last whole second. */
  lastSecond(now: number): { readonly answered: number; readonly failed: number } {
    const number = Math.floor(now / 1_000) - 1
    return this.ring.find((second) => second.number === number) ?? { answered: 0, failed: 0 }
  }

  /** Returns the wait that the given fraction of the waits did not exceed; 0 without a wait. */
  wait(now: number, fraction: number): number {
    const waits = this.since(now).flatMap(({ waits }) => [...waits]).sort(([a], [b]) => a - b)
    let left = waits.reduce((sum, [, n]) => sum + n, 0) * fraction
    const found = waits.find(([, n]) => (left -= n) <= 0)
    return found === undefined || found[0] === 0 ? 0 : shortest * factor ** found[0]
  }
}
