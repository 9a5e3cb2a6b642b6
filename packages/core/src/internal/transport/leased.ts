/** What a holder has in hand: a connection for one lease, worthless afterwards. */
import type * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Address, Connection, OperationOptions } from "../../Connection.js"
import { ConnectionError } from "../../ConnectionError.js"
import { atMost, type Decoder, exactly, until } from "../../Framing.js"
import type { Transport, Unreadable, Unwritable } from "../../Transport.js"
import { type Guard, guarded } from "../interruption.js"
import type { Holder } from "../state.js"
import * as Utf8 from "../utf8.js"
import { Reading, Writing } from "./operation.js"
import type { Answer } from "./readQueue.js"
import type { TransportSession } from "./session.js"
import { timeoutMillis } from "./timeout.js"

const defaultMaxBytes = 1_024
const defaultMaxFrame = 65_536
/** What `stream` reads at once: as much as one read from a socket gives. */
const streamBytes = 65_536

export class LeasedConnection<T extends Transport = Transport> implements Connection, Inspectable.Inspectable {
  constructor(readonly session: TransportSession<T, any>) {}

  /** The transport, for as long as the lease lasts; throws `ConnectionError` reason `Released` afterwards. */
  protected get transport(): T {
    if (this.session.holder !== this) throw this.error("read", { reason: "Released" })
    return this.session.transport
  }

  // --- Writing ------------------------------------------------------------------------------------------------------

  send(data: Uint8Array | string, options?: OperationOptions): Effect.Effect<void, ConnectionError> {
    return guarded(sent, this, data, options)
  }

  /** For its operations. */
  write(
    fiber: Holder,
    guard: Guard,
    data: Uint8Array | string,
    options: OperationOptions | undefined
  ): Effect.Effect<void, ConnectionError> {
    const timeout = this.timeout(options)
    const { writes: outlet } = this.session
    const unfit = this.unfit(outlet.failure)
    if (unfit !== undefined) return Effect.fail(this.error("write", unfit))
    if (data.length === 0) return Effect.void
    const written = outlet.canWrite
    if (written && outlet.writeNow(data)) return Effect.void
    return new Writing(fiber, this, data, written, timeout).run(guard)
  }

  get sink(): Sink.Sink<void, Uint8Array | string, never, ConnectionError> {
    return Sink.forEach((data) => this.send(data))
  }

  get shutdown(): Effect.Effect<void, ConnectionError> {
    return this.endSending()
  }

  private endSending(): Effect.Effect<void, ConnectionError> {
    return Effect.suspend(() => {
      const { writes: outlet } = this.session
      const unfit = this.unfit(outlet.failure)
      if (unfit !== undefined) return Effect.fail(this.error("write", unfit))
      if (outlet.canWrite) return Effect.sync(() => this.session.shutdown())
      return Effect.andThen(guarded(turn, this, undefined, undefined), this.endSending())
    })
  }

  // --- Reading ------------------------------------------------------------------------------------------------------

  recv(maxBytes: number = defaultMaxBytes, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError> {
    return guarded(received, this, () => atMost(count("recv", "maxBytes", maxBytes, 1)), options)
  }

  recvExactly(bytes: number, options?: OperationOptions): Effect.Effect<Uint8Array, ConnectionError> {
    return guarded(received, this, () => exactly(count("recvExactly", "bytes", bytes, 0)), options)
  }

  recvUntil(
    delimiter: Uint8Array | string,
    options: OperationOptions & { readonly maxBytes?: number } = {}
  ): Effect.Effect<Uint8Array, ConnectionError> {
    const decoder = () => {
      const bytes = typeof delimiter === "string" ? Utf8.encode(delimiter) : delimiter
      if (bytes.length === 0) throw new RangeError("recvUntil: delimiter must not be empty")
      const maxBytes = count("recvUntil", "maxBytes", options.maxBytes ?? defaultMaxFrame, bytes.length)
      return until(bytes, maxBytes)
    }
    return guarded(received, this, decoder, options)
  }

  recvFrame<A>(decoder: () => Decoder<A>, options?: OperationOptions): Effect.Effect<A, ConnectionError> {
    return guarded(received<A>, this, decoder, options)
  }

  get stream(): Stream.Stream<Uint8Array, ConnectionError> {
    return Stream.repeatEffectOption(Effect.mapError(this.recv(streamBytes), endsStream))
  }

  /** For its operations. */
  read<A>(
    fiber: Holder,
    guard: Guard,
    decoder: Decoder<A>,
    options: OperationOptions | undefined
  ): Effect.Effect<A, ConnectionError> {
    const timeout = this.timeout(options)
    if (this.session.holder !== this) return Effect.fail(this.error("read", { reason: "Released" }))
    const answer = this.session.reads.tryRead(decoder)
    return answer === undefined ? new Reading(fiber, this, decoder, timeout).run(guard) : this.answered(answer)
  }

  /** For its operations, as the holder hears of it. */
  answered<A>(answer: Answer<A>): Exit.Exit<A, ConnectionError> {
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
    return this.session.closed
  }

  get isConnected(): boolean {
    return this.session.holder === this && this.session.isOpen
  }

  get localAddress(): Address {
    return this.session.transport.localAddress
  }

  get remoteAddress(): Address {
    return this.session.transport.remoteAddress
  }

  // --- Ends ---------------------------------------------------------------------------------------------------------

  private unfit(failure: Unwritable | undefined): Unwritable | undefined {
    return this.session.holder === this ? failure : { reason: "Released" }
  }

  /** For its operations. */
  error(operation: "read" | "write", why: Unreadable): ConnectionError {
    const into = operation === "read" && why.reason !== "Released" ? this.session.reads.unread : 0
    const { address } = this.session.transport
    return new ConnectionError(
      { ...why, operation, address, ...(into > 0 ? { bytesIntoFrame: into } : {}) },
      { disableValidation: true }
    )
  }

  private timeout(options: OperationOptions | undefined): number {
    return options?.timeout === undefined ? this.session.timeout : timeoutMillis(options.timeout)
  }

  toJSON(): unknown {
    const { address } = this.session.transport
    return { _id: "@socketpool/core/Connection", address, isConnected: this.isConnected }
  }

  toString(): string {
    return Inspectable.format(this.toJSON())
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

// What its effects do. They are no closures, as these would cost as much as the rest.

const sent = (
  fiber: Holder,
  guard: Guard,
  connection: LeasedConnection<any>,
  data: Uint8Array | string,
  options: OperationOptions | undefined
) => connection.write(fiber, guard, data, options)

const received = <A>(
  fiber: Holder,
  guard: Guard,
  connection: LeasedConnection<any>,
  make: () => Decoder<A>,
  options: OperationOptions | undefined
) => connection.read(fiber, guard, make(), options)

/** Nothing to write, but in line. */
const turn = (fiber: Holder, guard: Guard, connection: LeasedConnection<any>) =>
  new Writing(fiber, connection, "", false, connection.session.timeout).run(guard)

/** Between two reads, the end of the stream is no error. */
const endsStream = (error: ConnectionError): Option.Option<ConnectionError> =>
  error.reason === "EndOfStream" ? Option.none() : Option.some(error)

const count = (method: string, name: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new RangeError(`${method}: ${name} must be a whole number of at least ${least}, but is ${String(value)}`)
}
