/** The writing half of a connection: who waits until there is room for more. */
import type { Failure, Unwritable } from "../../Transport.js"

export interface Writer {
  readonly data: Uint8Array | string
  readonly done: (failure?: Unwritable) => void
  /** Handed to the transport; what is left to wait for is that its buffer drains. */
  written: boolean
}

/** What it writes to. */
interface Pipe {
  readonly isFull: boolean
  readonly write: (data: Uint8Array | string) => boolean
}

export class WriteQueue {
  /** Why nothing more can be sent. */
  failure: Failure | undefined = undefined
  private readonly writers: Array<Writer> = []

  constructor(private readonly pipe: Pipe, /** Something has been sent. */ private readonly noteWrite: () => void) {}

  get hasWriters(): boolean {
    return this.writers.length > 0
  }

  /** Whether the next write goes out at once. */
  get canWrite(): boolean {
    return this.writers.length === 0 && !this.pipe.isFull
  }

  /** Hands data over; whether there is still room. To be called only when `canWrite`. */
  writeNow(data: Uint8Array | string): boolean {
    this.noteWrite()
    return this.pipe.write(data)
  }

  /** Gets in line: to write, or, what is written already, to see the buffer drain. */
  write(writer: Writer): void {
    if (this.failure !== undefined) return writer.done(this.failure)
    this.writers.push(writer)
    this.serve()
  }

  /** A writer has given up. What the transport has taken goes out whole, the rest not at all. */
  abandon(writer: Writer): void {
    const at = this.writers.indexOf(writer)
    if (at >= 0) this.writers.splice(at, 1)
  }

  /** To be called when the transport has room again. */
  serve(): void {
    while (this.writers.length > 0 && !this.pipe.isFull) {
      const writer = this.writers[0]!
      if (!writer.written) {
        writer.written = true
        if (!this.writeNow(writer.data)) return
      }
      this.writers.shift()
      writer.done()
    }
  }

  /** The first failure stays. */
  fail(failure: Failure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    for (const writer of this.writers.splice(0)) writer.done(failure)
  }

  /** The lease has ended: those who still write learn so. */
  revoke(): void {
    if (this.writers.length === 0) return
    for (const writer of this.writers.splice(0)) writer.done({ reason: "Released" })
  }
}
