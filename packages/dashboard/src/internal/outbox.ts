/**
 * The frames that one reader of the stream has not read yet. It holds one snapshot and at most 256 notices: a slow
 * reader gets the newest snapshot and loses the oldest notices, so memory stays bounded however long it does not read.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { makeGate, streamOf } from "./effect.js"

const maxNotices = 256

export class Outbox {
  private snapshot: string | undefined
  private notices: Array<string> = []
  private hasEnded = false
  /** The time of the oldest unread frame, in milliseconds since 1970; `undefined` if the reader has read all. */
  unreadSince: number | undefined = undefined
  private readonly filled = makeGate()

  /** Adds a snapshot, in place of one that has not been read. */
  putSnapshot(frame: string, at: number): void {
    this.unreadSince ??= at
    this.snapshot = frame
    this.filled.open()
  }

  putNotice(frame: string, at: number): void {
    this.unreadSince ??= at
    if (this.notices.length === maxNotices) this.notices.shift()
    this.notices.push(frame)
    this.filled.open()
  }

  end(): void {
    this.hasEnded = true
    this.filled.open()
  }

  /** Waits for at least one frame and returns all of them; `undefined` after `end`. */
  private readonly take = Effect.map(this.filled.pass, () => {
    if (this.hasEnded) return undefined
    const frames = (this.notices.join("")) + (this.snapshot ?? "")
    this.notices = []
    this.snapshot = undefined
    this.unreadSince = undefined
    this.filled.close()
    return frames
  })

  get frames(): Stream.Stream<Uint8Array> {
    return Stream.encodeText(streamOf(this.take))
  }
}
