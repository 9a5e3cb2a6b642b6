/**
 * Bytes that have come and that nobody has read yet: what a framing looks at.
 *
 * @since 0.1.0
 */

/** Chunks smaller than this share blocks: a peer that sends byte by byte must not cost an object per byte. */
const smallBytes = 1_024
const blockBytes = 4_096

/**
 * Bytes in the order in which they came, kept in the chunks in which they came as long as those are large.
 *
 * @since 0.1.0
 * @category models
 */
export class ByteBuffer {
  private chunks: Array<Uint8Array> = []
  // The block that the last chunk lies at the front of, if it has room behind it.
  private block: Uint8Array | undefined = undefined
  private size = 0

  /**
   * How many bytes there are.
   *
   * @since 0.1.0
   */
  get length(): number {
    return this.size
  }

  /**
   * Adds a chunk, which must not be changed any more.
   *
   * @since 0.1.0
   */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.size += chunk.length
    const last = this.chunks[this.chunks.length - 1]
    if (last === undefined || chunk.length >= smallBytes || last.length + chunk.length > blockBytes) {
      this.chunks.push(chunk)
      this.block = undefined
      return
    }
    // Behind the last chunk, in one block with it. What has been given out of the block is never written again.
    let start = last.byteOffset
    if (this.block === undefined || start + last.length + chunk.length > this.block.length) {
      this.block = new Uint8Array(blockBytes)
      this.block.set(last)
      start = 0
    }
    this.block.set(chunk, start + last.length)
    this.chunks[this.chunks.length - 1] = this.block.subarray(start, start + last.length + chunk.length)
  }

  /**
   * The byte at a position, `undefined` if it has not come. Meant for the few at the front.
   *
   * @since 0.1.0
   */
  at(position: number): number | undefined {
    let index = position
    for (const chunk of this.chunks) {
      if (index < chunk.length) return chunk[index]
      index -= chunk.length
    }
    return undefined
  }

  /**
   * Takes exactly so many bytes from the front; there must be as many. Copies only where they span chunks.
   *
   * @since 0.1.0
   */
  take(bytes: number): Uint8Array {
    if (!(bytes <= this.size)) throw new RangeError(`ByteBuffer: cannot take ${bytes} bytes of ${this.size}`)
    const first = this.chunks[0]
    if (first === undefined || bytes === 0) return new Uint8Array(0)
    this.size -= bytes
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
   *
   * @since 0.1.0
   */
  endOf(delimiter: Uint8Array, from: number): number {
    let index = this.chunks.length
    let start = this.size
    while (index > 0 && start > from) start -= this.chunks[--index]!.length
    for (; index < this.chunks.length; index++) {
      const chunk = this.chunks[index]!
      let at = chunk.indexOf(delimiter[0]!, Math.max(0, from - start))
      while (at >= 0) {
        if (matches(this.chunks, delimiter, index, at)) return start + at + delimiter.length
        at = chunk.indexOf(delimiter[0]!, at + 1)
      }
      start += chunk.length
    }
    return -1
  }

  /**
   * Forgets everything.
   *
   * @since 0.1.0
   */
  clear(): void {
    this.chunks = []
    this.block = undefined
    this.size = 0
  }
}

/** A plain `Uint8Array` over the same memory: a `Buffer` differs in `slice` and in equality. */
const plain = (chunk: Uint8Array, bytes: number): Uint8Array =>
  chunk.length === bytes && chunk.constructor === Uint8Array
    ? chunk
    : new Uint8Array(chunk.buffer, chunk.byteOffset, bytes)

/** Whether the delimiter stands at this place of this chunk, and on in the next ones. */
const matches = (chunks: ReadonlyArray<Uint8Array>, delimiter: Uint8Array, first: number, start: number): boolean => {
  let index = first
  let at = start
  for (const byte of delimiter) {
    while (at === chunks[index]?.length) {
      index++
      at = 0
    }
    if (chunks[index]?.[at] !== byte) return false
    at++
  }
  return true
}
