/** The reading half of a session: the bytes that have come, and the readers that wait for more. */
import * as Exit from "effect/Exit"
import { type Decoder, Malformed, TooLarge } from "../../Decoder.js"
import type { Failure, Unreadable } from "../../Transport.js"
import { ByteQueue } from "../byteQueue.js"

export type Answer<A> = Exit.Exit<A, Unreadable>

export interface Reader<A> {
  readonly decoder: Decoder<A>
  readonly done: (answer: Answer<A>) => void
}

/** The session, as far as it is read from. */
interface ReadSide {
  /** Holds the peer back, or lets it continue. */
  readonly hold: (back: boolean) => void
  readonly markDirty: () => void
  readonly noteRead: () => void
}

export class ReadQueue {
  /** The reason why nothing more can come. Bytes that came before can still be read. */
  failure: Failure | undefined = undefined
  private readonly bytes = new ByteQueue()
  private readonly readers: Array<Reader<any>> = []

  constructor(private readonly session: ReadSide) {}

  /** The number of bytes that nobody has read. */
  get unread(): number {
    return this.bytes.length
  }

  get hasReaders(): boolean {
    return this.readers.length > 0
  }

  /** Reads at once if nobody waits and enough has come, or if nothing can come any more. */
  tryRead<A>(decoder: Decoder<A>): Answer<A> | undefined {
    if (this.readers.length > 0) return undefined
    const answer = this.answer(decoder)
    if (answer !== undefined) this.flow()
    return answer
  }

  /** Joins the queue of readers. */
  read<A>(reader: Reader<A>): void {
    this.readers.push(reader)
    this.serve()
  }

  /** Removes a reader. Its bytes may still come, so the session must not be lent again. */
  abandon(reader: Reader<any>): void {
    this.session.markDirty()
    const at = this.readers.indexOf(reader)
    if (at >= 0) this.readers.splice(at, 1)
    this.serve()
  }

  push(chunk: Uint8Array): void {
    this.bytes.push(chunk)
    this.serve()
  }

  /** Ends the reading half. The first failure stays. */
  fail(failure: Failure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.serve()
  }

  /** The lease has ended: fails the readers that still wait. */
  revoke(): void {
    if (this.readers.length === 0) return
    this.session.markDirty()
    for (const reader of this.readers.splice(0)) reader.done(Exit.fail({ reason: "Released" }))
  }

  clear(): void {
    this.bytes.clear()
  }

  /** Holds the peer back exactly while there are bytes that nobody waits for. */
  flow(): void {
    this.session.hold(this.bytes.length > 0 && this.readers.length === 0)
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
    let frame: A | TooLarge | Malformed | undefined
    try {
      frame = decoder.decode(this.bytes)
    } catch (defect) {
      this.session.markDirty()
      return Exit.die(defect)
    }
    if (frame === TooLarge || frame === Malformed) {
      this.session.markDirty()
      return Exit.fail({ reason: frame === TooLarge ? "TooLarge" : "Desync" })
    }
    if (frame !== undefined) {
      this.session.noteRead()
      return Exit.succeed(frame)
    }
    return this.failure === undefined ? undefined : Exit.fail(this.failure)
  }
}
