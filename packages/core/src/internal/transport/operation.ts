/** Reads and writes: each waits for its turn, its bytes or room, and no longer than its timeout. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { data as dataRule, duration, having, isData, optional } from "../../checks/rules.js"
import { argument, type Rows, Table } from "../../checks/table.js"
import type { OperationOptions } from "../../Connection.js"
import { ConnectionError } from "../../ConnectionError.js"
import type { Decoder } from "../../Decoder.js"
import type { Transport, Unwritable } from "../../Transport.js"
import { type Holder, parkIn } from "../effect/fiber.js"
import { Continuation, type Guard, guarded } from "../interruption.js"
import { Timer } from "./deadlines.js"
import type { Answer, Reader } from "./readQueue.js"
import type { Session } from "./session.js"
import type { Writer } from "./writeQueue.js"

export type { Guard, Holder }

type Answered<A> = Exit.Exit<A, ConnectionError>

abstract class Operation<A> extends Continuation<A, ConnectionError, A, ConnectionError, never> {
  private resume: ((answered: Answered<A>) => void) | undefined = undefined
  private answered: Answered<A> | undefined = undefined
  private timer: Timer | undefined = undefined

  constructor(
    fiber: Holder,
    readonly session: Session<any, any>,
    /** The connection through which the operation runs. */
    private readonly connection: unknown,
    private readonly timeout: number
  ) {
    super(fiber)
  }

  /** Marks the session, because its next bytes may be an answer that nobody waits for. Spares another holder's. */
  protected spoil(): void {
    if (this.session.holder === this.connection) this.session.markDirty()
  }

  abstract readonly kind: "read" | "write"
  /** Joins the queue; its turn may come at once. */
  protected abstract begin(): void
  /** Leaves the queue. */
  protected abstract leave(): void

  run(guard: Guard): Effect.Effect<A, ConnectionError> {
    return guard.run(awaited<A>, this, this)
  }

  wait(resume: (answered: Answered<A>) => void): void {
    this.resume = resume
    // The fiber may have yielded since it looked, and the session may have another holder by now.
    if (this.session.holder !== this.connection) return this.end(this.refuse("Released"))
    this.begin()
    if (this.answered === undefined && this.timeout !== Infinity) {
      this.timer = new CatchingUp(this.session.transport, this.fiber, this.timeout, this)
    }
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
    return Exit.fail(this.session.error(this.kind, { reason }))
  }

  onFailure(cause: Cause.Cause<ConnectionError>): Answered<never> {
    // An interrupt may strike while the bytes are on their way to this fiber; then they are lost.
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

/** Looks at the bytes that have arrived by its deadline first. */
class CatchingUp extends Timer {
  private stopCatchingUp: (() => void) | undefined = undefined

  constructor(private readonly transport: Transport, fiber: Holder, timeout: number, operation: Operation<any>) {
    super(fiber, timeout, operation)
  }

  override stop(): void {
    super.stop()
    this.stopCatchingUp?.()
  }

  override onTimeout(): void {
    if (this.transport.catchUp === undefined) super.onTimeout()
    else this.stopCatchingUp = this.transport.catchUp(() => super.onTimeout())
  }
}

const awaited = <A>(operation: Operation<A>): Effect.Effect<A, ConnectionError> =>
  parkIn(operation.fiber, (resume) => operation.wait(resume))

class Reading<A> extends Operation<A> implements Reader<A> {
  constructor(
    fiber: Holder,
    session: Session<any, any>,
    connection: unknown,
    readonly decoder: Decoder<A>,
    timeout: number
  ) {
    super(fiber, session, connection, timeout)
  }

  get kind(): "read" | "write" {
    return "read"
  }

  protected begin(): void {
    this.session.reads.read(this)
  }

  protected leave(): void {
    this.session.reads.abandon(this)
  }

  done(answer: Answer<A>): void {
    this.end(answered(this.session, answer))
  }
}

/** A request whose answer is the next frame. One deadline is for both. */
export class Exchanging<A> extends Reading<A> {
  private writer: Writer | undefined = undefined

  constructor(
    fiber: Holder,
    session: Session<any, any>,
    connection: unknown,
    decoder: Decoder<A>,
    timeout: number,
    /** The request, if it waits for room. */
    private readonly data?: Uint8Array | string
  ) {
    super(fiber, session, connection, decoder, timeout)
  }

  override get kind(): "read" | "write" {
    return this.writer === undefined ? "read" : "write"
  }

  protected override begin(): void {
    if (this.data === undefined) return super.begin()
    this.writer = { data: this.data, written: false, done: (failure) => this.sent(failure) }
    this.session.writes.write(this.writer)
  }

  private sent(failure: Unwritable | undefined): void {
    if (failure !== undefined) return this.end(Exit.fail(this.session.error("write", failure)))
    this.writer = undefined
    super.begin()
  }

  protected override leave(): void {
    if (this.writer !== undefined) this.session.writes.abandon(this.writer)
    super.leave()
  }

  override onFailure(cause: Cause.Cause<ConnectionError>): Answered<never> {
    // An interrupt may strike when the request is sent and nobody waits for its answer yet.
    this.spoil()
    return super.onFailure(cause)
  }
}

class Writing extends Operation<void> implements Writer {
  constructor(
    fiber: Holder,
    session: Session<any, any>,
    connection: unknown,
    readonly data: Uint8Array | string,
    public written: boolean,
    timeout: number
  ) {
    super(fiber, session, connection, timeout)
  }

  get kind(): "write" {
    return "write"
  }

  protected begin(): void {
    this.session.writes.write(this)
  }

  protected leave(): void {
    this.session.writes.abandon(this)
  }

  done(failure?: Unwritable): void {
    this.end(failure === undefined ? Exit.void : Exit.fail(this.session.error("write", failure)))
  }
}

// --- The calls of a connection ---------------------------------------------------------------------------------------

const operation = new Table({ timeout: optional(duration("more than 0")) } satisfies Rows<OperationOptions>)

/** The limit of an operation in milliseconds, if the options have one. */
export const ownTimeout = (options: OperationOptions | undefined): number | undefined =>
  options === undefined ? undefined : operation.read("Connection", options).timeout

/** Returns the limit of an operation in milliseconds, `Infinity` for none. */
export const timeoutOf = (session: Session<any, any>, options: OperationOptions | undefined): number =>
  ownTimeout(options) ?? session.timeout

/** A framing, as far as frames are read. */
export interface Frames<A> {
  readonly decoder: () => Decoder<A>
}

const frames = having<Frames<any>>("a Framing", "decoder")

/** Checks a request, and returns the decoder of its answer. */
export const decoderOf = <A>(data: Uint8Array | string, framing: Frames<A>): Decoder<A> => {
  if (!isData(data)) argument("exchange", "data", dataRule, data)
  return (argument("exchange", "framing", frames, framing) as Frames<A>).decoder()
}

const unwritable = (session: Session<any, any>, connection: unknown): Unwritable | undefined =>
  session.holder === connection ? session.writes.failure : { reason: "Released" }

const answered = <A>(session: Session<any, any>, answer: Answer<A>): Answered<A> =>
  Exit.mapError(answer, (why) => session.error("read", why))

export const write = (
  fiber: Holder,
  guard: Guard,
  session: Session<any, any>,
  connection: unknown,
  data: Uint8Array | string,
  options: OperationOptions | undefined
): Effect.Effect<void, ConnectionError> => {
  const timeout = timeoutOf(session, options)
  if (!isData(data)) argument("send", "data", dataRule, data)
  const { writes } = session
  const failure = unwritable(session, connection)
  if (failure !== undefined) return Effect.fail(session.error("write", failure))
  if (data.length === 0) return Effect.void
  const written = writes.canWrite
  if (written && writes.writeNow(data)) return Effect.void
  return new Writing(fiber, session, connection, data, written, timeout).run(guard)
}

export const read = <A>(
  fiber: Holder,
  guard: Guard,
  session: Session<any, any>,
  connection: unknown,
  decoder: Decoder<A>,
  timeout: number
): Effect.Effect<A, ConnectionError> => {
  if (session.holder !== connection) return Effect.fail(session.error("read", { reason: "Released" }))
  const answer = session.reads.tryRead(decoder)
  return answer === undefined ?
    new Reading(fiber, session, connection, decoder, timeout).run(guard) :
    answered(session, answer)
}

const outOfStep = (session: Session<any, any>): ConnectionError =>
  new ConnectionError({ reason: "Desync", operation: "write", address: session.transport.address, sent: "No" })

/**
 * Sends a request and reads its answer. Sends nothing if the next frame might be another's: input is unread, a read was
 * given up, or a read or a write waits. Returns the answer if it is there at once, or the operation that waits for it.
 */
export const startExchange = <A>(
  fiber: Holder,
  session: Session<any, any>,
  connection: unknown,
  data: Uint8Array | string,
  decoder: Decoder<A>,
  timeout: number
): Answered<A> | Exchanging<A> => {
  const { reads, writes } = session
  const failure = unwritable(session, connection)
  if (failure !== undefined) return Exit.fail(session.error("write", failure))
  if (!session.isInOrder || writes.hasWriters) return Exit.fail(outOfStep(session))
  if (!writes.canWrite) return new Exchanging(fiber, session, connection, decoder, timeout, data)
  // The answer tells that the peer has read the request, so nothing need wait for the buffer to drain.
  if (data.length > 0) writes.writeLast(data)
  const answer = reads.tryRead(decoder)
  return answer === undefined ?
    new Exchanging(fiber, session, connection, decoder, timeout) :
    answered(session, answer)
}

export const exchange = <A>(
  fiber: Holder,
  guard: Guard,
  session: Session<any, any>,
  connection: unknown,
  data: Uint8Array | string,
  decoder: Decoder<A>,
  timeout: number
): Effect.Effect<A, ConnectionError> => {
  const started = startExchange(fiber, session, connection, data, decoder, timeout)
  return started instanceof Exchanging ? started.run(guard) : started
}

/** Waits for the writes before it, and writes nothing. */
const turn = (fiber: Holder, guard: Guard, session: Session<any, any>, connection: unknown) =>
  new Writing(fiber, session, connection, "", false, session.timeout).run(guard)

export const shutdown = (session: Session<any, any>, connection: unknown): Effect.Effect<void, ConnectionError> =>
  Effect.suspend(() => {
    const failure = unwritable(session, connection)
    if (failure !== undefined) return Effect.fail(session.error("write", failure))
    if (session.writes.canWrite) return Effect.sync(() => session.shutdown())
    return Effect.andThen(guarded(turn, session, connection, undefined), shutdown(session, connection))
  })

/** Between two reads, the end of the peer's stream is no error. */
export const endsStream = (error: ConnectionError): boolean => error.reason === "EndOfStream"
