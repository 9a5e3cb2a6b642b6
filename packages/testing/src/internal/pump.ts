/** Carries bytes from one socket to another, and does to them what it is told. In real time, as between real sockets. */
import type * as net from "node:net"
import type { Rng } from "../Rng.js"

/** Times in milliseconds; what is not asked for is 0 or `undefined`. */
export interface Pumped {
  readonly latency: number
  readonly jitter: number
  readonly bytesPerSecond: number | undefined
  readonly slice: number | undefined
  readonly merge: number
  readonly stall: boolean
  readonly corrupt: number
  readonly duplicate: number
  readonly cutAfter: number | undefined
}

export const untouched: Pumped = {
  latency: 0,
  jitter: 0,
  bytesPerSecond: undefined,
  slice: undefined,
  merge: 0,
  stall: false,
  corrupt: 0,
  duplicate: 0,
  cutAfter: undefined
}

interface Parcel {
  bytes: Uint8Array
  /** When it goes on, at the earliest. */
  due: number
  /** Whether more may still be put into it. */
  open: boolean
}

/** A reset that comes along with the last bytes would look like an orderly end to who reads them. */
const cutMillis = 10

/** How much may wait here before the source is held back. */
const most = 262_144

export class Pump {
  private readonly parcels: Array<Parcel> = []
  private waiting = 0
  private hasEnded = false
  private isOver = false
  private passedOn = 0
  /** When the line is free again, if its bandwidth is limited. */
  private freeAt = 0
  private timer: NodeJS.Timeout | undefined = undefined
  private immediate: NodeJS.Immediate | undefined = undefined

  constructor(
    private readonly source: net.Socket,
    private readonly sink: net.Socket,
    private faults: Pumped,
    private readonly rng: Rng,
    /** So many bytes have been passed on as there were to be. */
    private readonly cut: () => void
  ) {
    source.on("data", (chunk) => this.take(chunk))
    source.on("end", () => {
      this.hasEnded = true
      this.next()
    })
    sink.on("drain", () => this.next())
    this.flow()
  }

  /** From now on other faults; `cutAfter` counts from here. */
  change(faults: Pumped): void {
    this.faults = faults
    this.passedOn = 0
    this.next()
  }

  /** Nothing more is passed on, and no timer is left. */
  stop(): void {
    this.isOver = true
    clearTimeout(this.timer)
    clearImmediate(this.immediate)
    this.parcels.length = 0
  }

  private take(chunk: Uint8Array): void {
    if (this.isOver) return
    const { corrupt, duplicate } = this.faults
    const bytes = corrupt > 0 && this.rng.chance(corrupt) ? this.flipped(chunk) : chunk
    this.queue(bytes)
    if (duplicate > 0 && this.rng.chance(duplicate)) this.queue(bytes)
    this.next()
  }

  private flipped(chunk: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(chunk)
    const at = this.rng.between(0, copy.length - 1)
    copy[at] = copy[at]! ^ (1 << this.rng.between(0, 7))
    return copy
  }

  private queue(bytes: Uint8Array): void {
    const { jitter, latency, merge } = this.faults
    this.waiting += bytes.length
    const last = this.parcels[this.parcels.length - 1]
    if (merge > 0 && last?.open === true) {
      last.bytes = Buffer.concat([last.bytes, bytes])
      return
    }
    const due = performance.now() + latency + (jitter > 0 ? this.rng.next() * jitter : 0) + merge
    // Order is kept, whatever the jitter.
    this.parcels.push({ bytes, due: Math.max(due, last?.due ?? 0), open: merge > 0 })
  }

  private readonly next = (): void => {
    if (this.isOver || this.timer !== undefined || this.immediate !== undefined) return
    this.pass()
    if (!this.isOver) this.flow()
  }

  /** Passes on what is due, until something has to be waited for. */
  private pass(): void {
    while (!this.isOver && !this.faults.stall && !this.sink.writableNeedDrain) {
      const parcel = this.parcels[0]
      if (parcel === undefined) {
        if (this.hasEnded) this.sink.end()
        return
      }
      const wait = Math.max(parcel.due, this.freeAt) - performance.now()
      if (wait > 0) {
        this.timer = setTimeout(() => {
          this.timer = undefined
          this.next()
        }, Math.ceil(wait))
        return
      }
      const { slice } = this.faults
      this.write(parcel, slice)
      if (slice !== undefined && !this.isOver) {
        // The next piece in a turn of its own, so that it travels alone.
        this.immediate = setImmediate(() => {
          this.immediate = undefined
          this.next()
        })
        return
      }
    }
  }

  private write(parcel: Parcel, slice = Infinity): void {
    const { bytesPerSecond, cutAfter } = this.faults
    const piece = parcel.bytes.subarray(0, Math.min(slice, (cutAfter ?? Infinity) - this.passedOn))
    parcel.open = false
    if (piece.length === parcel.bytes.length) this.parcels.shift()
    else parcel.bytes = parcel.bytes.subarray(piece.length)
    this.waiting -= piece.length
    this.passedOn += piece.length
    if (bytesPerSecond !== undefined) {
      this.freeAt = Math.max(this.freeAt, performance.now()) + piece.length * 1_000 / bytesPerSecond
    }
    if (cutAfter === undefined || this.passedOn < cutAfter) {
      // What comes for one that has been told of the end is lost.
      if (this.sink.writable) this.sink.write(piece)
    } else {
      this.isOver = true
      this.sink.write(piece)
      this.timer = setTimeout(this.cut, cutMillis)
    }
  }

  /** Holds the source back while enough waits here. */
  private flow(): void {
    const hold = this.faults.stall || this.waiting >= most
    if (hold === this.source.isPaused()) return
    if (hold) this.source.pause()
    else this.source.resume()
  }
}
