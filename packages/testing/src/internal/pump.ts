/** Carries bytes from one socket to another and applies faults, in real time. */
import type * as net from "node:net"
import type { Rng } from "../Rng.js"

/** The checked faults of one direction. Times are in milliseconds. An absent fault is 0, or `Infinity` for a limit. */
export interface Treatment {
  readonly latency: number
  readonly jitter: number
  readonly bandwidth: number
  readonly slice: number
  readonly merge: number
  readonly stall: boolean
  readonly corrupt: number
  readonly duplicate: number
  readonly cutAfter: number
  readonly cut: "Reset" | "End"
}

interface Parcel {
  bytes: Uint8Array
  readonly arrived: number
  /** The parcel's share of the jitter, from 0 to 1. */
  readonly share: number
  /** Whether some of the parcel has been passed on already. */
  isBegun: boolean
}

/** The bytes that may wait here before the source is held back. */
const most = 262_144

/**
 * The longest that a piece may occupy a path of limited bandwidth, and the lateness it may make up, in milliseconds.
 */
const quantum = 10
const tolerance = 50

/**
 * The milliseconds that a reset waits after the last bytes. A receiver on libuv that finds both at once reports an
 * orderly end instead: https://github.com/libuv/libuv/issues/2319
 */
const settling = 10

/** The longest timer of Node.js, in milliseconds. */
const longest = 2 ** 31 - 1

export class Pump {
  private readonly parcels: Array<Parcel> = []
  private waiting = 0
  /** `Discarding` still reads the source, but its sink has been ended. */
  private phase: "Carrying" | "Discarding" | "Stopped" = "Carrying"
  private hasSourceEnded = false
  /** Whether a piece is in flight that must travel alone. */
  private isAlone = false
  private timer: NodeJS.Timeout | undefined = undefined
  private immediate: NodeJS.Immediate | undefined = undefined
  /** The time at which the path is free again, if its bandwidth is limited. */
  private freeAt = 0
  /** The bytes that may still pass before the cut. */
  private left: number

  constructor(
    private readonly source: net.Socket,
    private readonly sink: net.Socket,
    private treatment: Treatment,
    private readonly rng: Rng,
    private readonly cut: (how: "Reset" | "End") => void
  ) {
    this.left = treatment.cutAfter
    source.on("data", (chunk) => this.take(chunk))
    source.on("end", () => {
      this.hasSourceEnded = true
      this.next()
    })
    sink.on("drain", () => this.next())
  }

  /** Starts the pump. Call it once both directions exist, because it may cut both. */
  start(): void {
    this.next()
  }

  /** Changes the treatment, also of the bytes that wait here. */
  change(treatment: Treatment): void {
    this.treatment = treatment
    this.left = treatment.cutAfter
    this.freeAt = 0
    clearTimeout(this.timer)
    this.timer = undefined
    this.next()
  }

  /** Ends the sink now. Bytes that wait here or arrive later are lost. */
  end(): void {
    if (this.phase !== "Carrying") return
    this.release("Discarding")
    this.sink.end()
    this.source.resume()
  }

  /** Stops the pump and leaves no timer. */
  stop(): void {
    this.release("Stopped")
  }

  private release(phase: "Discarding" | "Stopped"): void {
    this.phase = phase
    clearTimeout(this.timer)
    clearImmediate(this.immediate)
    this.parcels.length = 0
    this.waiting = 0
  }

  private take(chunk: Uint8Array): void {
    if (this.phase !== "Carrying") return
    const { corrupt, duplicate } = this.treatment
    const bytes = this.rng.chance(corrupt) ? this.corrupted(chunk) : chunk
    this.queue(bytes)
    if (this.rng.chance(duplicate)) this.queue(bytes)
    this.next()
  }

  private corrupted(chunk: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(chunk)
    const at = this.rng.between(0, copy.length - 1)
    copy[at] = copy[at]! ^ this.rng.between(1, 255)
    return copy
  }

  private queue(bytes: Uint8Array): void {
    const now = performance.now()
    this.waiting += bytes.length
    const last = this.parcels.at(-1)
    if (last !== undefined && !last.isBegun && now < last.arrived + this.treatment.merge) {
      last.bytes = Buffer.concat([last.bytes, bytes])
    } else {
      this.parcels.push({ bytes, arrived: now, share: this.rng.next(), isBegun: false })
    }
  }

  private next(): void {
    this.pass()
    if (this.phase !== "Carrying") return
    const isHeld = this.treatment.stall || this.waiting >= most
    if (isHeld === this.source.isPaused()) return
    if (isHeld) this.source.pause()
    else this.source.resume()
  }

  /** Passes on all bytes that are due, until it has to wait. */
  private pass(): void {
    while (this.phase === "Carrying" && !this.mustWait()) {
      if (this.left === 0) {
        if (this.waitUntil(this.freeAt)) return
        return this.sever()
      }
      const parcel = this.parcels[0]
      if (parcel === undefined) {
        if (this.hasSourceEnded) this.sink.end()
        return
      }
      const size = this.pieceOf(parcel)
      const leaves = this.departure(parcel, size)
      if (this.waitUntil(leaves)) return
      this.freeAt = leaves
      this.send(parcel, size)
    }
  }

  /** Sets a timer for that time. Returns `false` if that time has passed. */
  private waitUntil(time: number): boolean {
    const wait = time - performance.now()
    if (wait <= 0) return false
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.next()
    }, Math.min(Math.ceil(wait), longest))
    return true
  }

  private mustWait(): boolean {
    return this.treatment.stall || this.isAlone || this.timer !== undefined || this.sink.writableNeedDrain
  }

  private pieceOf({ bytes }: Parcel): number {
    const { bandwidth, slice } = this.treatment
    return Math.min(bytes.length, slice, this.left, Math.max(1, Math.floor(bandwidth * quantum / 1_000)))
  }

  /** The time at which a piece of this size has passed the path. An idle path does not accumulate unused time. */
  private departure({ arrived, share }: Parcel, size: number): number {
    const { bandwidth, jitter, latency, merge } = this.treatment
    const occupied = size * 1_000 / bandwidth
    const due = arrived + latency + share * jitter + merge
    return Math.max(due, this.freeAt, performance.now() - Math.max(2 * occupied, tolerance)) + occupied
  }

  private send(parcel: Parcel, size: number): void {
    const piece = parcel.bytes.subarray(0, size)
    parcel.isBegun = true
    if (size === parcel.bytes.length) this.parcels.shift()
    else parcel.bytes = parcel.bytes.subarray(size)
    this.waiting -= size
    this.left -= size
    const isLast = this.left === 0
    if (isLast && this.treatment.cut === "Reset") this.freeAt = performance.now() + settling
    if (!isLast && this.treatment.slice === Infinity) return void this.sink.write(piece)
    this.isAlone = true
    this.sink.write(piece, () => {
      // The next immediate may still run in this turn, before a receiver in this process has read.
      this.immediate = setImmediate(() => {
        this.immediate = setImmediate(() => {
          this.isAlone = false
          this.next()
        })
      })
    })
  }

  private sever(): void {
    const { cut } = this.treatment
    this.left = Infinity
    this.cut(cut)
  }
}
