/** What a holder has in hand: a connection for one lease, worthless afterwards. */
import type * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Address, Connection, OperationOptions } from "../../Connection.js"
import { ConnectionError } from "../../ConnectionError.js"
import { atMost, type Decoder, exactly, until } from "../../Framing.js"
import type { Transport, Unreadable, Unwritable } from "../../Transport.js"
import { Continuation, guarded } from "../guard.js"
import * as Utf8 from "../utf8.js"
import type { Answer, Reader } from "./inlet.js"
import type { Line } from "./line.js"
import type { Writer } from "./outlet.js"
import { timeoutMillis } from "./timeout.js"

const defaultMaxBytes = 1_024
const defaultMaxFrame = 65_536
/** What `stream` reads at once: as much as one read from a socket gives. */
const streamBytes = 65_536

type Answered<A> = Exit.Exit<A, ConnectionError>

/** Who waits for what he reads. */
class Reading<A> extends Continuation<A, ConnectionError, A, ConnectionError, never> implements Reader<A> {
  private resume: ((answered: Answered<A>) => void) | undefined = undefined
  private hasFailed = false

  constructor(
    fiber: Fiber.RuntimeFiber<any, any>,
    private readonly leased: LeasedConnection<any>,
    readonly decoder: Decoder<A>
  ) {
    super(fiber)
  }

  wait(resume: (answered: Answered<A>) => void): void {
    this.resume = resume
    const refused = this.leased.begin(this)
    if (refused === undefined) return
    this.hasFailed = true
    resume(refused)
  }

  done(answer: Answer<A>): void {
    this.hasFailed = answer._tag === "Failure"
    this.resume!(this.leased.answered(answer))
  }

  onFailure(cause: Cause.Cause<ConnectionError>): Answered<never> {
    // Interrupted; perhaps with the bytes on their way to this fiber: then they are lost to it.
    if (this.resume !== undefined && !this.hasFailed) this.leased.line.inlet.abandon(this)
    return Exit.failCause(cause)
  }

  onSuccess(value: A): Answered<A> {
    return Exit.succeed(value)
  }
}

const wait = <A>(reading: Reading<A>): Effect.Effect<A, ConnectionError> =>
  Effect.async((resume) => reading.wait(resume))

export class LeasedConnection<T extends Transport = Transport> implements Connection, Inspectable.Inspectable {
  constructor(readonly line: Line<T, any>) {}

  /** The transport, for as long as the lease lasts; throws `ConnectionError` reason `Released` afterwards. */
  protected get transport(): T {
    if (this.line.holder !== this) throw this.error("read", { reason: "Released" })
    return this.line.transport
  }

  // --- Writing ------------------------------------------------------------------------------------------------------

  send(data: Uint8Array | string, options?: OperationOptions): Effect.Effect<void, ConnectionError> {
    return Effect.suspend(() => {
      const timeout = this.timeout(options)
      const { outlet } = this.line
      const unfit = this.unfit(outlet.failure)
      if (unfit !== undefined) return Effect.fail(this.error("write", unfit))
      if (data.length === 0) return Effect.void
      const written = outlet.canWrite
      if (written && outlet.writeNow(data)) return Effect.void
      return this.inTime("write", this.waitToWrite(data, written), timeout)
    })
  }

  private waitToWrite(data: Uint8Array | string, written: boolean): Effect.Effect<void, ConnectionError> {
    return Effect.async((resume) => {
      // The fiber may have stepped aside since it looked, and the connection may be somebody else's by now.
      if (this.line.holder !== this) return resume(Effect.fail(this.error("write", { reason: "Released" })))
      const { outlet } = this.line
      const writer: Writer = {
        data,
        written,
        done: (failure) => resume(failure === undefined ? Effect.void : Effect.fail(this.error("write", failure)))
      }
      outlet.write(writer)
      return Effect.sync(() => outlet.abandon(writer))
    })
  }

  get sink(): Sink.Sink<void, Uint8Array | string, never, ConnectionError> {
    return Sink.forEach((data) => this.send(data))
  }

  get shutdown(): Effect.Effect<void, ConnectionError> {
    return this.endSending()
  }

  private endSending(): Effect.Effect<void, ConnectionError> {
    return Effect.suspend(() => {
      const { outlet } = this.line
      const unfit = this.unfit(outlet.failure)
      if (unfit !== undefined) return Effect.fail(this.error("write", unfit))
      if (outlet.canWrite) return Effect.sync(() => this.line.shutdown())
      const turn = this.inTime("write", this.waitToWrite("", false), this.line.timeout)
      return Effect.andThen(turn, this.endSending())
    })
  }

  // --- Reading ------------------------------------------------------------------------------------------------------

