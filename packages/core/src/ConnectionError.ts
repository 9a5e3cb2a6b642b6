/**
 * The errors of sockets, shared by every transport.
 *
 * @since 3.0.0
 */
import * as Data from "effect/Data"
import { describeError } from "./internal/describe.js"
import * as ErrorForms from "./internal/errorForms.js"
import { see } from "./internal/help.js"
import { line, quoted } from "./internal/text.js"

/**
 * One address that was tried, and the system's code for its failure.
 *
 * @since 3.0.0
 * @category models
 */
export interface ConnectAttempt {
  readonly address: string
  readonly code?: string
}

const connectAdvice = {
  Refused: "Is the server running and listening there?",
  Timeout: "Is there a firewall in between, or is the server overloaded? Otherwise raise connectTimeout.",
  HandshakeTimeout: "The server accepted the connection but sent no answer in time. Is it the right service?",
  Dns: "Is the name right, and does the resolver answer?",
  Unreachable: "Is there a route to that network from here?",
  Tls: "Do the certificate, the name and the protocol version match?",
  LocalResources: "This machine has run out of descriptors, ports or memory. Check its limits.",
  PathTooLong: "Use a shorter path.",
  Other: "See the code and the cause."
}

/**
 * A connection could not be opened. A pool of sockets passes it to the borrower unchanged.
 *
 * - `Refused`: nobody listens at the address, or the peer refused.
 * - `Timeout`: not connected within `connectTimeout`, or, with `code` `ETIMEDOUT`, within the system's own timeout.
 * - `HandshakeTimeout`: connected, but the protocol's handshake did not end in time.
 * - `Dns`: the name could not be resolved.
 * - `Unreachable`: no route, or the network forbids it.
 * - `Tls`: the TLS handshake failed.
 * - `LocalResources`: this machine has no descriptor, port or memory left.
 * - `PathTooLong`: a Unix socket's path is longer than the system allows.
 * - `Other`: anything else, such as a handshake that failed; see `code` and `cause`.
 *
 * @since 3.0.0
 * @category errors
 */
export class ConnectError extends Data.TaggedError("ConnectError")<{
  readonly reason:
    | "Refused"
    | "Timeout"
    | "HandshakeTimeout"
    | "Dns"
    | "Unreachable"
    | "Tls"
    | "LocalResources"
    | "PathTooLong"
    | "Other"
  /** The address to connect to, as `host:port` or a path. */
  readonly address: string
  /** The system's code, such as `ECONNREFUSED`, if there was one. */
  readonly code?: string
  /** The addresses that were tried, when a name has several. */
  readonly attempts: ReadonlyArray<ConnectAttempt>
  /** The failure of a handshake, a resolver or the like, if it did not come from the system. */
  readonly cause?: unknown
}> {
  static {
    ErrorForms.define(this, "cause")
  }

  override get message(): string {
    const cause = "cause" in this ? `: ${describeError(this.cause).replace(/\.$/, "")}` : ""
    const code = this.code === undefined ? cause : ` (${line(this.code)})${cause}`
    const attempts = this.attempts.length === 0 ?
      "" :
      `; tried ${this.attempts.map((one) => `${line(one.address)} (${line(one.code ?? "unknown")})`).join(", ")}`
    const advice = this.code === "ETIMEDOUT"
      ? "The system's own timeout has passed. Is there a firewall in between?"
      : connectAdvice[this.reason]
    const help = see(this._tag, this.reason)
    return `Cannot connect to ${line(this.address)}: ${this.reason}${code}${attempts}. ${advice}${help}`
  }
}

const explanation = {
  EndOfStream: "the peer has ended the stream",
  Reset: "the peer has reset the connection",
  Closed: "the connection is closed",
  Timeout: "the operation did not complete within its timeout",
  TooLarge: "the frame does not end within maxBytes",
  Desync: "bytes came, or may still come, that nobody asked for",
  Released: "the lease has ended, and the connection may serve another borrower; use it only during the lease"
}

