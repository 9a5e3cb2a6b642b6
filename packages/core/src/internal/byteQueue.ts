/** The bytes that a read queue keeps for its readers. */

/** Chunks smaller than this share blocks, so that a peer that sends single bytes does not cost an object per byte. */
const smallBytes = 1_024
const blockBytes = 4_096

/** Bytes in the order of arrival. Large chunks are kept as they came. */
export class ByteQueue {
  private chunks: Array<Uint8Array> = []
  /** The bytes of the first chunk that have been taken. A view of the rest would cost as much as a small frame. */
  private head = 0
  /** The block that begins with the last chunk, if there is room behind it. */
  private block: Uint8Array | undefined = undefined
  private size = 0

  get length(): number {
    return this.size
  }

  /** Adds a chunk, which must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.size += chunk.length
    const { chunks } = this
    const last = chunks.length === 1 ? this.first : chunks[chunks.length - 1]
    if (last === undefined || chunk.length >= smallBytes || last.length + chunk.length > blockBytes) {
      chunks.push(chunk)
      this.block = undefined
      return
    }
    // Goes behind the last chunk, in one block with it. Bytes of the block that were given out are never written again.
    let start = last.byteOffset
    if (this.block === undefined || start + last.length + chunk.length > this.block.length) {
      this.block = new Uint8Array(blockBytes)
      this.block.set(last)
      start = 0
    }
    this.block.set(chunk, start + last.length)
    chunks[chunks.length - 1] = this.block.subarray(start, start + last.length + chunk.length)
  }

  /** The first chunk, without what has been taken of it. */
  private get first(): Uint8Array {
    if (this.head > 0) {
      this.chunks[0] = this.chunks[0]!.subarray(this.head)
      this.head = 0
    }
    return this.chunks[0]!
  }

  at(position: number): number | undefined {
    let index = position + this.head
    for (const chunk of this.chunks) {
      if (index < chunk.length) return chunk[index]
      index -= chunk.length
    }
    return undefined
  }

  copy(from: number, to: number): Uint8Array {
    if (!(from >= 0 && from <= to && to <= this.size)) {
      throw new RangeError(`ByteBuffer: cannot copy bytes ${from} to ${to} of ${this.size}`)
    }
    const copied = new Uint8Array(to - from)
    let start = -this.head
    for (const chunk of this.chunks) {
      if (start >= to) break
      const end = start + chunk.length
      if (end > from) copied.set(chunk.subarray(Math.max(0, from - start), to - start), Math.max(0, start - from))
      start = end
    }
    return copied
  }

  take(bytes: number): Uint8Array {
    return this.takeWith(bytes, detached)
  }

  takeWith<A>(bytes: number, f: (chunk: Uint8Array, start: number, end: number) => A): A {
    if (!(bytes >= 0 && bytes <= this.size)) {
      throw new RangeError(`ByteBuffer: cannot take ${bytes} bytes of ${this.size}`)
    }
    const { head } = this
    const first = this.chunks[0]
    if (first === undefined) return f(new Uint8Array(0), 0, 0)
    const end = head + bytes
    if (end > first.length) return f(this.joined(bytes), 0, bytes)
    this.size -= bytes
    if (end < first.length) {
      this.head = end
    } else {
      this.chunks.shift()
      this.head = 0
    }
    return f(first, head, end)
  }

  /** Takes bytes of several chunks. */
  private joined(bytes: number): Uint8Array {
    const whole = this.copy(0, bytes)
    this.skip(bytes)
    return whole
  }

  skip(bytes: number): void {
    if (!(bytes >= 0 && bytes <= this.size)) {
      throw new RangeError(`ByteBuffer: cannot skip ${bytes} bytes of ${this.size}`)
    }
    this.size -= bytes
    let rest = bytes + this.head
    let spent = 0
    while (rest > 0 && rest >= this.chunks[spent]!.length) rest -= this.chunks[spent++]!.length
    if (spent > 0) this.chunks.splice(0, spent)
    this.head = rest
  }

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

  clear(): void {
    this.chunks = []
    this.head = 0
    this.block = undefined
    this.size = 0
  }
}

/** A view keeps all memory of its chunk alive, so it must be at least this part of it. */
const leastPart = 1 / 4

/** So few bytes are copied in less time than it takes to look at the chunk's memory. */
const fewBytes = 64

/**
 * Returns bytes of a chunk as a plain `Uint8Array`: a `Buffer` differs in `slice` and in equality. A small part of a
 * chunk is copied, so that a program that keeps it does not keep the chunk. A large part is a view.
 */
export const detached = (chunk: Uint8Array, start: number, end: number): Uint8Array => {
  const bytes = end - start
  if (bytes <= fewBytes) {
    const copy = new Uint8Array(bytes)
    for (let i = 0; i < bytes; i++) copy[i] = chunk[start + i]!
    return copy
  }
  const { buffer, byteOffset } = chunk
  if (bytes >= buffer.byteLength * leastPart) {
    return chunk.length === bytes && chunk.constructor === Uint8Array ?
      chunk :
      new Uint8Array(buffer, byteOffset + start, bytes)
  }
  const copy = new Uint8Array(bytes)
  copy.set(chunk.subarray(start, end))
  return copy
}

/** Returns whether the delimiter begins at this position of this chunk; it may continue in the next ones. */
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
