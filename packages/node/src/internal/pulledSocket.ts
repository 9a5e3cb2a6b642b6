/**
 * A `net.Socket` with pulled reads. Its listeners are attached for the socket's whole life.
 *
 * It is held or idle. While it is held, bytes that come before they are asked for are kept and the socket is paused, so
 * that the peer is held back. While it is idle it is never paused: a byte, an end or an error is its end. (One unread
 * byte in a paused socket would hide even the peer's FIN.)
 */
import type * as net from "node:net"
import type { Demand } from "./demand.js"
import { ReadBuffer } from "./readBuffer.js"

/** Why nothing can be read or written any more. */
export interface Failure {
  readonly reason: "EndOfStream" | "Reset" | "Closed" | "Timeout" | "Desync"
  readonly code?: string
}

export type ReadResult = Uint8Array | "TooLarge" | "Released" | Failure

export interface Reader {
  readonly demand: Demand
  readonly done: (result: ReadResult) => void
}

export interface Writer {
  readonly data: Uint8Array | string
  readonly done: (failure?: Failure | "Released") => void
  /** Handed to the socket; what is left to wait for is that its buffer drains. */
  written: boolean
}

export class PulledSocket {
  failure: Failure | undefined = undefined
  private readonly buffer = new ReadBuffer()
  private readonly readers: Array<Reader> = []
  private readonly writers: Array<Writer> = []
  private readonly onClosed = new Set<() => void>()
  private readonly onFailed = new Set<() => void>()
  private idle = false
  private spoiled = false
  private ending = false
  private closed = false

  constructor(readonly socket: net.Socket) {
    socket.on("data", this.onData)
    socket.on("end", () => this.fail({ reason: "EndOfStream" }))
    socket.on("error", (error: NodeJS.ErrnoException) => this.fail(failureOf(error)))
    socket.on("drain", this.serveWriters)
    socket.on("close", () => {
      this.fail({ reason: "Closed" })
      this.closed = true
      for (const done of this.onClosed) done()
      this.onClosed.clear()
    })
  }

  // --- Reading ------------------------------------------------------------------------------------------------------

  /** How many bytes have come that nobody has read. */
  get unread(): number {
    return this.buffer.length
  }

  /** Reads at once if it is this reader's turn and enough has come, or if nothing can come any more. */
  tryRead(demand: Demand): ReadResult | undefined {
    if (this.readers.length > 0) return undefined
    const answer = this.answer(demand)
    if (answer !== undefined) this.flow()
    return answer
  }

  /** Gets in line to read. */
  read(reader: Reader): void {
    this.readers.push(reader)
    this.serveReaders()
  }

  /** A reader has given up. What it waited for may still come, so the connection must not be lent again. */
  abandonRead(reader: Reader): void {
    this.spoiled = true
    remove(this.readers, reader)
    this.serveReaders()
  }

  private answer(demand: Demand): ReadResult | undefined {
    const answer = demand.take(this.buffer)
    if (answer === "TooLarge") this.spoiled = true
    return answer ?? this.failure
  }

  private serveReaders(): void {
    while (this.readers.length > 0) {
      const answer = this.answer(this.readers[0]!.demand)
      if (answer === undefined) break
      this.readers.shift()!.done(answer)
    }
    this.flow()
  }

  /** Pauses while there are bytes that nobody waits for, and only then. */
  private flow(): void {
    const hold = this.buffer.length > 0 && this.readers.length === 0
    if (hold !== this.socket.isPaused()) {
      if (hold) this.socket.pause()
      else this.socket.resume()
    }
  }

  private readonly onData = (chunk: Uint8Array): void => {
    if (this.ending) return
    if (this.idle) return this.fail({ reason: "Desync" })
    this.buffer.push(chunk)
    this.serveReaders()
  }

  // --- Writing ------------------------------------------------------------------------------------------------------

  /** Whether the next write goes to the socket at once. */
  get canWrite(): boolean {
    return this.writers.length === 0 && !this.socket.writableNeedDrain
  }

