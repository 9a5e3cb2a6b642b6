/** What has to wait: for its turn, its bytes or room; and no longer than it may. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ConnectionError } from "../../ConnectionError.js"
import type { Decoder } from "../../Framing.js"
import type { Unwritable } from "../../Transport.js"
import { Continuation, type Guard } from "../guard.js"
import type { List } from "../list.js"
import type { Holder } from "../state.js"
import { Deadlines, type Timed } from "./deadlines.js"
import type { Answer, Reader } from "./inlet.js"
import type { LeasedConnection } from "./leased.js"
import type { Writer } from "./outlet.js"

type Answered<A> = Exit.Exit<A, ConnectionError>

abstract class Operation<A> extends Continuation<A, ConnectionError, A, ConnectionError, never> implements Timed {
  prev: Timed | undefined = undefined
  next: Timed | undefined = undefined
  list: List<any> | undefined = undefined
  deadline = Infinity

  private resume: ((answered: Answered<A>) => void) | undefined = undefined
  private deadlines: Deadlines | undefined = undefined
  private stopCatchingUp: (() => void) | undefined = undefined
  private isOver = false
  private hasFailed = false

  constructor(
    fiber: Holder,
    protected readonly leased: LeasedConnection<any>,
    private readonly kind: "read" | "write",
    private readonly timeout: number
  ) {
    super(fiber)
  }

  /** Gets in line; it may be its turn at once. */
  protected abstract begin(): void
  /** Leaves the line. */
  protected abstract leave(): void

  run(guard: Guard): Effect.Effect<A, ConnectionError> {
    return guard.run(awaited<A>, this, this)
  }

  wait(resume: (answered: Answered<A>) => void): void {
    this.resume = resume
    // The fiber may have stepped aside since it looked, and the connection may be somebody else's by now.
    if (this.leased.line.holder !== this.leased) return this.end(this.refuse("Released"))
    this.begin()
    if (this.isOver || this.timeout === Infinity) return
    this.deadlines = Deadlines.of(this.fiber, this.timeout)
    this.deadlines.add(this)
  }

  protected end(answered: Answered<A>): void {
    this.hasFailed = answered._tag === "Failure"
    this.resume!(answered)
    this.stop()
  }

  private stop(): void {
    this.isOver = true
    this.deadlines?.remove(this)
    this.stopCatchingUp?.()
  }

  /** What has arrived by now is looked at first. */
  overdue(): void {
    const tooLate = () => {
      const answered = this.refuse("Timeout")
      this.leave()
      if (!this.isOver) this.end(answered)
    }
    const { transport } = this.leased.line
    if (transport.catchUp === undefined) tooLate()
    else this.stopCatchingUp = transport.catchUp(tooLate)
  }

  private refuse(reason: "Released" | "Timeout"): Answered<never> {
    return Exit.fail(this.leased.error(this.kind, { reason }))
  }

  onFailure(cause: Cause.Cause<ConnectionError>): Answered<never> {
    // Interrupted; perhaps with the bytes on their way to this fiber: then they are lost to it.
    if (this.resume !== undefined && !this.hasFailed) {
      this.stop()
      this.leave()
    }
    return Exit.failCause(cause)
  }

  onSuccess(value: A): Answered<A> {
    return Exit.succeed(value)
  }
}

const awaited = <A>(operation: Operation<A>): Effect.Effect<A, ConnectionError> =>
  Effect.async((resume) => operation.wait(resume))

export class Reading<A> extends Operation<A> implements Reader<A> {
  constructor(fiber: Holder, leased: LeasedConnection<any>, readonly decoder: Decoder<A>, timeout: number) {
    super(fiber, leased, "read", timeout)
  }

  protected begin(): void {
    this.leased.line.inlet.read(this)
  }

  protected leave(): void {
    this.leased.line.inlet.abandon(this)
  }

  done(answer: Answer<A>): void {
    this.end(this.leased.answered(answer))
  }
}

export class Writing extends Operation<void> implements Writer {
  constructor(
    fiber: Holder,
    leased: LeasedConnection<any>,
    readonly data: Uint8Array | string,
    public written: boolean,
    timeout: number
  ) {
    super(fiber, leased, "write", timeout)
  }

  protected begin(): void {
    this.leased.line.outlet.write(this)
  }

  protected leave(): void {
    this.leased.line.outlet.abandon(this)
  }

  done(failure?: Unwritable): void {
    this.end(failure === undefined ? Exit.void : Exit.fail(this.leased.error("write", failure)))
  }
}
