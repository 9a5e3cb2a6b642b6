/**
 * The port to a transport of your own: an object that carries the bytes of a `Connection`.
 *
 * `TransportSession` adds everything else to it: pulled reads, frames, leases that end, and the check that nothing is
 * left between two leases. The sockets of `@socketpool/node` and the in-memory connections of `@socketpool/testing` are
 * made this way.
 *
 * @since 3.0.0
 */
import type { Address } from "./Connection.js"

/**
 * The reason why a transport carries nothing any more.
 *
 * @since 3.0.0
 * @category models
 */
export interface Failure {
  readonly reason: "EndOfStream" | "Reset" | "Closed" | "Timeout" | "Desync"
  /** The system's code, such as `ECONNRESET`, if there was one. */
  readonly code?: string
}

/**
 * The reason why a read fails.
 *
 * @since 3.0.0
 * @category models
 */
export type Unreadable = Failure | { readonly reason: "TooLarge" | "Released" }

/**
 * The reason why a write fails.
 *
 * @since 3.0.0
 * @category models
 */
export type Unwritable = Failure | { readonly reason: "Released" }

/**
 * Carries bytes to a peer and back. The session calls the methods synchronously and in any state, also after the end.
 * They must not throw.
 *
 * @example
 * ```ts
 * import { type Transport, TransportSession } from "@socketpool/core"
 *
 * // Sends every byte back.
 * const loopback = (): Transport.Transport => {
 *   const address = { _tag: "UnixAddress", path: "loopback" } as const
 *   let receiver: Transport.Receiver | undefined
 *   let isOpen = true
 *   return {
 *     address: "loopback",
 *     localAddress: address,
 *     remoteAddress: address,
 *     start: (given) => void (receiver = given),
 *     get isOpen() {
 *       return isOpen
 *     },
 *     write: (data) => {
 *       receiver?.data(typeof data === "string" ? new TextEncoder().encode(data) : data)
 *       return true
 *     },
 *     isFull: false,
 *     flushNow: () => true,
 *     flush: (done) => done(),
 *     hold: () => {},
 *     hasUnread: false,
 *     shutdown: () => receiver?.ended(),
 *     close: (_how, done) => {
 *       isOpen = false
 *       done()
 *     }
 *   }
 * }
 *
 * // Effect<TransportConnection, never, Scope>
 * const connection = TransportSession.connection({ transport: loopback() })
 * ```
 *
 * @since 3.0.0
 * @category models
 */
export interface Transport {
  /** The peer in the text of errors: `host:port` or a path. */
  readonly address: string
  readonly localAddress: Address
  readonly remoteAddress: Address

  /** Starts receiving. Called once, before every other method. Report at once what has happened before. */
  readonly start: (receiver: Receiver) => void

  /** Whether it can carry bytes both ways, as far as is known on this side. */
  readonly isOpen: boolean

  /**
   * Takes the data whole and returns whether there is room for more. After `false`, call `Receiver.drained` once there
   * is room again.
   */
  readonly write: (data: Uint8Array | string) => boolean
  /**
   * `write` for data that nothing follows until the peer has answered, so that there is nothing to gather it with.
   * Without it, `write` is called.
   */
  readonly writeLast?: (data: Uint8Array | string) => boolean
  /** Whether `write` has returned `false` and there is no room yet. */
  readonly isFull: boolean
  /** Passes on as much as it can now and returns whether that was everything. */
  readonly flushNow: () => boolean
  /** Calls back once everything written so far has been passed on, or never will be. */
  readonly flush: (done: () => void) => void

  /**
   * Holds the peer back (`true`) or lets it continue (`false`, as at first). Bytes that arrive while it is held back
   * must wait where the peer notices.
   */
  readonly hold: (back: boolean) => void
  /** Whether bytes have arrived that the receiver has not been given. */
  readonly hasUnread: boolean

  /** Tells the peer, after everything written so far, that nothing more follows. Receiving continues. */
  readonly shutdown: () => void

  /**
   * Closes, and calls back once it has closed. `"Orderly"` passes on everything written, tells the peer, and may wait a
   * while for the peer's own end. `"Quickly"` does so, too, but a borrower may wait for this connection's place: wait no
   * longer than some 50 milliseconds, and then cut the peer off. `"AtOnce"` sends nothing more. A second call calls back as well. The session ignores
   * all reports after the first call.
   */
  readonly close: (how: "Orderly" | "Quickly" | "AtOnce", done: () => void) => void

  /**
   * Calls back once everything that has arrived by now has been given to the receiver, unless the returned function is
   * called first. After a stall of the event loop, timers fire before input is read; with this, an operation whose
   * answer has arrived does not time out.
   */
  readonly catchUp?: (done: () => void) => () => void

  /**
   * Notes that nobody holds the session (`true`), as between two leases, or that somebody does (`false`, as at first).
   */
  readonly setIdle?: (idle: boolean) => void
}

/**
 * The session's side of a transport: it takes reports.
 *
 * @since 3.0.0
 * @category models
 */
export interface Receiver {
  /** Bytes have arrived. They must not be changed afterwards. */
  readonly data: (chunk: Uint8Array) => void
  /** The peer has ended its stream. */
  readonly ended: () => void
  /** There is room to write again. */
  readonly drained: () => void
  /** The transport has broken. */
  readonly failed: (failure: Failure) => void
  /** The transport has closed, from either side. */
  readonly closed: () => void
}
