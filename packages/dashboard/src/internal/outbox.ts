/**
 * What one reader of the stream has yet to get. A reader that is slow gets the newest snapshot only and loses the oldest
 * notices, so that it holds no more than this much, for however long it does not read.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

const mostNotices = 256

export class Outbox {
  private snapshot: string | undefined
  private notices: Array<string> = []
  private isOver = false
  private readonly filled = Effect.unsafeMakeLatch(false)

  /** Replaces a snapshot that has not been taken. */
  putSnapshot(frame: string): void {
    this.snapshot = frame
    this.filled.unsafeOpen()
  }

  putNotice(frame: string): void {
    if (this.notices.length === mostNotices) this.notices.shift()
    this.notices.push(frame)
    this.filled.unsafeOpen()
  }

  end(): void {
    this.isOver = true
    this.filled.unsafeOpen()
  }

  /** Everything that is there, as soon as something is; fails when it has ended. */
  private readonly take = Effect.flatMap(this.filled.await, () => {
    if (this.isOver) return Effect.fail(Option.none<never>())
    const frames = (this.notices.join("")) + (this.snapshot ?? "")
    this.notices = []
    this.snapshot = undefined
    this.filled.unsafeClose()
    return Effect.succeed(frames)
  })

  get frames(): Stream.Stream<Uint8Array> {
    return Stream.encodeText(Stream.repeatEffectOption(this.take))
  }
}