  /** Hands data to the socket; whether its buffer still has room. To be called only when `canWrite`. */
  writeNow(data: Uint8Array | string): boolean {
    return this.socket.write(data)
  }

  /** Gets in line: to write, or, what is written already, to see the buffer drain. */
  write(writer: Writer): void {
    if (this.failure !== undefined) return writer.done(this.failure)
    this.writers.push(writer)
    this.serveWriters()
  }

  /** A writer has given up. What the socket has taken goes out whole, the rest not at all. */
  abandonWrite(writer: Writer): void {
    remove(this.writers, writer)
  }

  private readonly serveWriters = (): void => {
    while (this.writers.length > 0 && !this.socket.writableNeedDrain) {
      const writer = this.writers[0]!
      if (!writer.written) {
        writer.written = true
        if (!this.socket.write(writer.data)) return
      }
      this.writers.shift()
      writer.done()
    }
  }

  // --- Between leases -----------------------------------------------------------------------------------------------

  /** Output that the system has not taken yet. */
  get unsent(): boolean {
    return this.socket.writableLength > 0 || this.writers.length > 0
  }

  /** Nothing of the last holder is left on it, except perhaps output on its way. */
  get isClean(): boolean {
    return this.failure === undefined && !this.spoiled && this.readers.length === 0 && this.buffer.length === 0 &&
      this.socket.readableLength === 0
  }

  /** Says that it must not be lent again. */
  spoil(): void {
    this.spoiled = true
  }

  /** Calls back once all output so far has gone, or never will. */
  whenSent(done: () => void): void {
    // Writes end in order, so an empty one ends when those before it have; also when they fail.
    this.socket.write(new Uint8Array(0), () => done())
  }

  /** From now on it belongs to a holder, and keeps the process alive. */
  hold(): void {
    this.idle = false
    this.socket.ref()
  }

  /** From now on nobody may touch it, whatever comes in is its end, and it does not keep the process alive. */
  guard(): void {
    this.idle = true
    this.socket.unref()
    this.flow()
  }

  /** The lease has ended: those who still read or write through it learn so, and their traffic spoils it. */
  revoke(): void {
    if (this.readers.length === 0 && this.writers.length === 0) return
    this.spoiled = true
    for (const reader of this.readers.splice(0)) reader.done("Released")
    for (const writer of this.writers.splice(0)) writer.done("Released")
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  get isOpen(): boolean {
    return this.failure === undefined && !this.socket.destroyed
  }

  /** Ends the stream, if that can be done without sending what must not be sent any more; drops what still comes in. */
  endOrderly(): boolean {
    const { connecting, destroyed, pending } = this.socket
    if (destroyed || connecting || pending || (this.spoiled && this.unsent)) return false
    this.ending = true
    this.fail({ reason: "Closed" })
    this.buffer.clear()
    this.socket.end()
    this.flow()
    return true
  }

  destroy(): void {
    this.fail({ reason: "Closed" })
    this.buffer.clear()
    this.socket.destroy()
  }

  /** Calls back once the socket has closed; gives what cancels that. */
  whenClosed(done: () => void): () => void {
    if (this.closed) done()
    else this.onClosed.add(done)
    return () => this.onClosed.delete(done)
  }

  /** Calls back once nothing can be read or written any more; gives what cancels that. */
  whenFailed(done: () => void): () => void {
    if (this.failure !== undefined) done()
    else this.onFailed.add(done)
    return () => this.onFailed.delete(done)
  }

  /** The first failure stays. What came before it can still be read. */
  private fail(failure: Failure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.serveReaders()
    for (const writer of this.writers.splice(0)) writer.done(failure)
    for (const done of this.onFailed) done()
    this.onFailed.clear()
  }
}

const failureOf = (error: NodeJS.ErrnoException): Failure => ({
  reason: error.code === "ETIMEDOUT" ? "Timeout" : "Reset",
  ...(error.code === undefined ? {} : { code: error.code })
})

const remove = <A>(array: Array<A>, member: A): void => {
  const at = array.indexOf(member)
  if (at >= 0) array.splice(at, 1)
}
