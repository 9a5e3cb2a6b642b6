/** A gate that opens once. Every fiber that waits for it resumes in its own asynchronous context. */
import * as Effect from "effect/Effect"
import { async } from "./effect/fiber.js"

export class Latch {
  private isOpen = false
  private readonly waiting = new Set<() => void>()

  /** Completes when it is open. */
  readonly opened: Effect.Effect<void> = async((resume) => {
    const pass = () => resume(Effect.void)
    if (this.isOpen) return pass()
    this.waiting.add(pass)
    return Effect.sync(() => this.waiting.delete(pass))
  })

  open(): void {
    this.isOpen = true
    for (const pass of this.waiting) pass()
    this.waiting.clear()
  }
}
