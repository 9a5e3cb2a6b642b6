/** Bytes that have come and that nobody has read yet, in the chunks in which they came. */
export class ReadBuffer {
  private chunks: Array<Uint8Array> = []
  length = 0

  push(chunk: Uint8Array): void {
    this.chunks.push(chunk)
    this.length += chunk.length
  }

  /** Takes exactly `bytes`, of which there must be enough; copies only where they span chunks. */
  take(bytes: number): Uint8Array {
    const first = this.chunks[0]
    if (first === undefined || bytes === 0) return new Uint8Array(0)
    this.length -= bytes
    if (first.length === bytes) {
      this.chunks.shift()
      return plain(first, bytes)
    }
    if (first.length > bytes) {
      this.chunks[0] = first.subarray(bytes)
      return plain(first, bytes)
    }
    const whole = new Uint8Array(bytes)
    let filled = 0
    let spent = 0
    while (filled < bytes) {
      const chunk = this.chunks[spent]!
      const part = Math.min(chunk.length, bytes - filled)
      whole.set(part === chunk.length ? chunk : chunk.subarray(0, part), filled)
      filled += part
      if (part === chunk.length) spent++
      else this.chunks[spent] = chunk.subarray(part)
    }
    this.chunks.splice(0, spent)
    return whole
  }

  /**
   * Where a delimiter ends that begins at `from` or later; -1 if it has not come whole. Nothing is copied, and only what
   * lies behind `from` is looked at, so that a frame in many small chunks costs no more than one in a few.
   */
  endOf(delimiter: Uint8Array, from: number): number {
    let index = this.chunks.length
    let start = this.length
    while (index > 0 && start > from) start -= this.chunks[--index]!.length
    for (; index < this.chunks.length; index++) {
      const chunk = this.chunks[index]!
      let at = chunk.indexOf(delimiter[0]!, Math.max(0, from - start))
      while (at >= 0) {
        if (this.matches(delimiter, index, at)) return start + at + delimiter.length
        at = chunk.indexOf(delimiter[0]!, at + 1)
      }
      start += chunk.length
    }
    return -1
  }

  private matches(delimiter: Uint8Array, index: number, at: number): boolean {
    for (let i = 0; i < delimiter.length; i++, at++) {
      while (at === this.chunks[index]?.length) {
        index++
        at = 0
      }
      if (this.chunks[index]?.[at] !== delimiter[i]) return false
    }
    return true
  }

  clear(): void {
    this.chunks = []
    this.length = 0
  }
}

/** A plain `Uint8Array` over the same memory: a `Buffer` differs in `slice` and in equality. */
const plain = (chunk: Uint8Array, bytes: number): Uint8Array => new Uint8Array(chunk.buffer, chunk.byteOffset, bytes)