/** The reasons whose messages have a link to the manual. */
const linked: ReadonlySet<string> = new Set(["TooLarge", "Desync", "Released"])

/**
 * Reading from or writing to an open connection failed.
 *
 * - `EndOfStream`: the peer ended the stream before the requested bytes had arrived.
 * - `Reset`: the peer, or something in between, broke the connection.
 * - `Closed`: this side closed the connection.
 * - `Timeout`: the operation did not complete within its `timeout`; with `code` `ETIMEDOUT`, the peer did not answer
 *   although the system sent the data repeatedly.
 * - `TooLarge`: `recvUntil` found no delimiter within `maxBytes`, or a decoder found a frame larger than allowed.
 * - `Desync`: bytes arrived that nobody had asked for, or that can never become a frame. `exchange` sends nothing where
 *   they may still arrive.
 * - `Released`: the caller's lease has ended.
 *
 * After any of them except `Released` the connection cannot be trusted, and the pool does not lend it again.
 *
 * @since 3.0.0
 * @category errors
 */
export class ConnectionError extends Data.TaggedError("ConnectionError")<{
  readonly reason: "EndOfStream" | "Reset" | "Closed" | "Timeout" | "TooLarge" | "Desync" | "Released"
  readonly operation: "read" | "write"
  /** The peer, as `host:port` or a path. */
  readonly address: string
  /** The system's code, such as `ECONNRESET`, if there was one. */
  readonly code?: string
  /** The number of requested bytes that had arrived by then. */
  readonly bytesIntoFrame?: number
  /**
   * For a request of a `Session` or a `Client`: whether its bytes may have reached the peer. After `"No"` it is safe to
   * ask again.
   */
  readonly sent?: "No" | "Maybe"
  /**
   * The bytes that are no message, or a message that nobody had asked for: the first 64 at most. Bytes that are no
   * printable ASCII are written as `\x0d`.
   */
  readonly received?: string
}> {
  static {
    ErrorForms.define(this)
  }

  override get message(): string {
    const code = this.code === undefined ? "" : ` (${line(this.code)})`
    const bytes = this.bytesIntoFrame === undefined || this.bytesIntoFrame === 0 ?
      "" :
      `, ${this.bytesIntoFrame} bytes into the frame`
    const what = this.code === "ETIMEDOUT" ? "the system has had no answer from the peer" : explanation[this.reason]
    // The end of a connection is an ordinary event; the other reasons are mistakes in the program or the protocol.
    const help = linked.has(this.reason) ? see(this._tag, this.reason) : ""
    const where = `on the connection to ${line(this.address)}`
    const sent = this.sent === "No" ? " The request was not sent." : ""
    const shown = this.received === undefined ? "" : ` The peer sent ${quoted(this.received)}.`
    return `Cannot ${this.operation} ${where}: ${this.reason}${code}${bytes}: ${what}.${shown}${sent}${help}`
  }
}

/**
 * Returns whether a value is a `ConnectError`, also one of another copy of this package in the same program.
 *
 * @example
 * ```ts
 * import { isConnectError } from "@socketpool/core"
 *
 * const isDown = (error: unknown) => isConnectError(error) && error.reason === "Refused"
 * ```
 *
 * @since 3.0.0
 * @category guards
 */
export const isConnectError = (value: unknown): value is ConnectError => ErrorForms.isError(value, "ConnectError")

/**
 * Returns whether a value is a `ConnectionError`, also one of another copy of this package in the same program.
 *
 * @example
 * ```ts
 * import { isConnectionError } from "@socketpool/core"
 *
 * const hasEnded = (error: unknown) => isConnectionError(error) && error.reason === "EndOfStream"
 * ```
 *
 * @since 3.0.0
 * @category guards
 */
export const isConnectionError = (value: unknown): value is ConnectionError =>
  ErrorForms.isError(value, "ConnectionError")
