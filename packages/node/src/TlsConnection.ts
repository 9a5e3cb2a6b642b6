/**
 * TLS connections.
 *
 * @since 3.0.0
 */
import type { Connection, TcpAddress } from "@socketpool/core/Connection"
import type { ConnectError, ConnectionError } from "@socketpool/core/ConnectionError"
import type { HandshakeFailure } from "@socketpool/core/TransportPool"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as tls from "node:tls"
import { security, tlsConnection } from "./internal/options.js"
import { secureDialer, upgradeHeld } from "./internal/secure.js"
import type * as TcpConnection from "./TcpConnection.js"

/**
 * A TLS connection. The holder sends and receives plain bytes; the socket encrypts and decrypts them.
 *
 * An end of the stream is not authenticated: frame what you read. Node does not tell the peer's orderly end from a
 * connection that somebody in between has cut.
 *
 * @since 3.0.0
 * @category models
 */
export interface TlsConnection extends Connection {
  /** The address and port of this end. */
  readonly localAddress: TcpAddress

  /** The address and port of the peer: of several addresses, the one that accepted. */
  readonly remoteAddress: TcpAddress

  /**
   * The raw socket; see `TcpConnection.socket`. Do not print it: `util.inspect` shows the private key and the
   * passphrase that Node keeps in it.
   */
  readonly socket: tls.TLSSocket

  /** The application protocol that both sides agreed on with ALPN. None if the server does not support ALPN. */
  readonly alpnProtocol: Option.Option<string>

  /** The version of TLS, such as `TLSv1.3`. */
  readonly protocol: string

  /** Whether this connection resumed an earlier TLS session, which saves a round trip and the certificates. */
  readonly isResumed: boolean
}

/**
 * The options of TLS itself: identity, trust and versions.
 *
 * @since 3.0.0
 * @category models
 */
export interface SecurityOptions {
  /**
   * Sets the name that the certificate must be for, and that is sent as SNI. Default: `host`. Set it if you connect by
   * IP address or through a tunnel. An IP address is checked but not sent, because SNI knows no addresses (RFC 6066). A
   * dot at the end is not sent.
   */
  readonly servername?: string

  /**
   * Replaces the trusted authorities with these certificates (PEM). Default: the authorities that Node trusts. Set it
   * for a private authority or a self-signed certificate. At least one.
   */
  readonly ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>

  /**
   * Sets the client's certificate chain (PEM), for a server that asks for one. Requires `key`. Default: none, because
   * most servers ask for none.
   */
  readonly cert?: string | Uint8Array

  /** Sets the client's private key (PEM). Requires `cert`. Default: none. */
  readonly key?: Redacted.Redacted<string | Uint8Array>

  /** Decrypts `key`, which it requires. Default: none; set it only if the key is encrypted. */
  readonly passphrase?: Redacted.Redacted<string>

  /**
   * Offers these application protocols (ALPN), the preferred one first. A name has at most 255 bytes. Default: none.
   * The server's choice is the connection's `alpnProtocol`.
   */
  readonly alpn?: ReadonlyArray<string>

  /**
   * Sets the oldest version of TLS to accept. Default: Node's, `TLSv1.2`. Set `TLSv1.3` if every server supports it.
   */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3"

  /**
   * Lets the connections of a pool resume each other's TLS sessions. This saves a round trip, a signature and the
   * certificates. Default: `true`. A single connection has nothing to resume.
   *
   * A resumed connection does not verify the certificate again. No session is therefore offered two hours after the
   * last full handshake, nor after the pool's `clear`. A ticket of TLS 1.3 is offered once (RFC 8446, C.4).
   *
   * If the server breaks off a handshake that offers a session, the open connects once more without one, within the
   * same `connectTimeout`, and runs `startTls` again. If that succeeds, the pool offers no session for an hour. A bad
   * certificate is not the session's fault, so that open fails at once.
   *
   * Set `false` if every connection has to verify the certificate, if a server forgets the client's certificate on a
   * resumed connection, or if it stalls on sessions instead of refusing them.
   */
  readonly resume?: boolean

  /**
   * Accepts any certificate from anybody. A machine between the two ends can then read and change everything. Default:
   * `false`, and the environment (`NODE_TLS_REJECT_UNAUTHORIZED`) cannot change it. Never set it in production: for a
   * private authority or a self-signed certificate use `ca`.
   */
  readonly dangerouslySkipVerification?: boolean
}

