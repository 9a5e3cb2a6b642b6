/** Two transports that carry bytes to each other in memory, at once and in order. */
import type { Address } from "@socketpool/core/Connection"
import type { Failure, Receiver, Transport } from "@socketpool/core/Transport"

const encoder = new TextEncoder()
/** The most bytes that arrive at once. */
const pieceBytes = 16_384
const reset: Failure = { reason: "Reset", code: "ECONNRESET" }

/** The same as a socket's in Node 20. */
export const highWaterMark = 16_384

export type TcpAddress = Extract<Address, { readonly _tag: "TcpAddress" }>

/** Makes both ends of one connection. */
export const connected = (
  one: TcpAddress,
  other: TcpAddress,
  highWaterMark: number
): readonly [MemoryTransport, MemoryTransport] => {
  const near = new MemoryTransport(one, other, `${other.hostname}:${other.port}`, highWaterMark)
  const far = new MemoryTransport(other, one, `${one.hostname}:${one.port}`, highWaterMark)
  near.connect(far)
  far.connect(near)
  return [near, far]
}

/** One end of a connection. */
export class MemoryTransport implements Transport {
  isOpen = true
  isFull = false
  private peer: MemoryTransport | undefined = undefined
  private receiver: Receiver | undefined = undefined
  /** The data from the peer that waits because this end is held back. */
  private readonly inbox: Array<Uint8Array | "End" | "Closed"> = []
  private inboxBytes = 0
  private held = false
  private delivering = false
  private hasShutDown = false
  private readonly onFlushed: Array<() => void> = []

  constructor(
    readonly localAddress: Address,
    readonly remoteAddress: Address,
    readonly address: string,
    /** The bytes that may wait at the other end before this end is full. */
    private readonly highWaterMark: number
  ) {}

  connect(peer: MemoryTransport): void {
    this.peer = peer
  }

  start(receiver: Receiver): void {
    this.receiver = receiver
    this.deliver()
  }

  readonly write = (data: Uint8Array | string): boolean => {
    const chunk = typeof data === "string" ? encoder.encode(data) : data.slice()
    if (!this.isOpen || this.hasShutDown) return true
    for (let at = 0; at < chunk.length; at += pieceBytes) this.peer?.receive(chunk.subarray(at, at + pieceBytes))
    this.isFull = this.untaken >= this.highWaterMark
    return !this.isFull
  }

  private get untaken(): number {
    return this.peer?.inboxBytes ?? 0
  }

  readonly flushNow = (): boolean => this.untaken === 0

  readonly flush = (done: () => void): void => {
    if (this.untaken === 0 || !this.isOpen) done()
    else this.onFlushed.push(done)
  }

  readonly hold = (back: boolean): void => {
    this.held = back
    this.deliver()
  }

  get hasUnread(): boolean {
    return this.inboxBytes > 0
  }

  readonly shutdown = (): void => {
    if (!this.isOpen || this.hasShutDown) return
    this.hasShutDown = true
    this.peer?.receive("End")
  }

  readonly close = (how: "Orderly" | "Quickly" | "AtOnce", done: () => void): void => {
    if (this.isOpen) {
      if (how === "AtOnce") {
        this.peer?.break(reset)
      } else {
        this.shutdown()
        this.peer?.receive("Closed")
      }
      this.end()
    }
    done()
  }

  /** Breaks both ends. */
  reset(): void {
    this.peer?.break(reset)
    this.break(reset)
  }

  private break(failure: Failure): void {
    if (!this.isOpen) return
    this.end()
    this.receiver?.failed(failure)
    this.receiver?.closed()
  }

  private end(): void {
    this.isOpen = false
    this.inbox.length = 0
    this.inboxBytes = 0
    this.peer?.drained()
    for (const done of this.onFlushed.splice(0)) done()
  }

  private receive(what: Uint8Array | "End" | "Closed"): void {
    if (!this.isOpen) return
    this.inbox.push(what)
    if (typeof what !== "string") this.inboxBytes += what.length
    this.deliver()
  }

  private deliver(): void {
    if (this.delivering || this.receiver === undefined) return
    this.delivering = true
    while (!this.held && this.inbox.length > 0) {
      const next = this.inbox.shift()!
      if (next === "End") {
        this.receiver.ended()
      } else if (next === "Closed") {
        this.end()
        this.receiver.closed()
      } else {
        this.inboxBytes -= next.length
        this.receiver.data(next)
      }
    }
    this.delivering = false
    if (this.inboxBytes === 0) this.peer?.drained()
  }

  /** Runs when the other end has taken everything. */
  private drained(): void {
    for (const done of this.onFlushed.splice(0)) done()
    if (!this.isFull) return
    this.isFull = false
    this.receiver?.drained()
  }
}
