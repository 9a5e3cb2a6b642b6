/**
 * TLS connections.
 *
 * @since 0.1.0
 */
import type { TcpAddress } from "@effect/platform/SocketServer"
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as tls from "node:tls"
import { secureDialer, upgradeHeld } from "./internal/secure.js"
import type * as TcpConnection from "./TcpConnection.js"

/**
 * A TLS connection; everything that is sent and received is what was, or will be, encrypted.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsConnection extends Connection {
  readonly localAddress: TcpAddress
  readonly remoteAddress: TcpAddress

  /**
   * The raw socket; see `TcpConnection.socket`. Do not print it: `util.inspect` shows the private key and the
   * passphrase that Node keeps in it.
   */
  readonly socket: tls.TLSSocket

  /** The protocol that both sides have agreed on with ALPN; none if the server does not do ALPN. */
  readonly alpnProtocol: Option.Option<string>

  /** The version of TLS, such as `TLSv1.3`. */
  readonly protocol: string

  /** Whether an earlier session was resumed, which saves a round trip and the certificates. */
  readonly isResumed: boolean
}

/**
 * What TLS needs to know, besides where to connect to.
 *
 * @since 0.1.0
 * @category models
 */
export interface SecurityOptions {
  /** The name that the certificate must be for, and that is sent as SNI. Default: `host`. */
  readonly servername?: string

  /** The certificates (PEM) of the authorities that are trusted, instead of the usual ones. */
  readonly ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>

  /** The client's certificate chain (PEM), if the server asks for one. Goes with `key`. */
  readonly cert?: string | Uint8Array

  /** The client's private key (PEM). Goes with `cert`. */
  readonly key?: Redacted.Redacted<string | Uint8Array>

  /** What the private key is encrypted with. */
  readonly passphrase?: Redacted.Redacted<string>

  /** The application protocols that the client speaks (ALPN), the preferred one first. */
  readonly alpn?: ReadonlyArray<string>

  /** The oldest version that is good enough. Default: Node's, `TLSv1.2`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3"

  /**
   * Takes any certificate, from anybody: whoever is in between can read and change everything. Default: `false`, and
   * the environment (`NODE_TLS_REJECT_UNAUTHORIZED`) cannot change it.
   */
  readonly dangerouslySkipVerification?: boolean
}

/**
 * How to open a TLS connection. Wrong values are a defect that names the option, the value and the rule; the values of
 * keys and passphrases are in no message.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends TcpConnection.Options, SecurityOptions {
  /**
   * What has to be said in plain text before TLS begins: `STARTTLS` of SMTP, `SSLRequest` of PostgreSQL. It is part of
   * the open. If it fails, or if plain text is left behind that the server sent too early (CVE-2021-23222), opening
   * fails. Default: TLS from the first byte.
   */
  readonly startTls?: (connection: TcpConnection.TcpConnection) => Effect.Effect<unknown, unknown>
}

/**
 * Opens a TLS connection that closes with the scope; otherwise as `TcpConnection.open`. Fails with `ConnectError`: reason
 * `Tls` with OpenSSL's or Node's code when the handshake fails (such as `CERT_HAS_EXPIRED`,
 * `ERR_TLS_CERT_ALTNAME_INVALID`, `DEPTH_ZERO_SELF_SIGNED_CERT`), `HandshakeTimeout` when the server accepts and then
 * says nothing.
 *
 * With TLS 1.3 a server that misses the client's certificate says so only after the handshake: the first read fails.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { TlsConnection } from "@socketpool/node"
 *
 * const hello = Effect.scoped(Effect.gen(function*() {
 *   const connection = yield* TlsConnection.open({ host: "localhost", port: 6380, alpn: ["redis"] })
 *   yield* connection.send("PING\r\n")
 *   return yield* connection.recvUntil("\r\n")
 * }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (options: Options): Effect.Effect<TlsConnection, ConnectError, Scope.Scope> =>
  Effect.suspend(() =>
    Effect.map(secureDialer(options, "TlsConnection").dial(Effect.succeed), (session) => session.lend())
  )

/**
 * Goes on with TLS on a connection that `TcpConnection.open` has opened, after whatever both sides have said about it.
 * The plain connection is worthless from then on (`Released`), and both close with their scopes.
 *
 * Fails with `ConnectError` reason `Tls` if there is unread plain text: what comes before the handshake must not be
 * taken for something that came protected (CVE-2021-23222). Give it a deadline of your own, such as `Effect.timeout`. A
 * connection from a pool cannot be upgraded, and neither can one that is not the caller's any more: a defect. For pools
 * there is `TlsPool`'s `startTls`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const upgrade = (
  connection: TcpConnection.TcpConnection,
  options: SecurityOptions = {}
): Effect.Effect<TlsConnection, ConnectError, Scope.Scope> => upgradeHeld(connection, options)
