/** The reading half of a connection: what has come, and who waits for more. */
import * as Exit from "effect/Exit"
import { ByteBuffer } from "../../ByteBuffer.js"
import { type Decoder, TooLarge } from "../../Framing.js"
import type { Failure, Unreadable } from "../../Transport.js"

export type Answer<A> = Exit.Exit<A, Unreadable>

export interface Reader<A> {
  readonly decoder: Decoder<A>
  readonly done: (answer: Answer<A>) => void
}

export class ReadQueue {
  /** Why nothing more can come; what came before can still be read. */
  failure: Failure | undefined = undefined
  private readonly bytes = new ByteBuffer()
  private readonly readers: Array<Reader<any>> = []

  constructor(
    /** Holds the peer back, or lets it go on. */
    private readonly hold: (back: boolean) => void,
    private readonly markDirty: () => void,
    /** Something has been read. */
    private readonly noteRead: () => void
  ) {}

  /** How many bytes have come that nobody has read. */
  get unread(): number {
    return this.bytes.length
  }

  get hasReaders(): boolean {
    return this.readers.length > 0
  }

  /** Reads at once if it is this reader's turn and enough has come, or if nothing can come any more. */
  tryRead<A>(decoder: Decoder<A>): Answer<A> | undefined {
    if (this.readers.length > 0) return undefined
    const answer = this.answer(decoder)
    if (answer !== undefined) this.flow()
    return answer
  }

  /** Gets in line to read. */
  read<A>(reader: Reader<A>): void {
    this.readers.push(reader)
    this.serve()
  }

  /** A reader has given up. What it waited for may still come, so the connection must not be lent again. */
  abandon(reader: Reader<any>): void {
    this.markDirty()
    const at = this.readers.indexOf(reader)
    if (at >= 0) this.readers.splice(at, 1)
    this.serve()
  }

  push(chunk: Uint8Array): void {
    this.bytes.push(chunk)
    this.serve()
  }

  /** The first failure stays. */
  fail(failure: Failure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.serve()
  }

  /** The lease has ended: those who still read learn so. */
  revoke(): void {
    if (this.readers.length === 0) return
    this.markDirty()
    for (const reader of this.readers.splice(0)) reader.done(Exit.fail({ reason: "Released" }))
  }

  clear(): void {
    this.bytes.clear()
  }

  /** Holds the peer back while there are bytes that nobody waits for, and only then. */
  flow(): void {
    this.hold(this.bytes.length > 0 && this.readers.length === 0)
  }

  private serve(): void {
    while (this.readers.length > 0) {
      const answer = this.answer(this.readers[0]!.decoder)
      if (answer === undefined) break
      this.readers.shift()!.done(answer)
    }
    this.flow()
  }

  private answer<A>(decoder: Decoder<A>): Answer<A> | undefined {
    let frame: A | TooLarge | undefined
    try {
      frame = decoder.decode(this.bytes)
    } catch (defect) {
      this.markDirty()
      return Exit.die(defect)
    }
    if (frame === TooLarge) {
      this.markDirty()
      return Exit.fail({ reason: "TooLarge" })
    }
    if (frame !== undefined) {
      this.noteRead()
      return Exit.succeed(frame)
    }
    return this.failure === undefined ? undefined : Exit.fail(this.failure)
  }
}
