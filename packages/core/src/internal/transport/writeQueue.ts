/** The writing half of a session: the writers that wait for room. */
import type { Failure, Unwritable } from "../../Transport.js"

export interface Writer {
  readonly data: Uint8Array | string
  readonly done: (failure?: Unwritable) => void
  /** Whether the transport has the data; the writer then waits for its buffer to drain. */
  written: boolean
}

/** The transport, as far as it is written to. */
interface Pipe {
  readonly isFull: boolean
  readonly write: (data: Uint8Array | string) => boolean
  readonly writeLast?: (data: Uint8Array | string) => boolean
}

export class WriteQueue {
  /** The reason why nothing more can be sent. */
  failure: Failure | undefined = undefined
  private readonly writers: Array<Writer> = []

  constructor(private readonly pipe: Pipe, private readonly session: { readonly noteWrite: () => void }) {}

  get hasWriters(): boolean {
    return this.writers.length > 0
  }

  /** Whether the next write goes out at once. */
  get canWrite(): boolean {
    return this.writers.length === 0 && !this.pipe.isFull
  }

  /** Hands data over and returns whether there is still room. To be called only if `canWrite`. */
  writeNow(data: Uint8Array | string): boolean {
    this.session.noteWrite()
    return this.pipe.write(data)
  }

  /** `writeNow` for data that the holder sends nothing after, until the peer has answered. */
  writeLast(data: Uint8Array | string): void {
    if (this.pipe.writeLast === undefined) this.writeNow(data)
    else {
      this.session.noteWrite()
      this.pipe.writeLast(data)
    }
  }

  /** Joins the queue of writers: to write, or to wait for the buffer to drain. */
  write(writer: Writer): void {
    if (this.failure !== undefined) return writer.done(this.failure)
    this.writers.push(writer)
    this.serve()
  }

  /** Removes a writer. Data that the transport has taken goes out whole, other data not at all. */
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

  /** Ends the writing half. The first failure stays. */
  fail(failure: Failure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    for (const writer of this.writers.splice(0)) writer.done(failure)
  }

  /** The lease has ended: fails the writers that still wait. */
  revoke(): void {
    if (this.writers.length === 0) return
    for (const writer of this.writers.splice(0)) writer.done({ reason: "Released" })
  }
}
