/** Random numbers that a seed determines (xorshift32, Marsaglia 2003): fast, and good enough to choose with. */
export class Dice {
  private state: number

  constructor(seed: number) {
    // Seeds that follow each other must not begin alike; zero would stay zero.
    this.state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0 || 1
    for (let i = 0; i < 8; i++) this.next()
  }

  private next(): number {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return this.state = x | 0
  }

  /** A whole number from 0 to less than `n`. */
  below(n: number): number {
    return (this.next() >>> 0) % n
  }

  /** True in so many of a hundred cases. */
  percent(n: number): boolean {
    return this.below(100) < n
  }

  pick<A>(from: ReadonlyArray<A>): A {
    return from[this.below(from.length)]!
  }
}