  recv(maxBytes: number = defaultMaxBytes, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError> {
    return Effect.suspend(() => this.read(atMost(count("recv", "maxBytes", maxBytes, 1)), options))
  }

  recvExactly(bytes: number, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError> {
    return Effect.suspend(() => this.read(exactly(count("recvExactly", "bytes", bytes, 0)), options))
  }

  recvUntil(
    delimiter: Uint8Array | string,
    options: OperationOptions & { readonly maxBytes?: number } = {}
  ): Effect.Effect<Uint8Array, ConnectionError> {
    return Effect.suspend(() => {
      const bytes = typeof delimiter === "string" ? Utf8.encode(delimiter) : delimiter
      if (bytes.length === 0) throw new RangeError("recvUntil: delimiter must not be empty")
      const maxBytes = count("recvUntil", "maxBytes", options.maxBytes ?? defaultMaxFrame, bytes.length)
      return this.read(until(bytes, maxBytes), options)
    })
  }

  recvFrame<A>(decoder: () => Decoder<A>, options?: OperationOptions): Effect.Effect<A, ConnectionError> {
    return Effect.suspend(() => this.read(decoder(), options))
  }

  get stream(): Stream.Stream<Uint8Array, ConnectionError> {
    return Stream.repeatEffectOption(Effect.mapError(this.recv(streamBytes), endsStream))
  }

  private read<A>(decoder: Decoder<A>, options?: OperationOptions): Effect.Effect<A, ConnectionError> {
    const timeout = this.timeout(options)
    if (this.line.holder !== this) return Effect.fail(this.error("read", { reason: "Released" }))
    const answer = this.line.inlet.tryRead(decoder)
    return answer === undefined ? this.inTime("read", this.waitToRead(decoder), timeout) : this.answered(answer)
  }

  private waitToRead<A>(decoder: Decoder<A>): Effect.Effect<A, ConnectionError> {
    return guarded((fiber, guard) => {
      const reading = new Reading<A>(fiber, this, decoder)
      return guard.run(wait, reading, reading)
    })
  }

  /** Gets in line to read. */
  begin<A>(reading: Reading<A>): Answered<A> | undefined {
    // The fiber may have stepped aside since it looked, and the connection may be somebody else's by now.
    if (this.line.holder !== this) return Exit.fail(this.error("read", { reason: "Released" }))
    this.line.inlet.read(reading)
    return undefined
  }

  answered<A>(answer: Answer<A>): Answered<A> {
    return Exit.mapError(answer, (why) => this.error("read", why))
  }

  // --- Both ---------------------------------------------------------------------------------------------------------

  channel<IE = never>(): Channel.Channel<
    Chunk.Chunk<Uint8Array>,
    Chunk.Chunk<Uint8Array | string>,
    ConnectionError | IE,
    IE,
    void,
    unknown
  > {
    return Channel.unwrap(Effect.map(Deferred.make<never, ConnectionError | IE>(), (broken) => {
      const sendAll = (chunk: Chunk.Chunk<Uint8Array | string>) =>
        Effect.forEach(chunk, (data) => this.send(data), { discard: true })
      const failWith = (cause: Cause.Cause<ConnectionError | IE>) => Deferred.failCause(broken, cause)
      return Channel.embedInput(
        Channel.interruptWhen(
          Stream.toChannel(this.stream as Stream.Stream<Uint8Array, ConnectionError | IE>),
          Deferred.await(broken)
        ) as Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, ConnectionError | IE, unknown, void, unknown>,
        {
          awaitRead: () => Effect.void,
          emit: (chunk: Chunk.Chunk<Uint8Array | string>) => Effect.catchAllCause(sendAll(chunk), failWith),
          error: failWith,
          done: () => Effect.void
        }
      )
    }))
  }

  get closed(): Effect.Effect<void> {
    return this.line.closed
  }

  get isConnected(): boolean {
    return this.line.holder === this && this.line.isOpen
  }

  get localAddress(): Address {
    return this.line.transport.localAddress
  }

  get remoteAddress(): Address {
    return this.line.transport.remoteAddress
  }

  // --- Ends ---------------------------------------------------------------------------------------------------------

  private unfit(failure: Unwritable | undefined): Unwritable | undefined {
    return this.line.holder === this ? failure : { reason: "Released" }
  }

  private error(operation: "read" | "write", why: Unreadable): ConnectionError {
    const into = operation === "read" && why.reason !== "Released" ? this.line.inlet.unread : 0
    const { address } = this.line.transport
    return new ConnectionError(
      { ...why, operation, address, ...(into > 0 ? { bytesIntoFrame: into } : {}) },
      { disableValidation: true }
    )
  }

  private timeout(options: OperationOptions | undefined): number {
    return options?.timeout === undefined ? this.line.timeout : timeoutMillis(options.timeout)
  }

  /** The deadline of an operation that has to wait. */
  private inTime<A>(
    operation: "read" | "write",
    waiting: Effect.Effect<A, ConnectionError>,
    timeout: number
  ): Effect.Effect<A, ConnectionError> {
    if (timeout === Infinity) return waiting
    const tooLate = Effect.suspend(() => Effect.fail(this.error(operation, { reason: "Timeout" })))
    return Effect.raceFirst(
      waiting,
      Effect.sleep(timeout).pipe(Effect.andThen(this.line.caughtUp), Effect.andThen(tooLate))
    )
  }

  toJSON(): unknown {
    const { address } = this.line.transport
    return { _id: "@socketpool/core/Connection", address, isConnected: this.isConnected }
  }

  toString(): string {
    return Inspectable.format(this.toJSON())
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

/** Between two reads, the end of the stream is no error. */
const endsStream = (error: ConnectionError): Option.Option<ConnectionError> =>
  error.reason === "EndOfStream" ? Option.none() : Option.some(error)

const count = (method: string, name: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new RangeError(`${method}: ${name} must be a whole number of at least ${least}, but is ${String(value)}`)
}
