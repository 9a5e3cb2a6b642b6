/** The figures of the last minute, second by second. */

const seconds = 60

interface Second {
  readonly number: number
  answered: number
  failed: number
}

/** Times are in milliseconds, from any clock that does not go back. */
export class LastMinute {
  private readonly ring: Array<Second> = []

  private at(now: number): Second {
    const number = Math.floor(now / 1_000)
    const last = this.ring.at(-1)
    if (last?.number === number) return last
    const next = { number, answered: 0, failed: 0 }
    this.ring.push(next)
    while (this.ring[0]!.number <= number - seconds) this.ring.shift()
    return next
  }

  answered(now: number): void {
    this.at(now).answered++
  }

  failed(now: number): void {
    this.at(now).failed++
  }

  /** Returns the answers of each second, oldest first, without the second that has just begun. */
  answers(now: number): ReadonlyArray<number> {
    const current = Math.floor(now / 1_000)
    const bySecond = new Map(this.ring.map(({ answered, number }) => [number, answered]))
    return Array.from({ length: seconds - 1 }, (_, i) => bySecond.get(current - seconds + 1 + i) ?? 0)
  }

  /** Returns the answers and the failures of the last whole second. */
  lastSecond(now: number): { readonly answered: number; readonly failed: number } {
    const number = Math.floor(now / 1_000) - 1
    return this.ring.find((second) => second.number === number) ?? { answered: 0, failed: 0 }
  }
}