/**
 * The options of a TLS connection. An invalid value is a defect (`RangeError`) that names the option, the value and the
 * rule. No message contains a key or a passphrase.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<E = ConnectionError, R = never, RLookup = R>
  extends TcpConnection.Options<RLookup>, SecurityOptions
{
  /**
   * Runs the plain-text exchange before TLS begins, such as `STARTTLS` of SMTP or `SSLRequest` of PostgreSQL. It is
   * part of the open, within `connectTimeout`. The open fails with `ConnectError` if this effect fails, or if it leaves
   * plain text unread that the server sent too early (CVE-2021-23222). Default: none, so TLS begins with the first
   * byte.
   */
  readonly startTls?: (connection: TcpConnection.TcpConnection) => Effect.Effect<unknown, E, R>
}

/**
 * Opens a TLS connection that closes with the scope.
 *
 * Use it for one connection of your own. To share connections, use `TlsPool`: it knows when a socket is clean, and its
 * connections resume each other's TLS sessions. It closes, and reacts to an interrupt, as `TcpConnection.open` does.
 *
 * - Fails with `ConnectError` reason `Tls` if the handshake fails. `code` is OpenSSL's or Node's, such as
 *   `CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID` or `DEPTH_ZERO_SELF_SIGNED_CERT`.
 * - Fails with reason `HandshakeTimeout` if the server accepts the connection and then stays silent. The other reasons
 *   are those of `TcpConnection.open`.
 * - With TLS 1.3 a server that requires a client certificate complains only after the handshake: the first read fails.
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
 * @since 3.0.0
 * @category constructors
 */
export const open = <E = ConnectionError, R = never, RLookup = never>(
  options: Options<E, R, RLookup>
): Effect.Effect<TlsConnection, ConnectError | HandshakeFailure<E>, R | RLookup | Scope.Scope> =>
  Effect.suspend(() =>
    Effect.map(
      secureDialer(tlsConnection.read("TlsConnection", options), "TlsConnection").dial(Effect.succeed),
      (session) => session.lend()
    )
  )

/**
 * Starts TLS on a connection from `TcpConnection.open`, once both sides have agreed on it in plain text. From then on
 * the plain connection fails with `ConnectionError` reason `Released`. Both close with their scopes.
 *
 * Use it when the plain-text exchange decides whether to encrypt at all. Otherwise, and for pools, use `startTls`.
 *
 * - Fails with `ConnectError` reason `Tls` if the handshake fails or the peer has gone.
 * - Fails with the same reason if plain text is still unread: it must not be mistaken for protected data
 *   (CVE-2021-23222).
 * - It has no deadline: add one, such as `Effect.timeout`. An interrupt destroys the socket.
 * - A connection from a pool, or one that the caller no longer holds, is a defect (`RangeError`).
 *
 * @example
 * ```ts
 * import { TcpConnection, TlsConnection } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const secured = Effect.scoped(Effect.gen(function*() {
 *   const plain = yield* TcpConnection.open({ host: "mail.example.com", port: 587 })
 *   yield* plain.recvUntil("\r\n")
 *   yield* plain.send("STARTTLS\r\n")
 *   yield* plain.recvUntil("\r\n")
 *   const connection = yield* TlsConnection.upgrade(plain).pipe(Effect.timeout("5 seconds"))
 *   yield* connection.send("EHLO client.example.com\r\n")
 *   return yield* connection.recvUntil("\r\n")
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const upgrade = (
  connection: TcpConnection.TcpConnection,
  options: SecurityOptions = {}
): Effect.Effect<TlsConnection, ConnectError, Scope.Scope> => upgradeHeld(connection, options)

/**
 * The checks of `SecurityOptions`, for a constructor of your own that takes them among its options.
 *
 * @example
 * ```ts
 * import { Checks } from "@socketpool/core"
 * import { TlsConnection } from "@socketpool/node"
 *
 * const options = new Checks.Table({ tls: Checks.rules.optional(Checks.rules.struct(TlsConnection.securityOptions)) })
 *
 * const { tls } = options.read("Metrics.make", { tls: { servername: "metrics.internal" } })
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const securityOptions = security
