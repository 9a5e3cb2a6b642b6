/** What has to wait: for its turn, its bytes or room; and no longer than it may. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ConnectionError } from "../../ConnectionError.js"
import type { Decoder } from "../../Framing.js"
import type { Unwritable } from "../../Transport.js"
import { Continuation, type Guard } from "../interruption.js"
import type { List } from "../list.js"
import type { Holder } from "../state.js"
import { Deadlines, type Timed } from "./deadlines.js"
import type { LeasedConnection } from "./leased.js"
import type { Answer, Reader } from "./readQueue.js"
import type { Writer } from "./writeQueue.js"

type Answered<A> = Exit.Exit<A, ConnectionError>

abstract class Operation<A> extends Continuation<A, ConnectionError, A, ConnectionError, never> {
  private resume: ((answered: Answered<A>) => void) | undefined = undefined
  private answered: Answered<A> | undefined = undefined
  private timer: Timer | undefined = undefined

  constructor(
    fiber: Holder,
    readonly leased: LeasedConnection<any>,
    private readonly timeout: number
  ) {
    super(fiber)
  }

  abstract readonly kind: "read" | "write"
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
    if (this.leased.session.holder !== this.leased) return this.end(this.refuse("Released"))
    this.begin()
    if (this.answered === undefined && this.timeout !== Infinity) this.timer = new Timer(this, this.fiber, this.timeout)
  }

  protected end(answered: Answered<A>): void {
    this.answered = answered
    this.resume!(answered)
    this.timer?.stop()
  }

  tooLate(): void {
    const answered = this.refuse("Timeout")
    this.leave()
    if (this.answered === undefined) this.end(answered)
  }

  private refuse(reason: "Released" | "Timeout"): Answered<never> {
    return Exit.fail(this.leased.error(this.kind, { reason }))
  }

  onFailure(cause: Cause.Cause<ConnectionError>): Answered<never> {
    // Interrupted; perhaps with the bytes on their way to this fiber: then they are lost to it.
    if (this.resume !== undefined && this.answered?._tag !== "Failure") {
      this.timer?.stop()
      this.leave()
    }
    return Exit.failCause(cause)
  }

  onSuccess(): Answered<A> {
    return this.answered!
  }
}

/** The deadline of an operation. */
class Timer implements Timed {
  prev: Timed | undefined = undefined
  next: Timed | undefined = undefined
  list: List<any> | undefined = undefined
  deadline = Infinity
  private readonly deadlines: Deadlines
  private stopCatchingUp: (() => void) | undefined = undefined

  constructor(private readonly operation: Operation<any>, fiber: Holder, timeout: number) {
    this.deadlines = Deadlines.of(fiber, timeout)
    this.deadlines.add(this)
  }

  stop(): void {
    this.deadlines.remove(this)
    this.stopCatchingUp?.()
  }

  /** What has arrived by now is looked at first. */
  overdue(): void {
    const { transport } = this.operation.leased.session
    if (transport.catchUp === undefined) this.operation.tooLate()
    else this.stopCatchingUp = transport.catchUp(() => this.operation.tooLate())
  }
}

const awaited = <A>(operation: Operation<A>): Effect.Effect<A, ConnectionError> =>
  Effect.async((resume) => operation.wait(resume))

export class Reading<A> extends Operation<A> implements Reader<A> {
  constructor(fiber: Holder, leased: LeasedConnection<any>, readonly decoder: Decoder<A>, timeout: number) {
    super(fiber, leased, timeout)
  }

  get kind(): "read" {
    return "read"
  }

  protected begin(): void {
    this.leased.session.reads.read(this)
  }

  protected leave(): void {
    this.leased.session.reads.abandon(this)
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
    super(fiber, leased, timeout)
  }

  get kind(): "write" {
    return "write"
  }

  protected begin(): void {
    this.leased.session.writes.write(this)
  }

  protected leave(): void {
    this.leased.session.writes.abandon(this)
  }

  done(failure?: Unwritable): void {
    this.end(failure === undefined ? Exit.void : Exit.fail(this.leased.error("write", failure)))
  }
}
