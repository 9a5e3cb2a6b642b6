/**
 * For those who bring a transport of their own: what carries the bytes of a `Connection`, and what has to be done to
 * have all the rest from here: pulled reads, frames, leases that end, and cleanliness between two leases.
 *
 * Sockets of `@socketpool/node` and the in-memory connections of `@socketpool/testing` are made this way.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "./Connection.js"
import { own } from "./internal/options.js"
import { LeasedConnection } from "./internal/transport/leased.js"
import { TransportSession } from "./internal/transport/session.js"
import { timeoutMillis } from "./internal/transport/timeout.js"

/**
 * Why nothing can be read or written any more.
 *
 * @since 0.1.0
 * @category models
 */
export interface Failure {
  readonly reason: "EndOfStream" | "Reset" | "Closed" | "Timeout" | "Desync"
  /** The system's code, such as `ECONNRESET`, if there was one. */
  readonly code?: string
}

/**
 * Why a read came to nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type Unreadable = Failure | { readonly reason: "TooLarge" | "Released" }

/**
 * Why a write came to nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type Unwritable = Failure | { readonly reason: "Released" }

/**
 * What carries bytes to a peer and back. Its methods are called synchronously, do not throw, and are called in any
 * state, also after its end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transport {
  /** The peer, as errors name it: `host:port` or a path. */
  readonly address: string
  readonly localAddress: Address
  readonly remoteAddress: Address

  /** Called once, before everything else: whom to tell what happens. What has happened by then is told at once. */
  readonly start: (receiver: Receiver) => void

  /** Whether it can still carry bytes both ways, as far as is known here. */
  readonly isOpen: boolean

  /** Takes the data whole; whether there is room for more. If not, `Receiver.drained` must be called once there is. */
  readonly write: (data: Uint8Array | string) => boolean
  /** Whether `write` has answered that there is no room, and there is none yet. */
  readonly isFull: boolean
  /** Passes on what it can now; whether that is everything. */
  readonly flushNow: () => boolean
  /** Calls back once everything written so far has been passed on, or never will be. */
  readonly flush: (done: () => void) => void

  /**
   * Holds the peer back (`true`), or lets it go on (`false`, as at first). What comes while it is held back waits where
   * the peer notices.
   */
  readonly hold: (back: boolean) => void
  /** Whether bytes have come that it has not given to the receiver. */
  readonly hasUnread: boolean

  /** Tells the peer, after everything written so far, that nothing more will be sent; receiving goes on. */
  readonly shutdown: () => void

  /**
   * Closes, and calls back once it has closed. `"Orderly"`: passes on what was written, tells the peer, and may wait a
   * while for the peer's own end; `"AtOnce"`: nothing more goes out. Called again, it calls back all the same; what
   * the receiver is told after the first call is ignored.
   */
  readonly close: (how: "Orderly" | "AtOnce", done: () => void) => void

  /**
   * Calls back once everything that has arrived by now has been given to the receiver, unless the function that it
   * returns is called first. After a stall of the event loop timers ring before input is read; with this, an operation
   * whose answer is there does not time out.
   */
  readonly catchUp?: (done: () => void) => () => void

  /** Nobody holds it from now on (`true`), as between two leases, or somebody does (`false`, as at first). */
  readonly setIdle?: (idle: boolean) => void
}

/**
 * Whom a transport tells what happens to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Receiver {
  /** Bytes have come. They must not be changed afterwards. */
  readonly data: (chunk: Uint8Array) => void
  /** The peer has ended its stream. */
  readonly ended: () => void
  /** There is room to write again. */
  readonly drained: () => void
  /** It has broken. */
  readonly failed: (failure: Failure) => void
  /** It has closed, from whichever side. */
  readonly closed: () => void
}

export {
  /**
   * The connection that one holder has, for one lease. Extend it to give holders more than `Connection` has.
   *
   * @since 0.1.0
   * @category models
   */
  LeasedConnection,
  /**
   * An open transport and whoever holds it.
   *
   * @since 0.1.0
   * @category models
   */
  TransportSession as Line
}

/**
 * How to make a line.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionOptions<T extends Transport, C> {
  /** The transport, not started yet. */
  readonly transport: T

  /** What its holder gets. Default: a `LeasedConnection`. */
  readonly holder?: (line: TransportSession<T, C>) => C

  /**
   * How long one `send` or read that has to wait may take as a whole, however slowly bytes trickle in. Then it fails
   * with `ConnectionError` reason `Timeout`. More than 0. Default: none.
   */
  readonly timeout?: Duration.DurationInput

  /** Whether the holder may go on sending after the peer has ended its stream. Default: `false`. */
  readonly allowHalfOpen?: boolean
}

/**
 * Puts a line over a transport. Whoever calls it closes it, with `close`. A wrong `timeout` throws a `RangeError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const session = <T extends Transport, C = LeasedConnection<T>>(
  given: SessionOptions<T, C>
): TransportSession<T, C> => {
  const options = own(given)
  return new TransportSession(
    options.transport,
    // Without a `holder`, C is what is made here.
    options.holder ?? ((line) => new LeasedConnection<T>(line as TransportSession<T, any>) as C),
    timeoutMillis(options.timeout),
    options.allowHalfOpen === true
  )
}

/**
 * A connection over a transport, closed with the scope, for one holder who need not share it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const connection = <T extends Transport, C = LeasedConnection<T>>(
  options: SessionOptions<T, C>
): Effect.Effect<C, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => session(options)), (line) => line.close),
    (line) => line.lend()
  )
