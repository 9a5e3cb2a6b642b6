/** TLS over connected sockets. */
import type { Address } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as TransportSession from "@socketpool/core/TransportSession"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { X509Certificate } from "node:crypto"
import * as net from "node:net"
import * as tls from "node:tls"
import type { TcpConnection } from "../TcpConnection.js"
import type { Options, SecurityOptions } from "../TlsConnection.js"
import { Checks, own } from "./checks.js"
import { failure, tlsError } from "./connectError.js"
import { dial, type NetSession, sessionOver } from "./dial.js"
import { isOfKind, TcpHandle, TlsHandle } from "./handles.js"
import { tcpRoute } from "./route.js"

/** One identity: certificates presented, authorities trusted, and the TLS session that its connections share. */
interface Security {
  readonly options: tls.ConnectionOptions
  readonly servername: string | undefined
  session: Buffer | undefined
}

/** Checks the options. Throws a `RangeError` that names the option, the value and the rule, but never a secret. */
const secure = (options: SecurityOptions): Security => {
  const checks = new Checks("TlsConnection")
  const { alpn, ca, cert, dangerouslySkipVerification, key, minVersion, passphrase, servername } = own(options)
  if (servername !== undefined) checks.text("servername", servername)
  if ((cert === undefined) !== (key === undefined)) {
    checks.reject(cert === undefined ? "cert" : "key", undefined, "given with the other of cert and key")
  }
  for (const protocol of alpn ?? []) {
    checks.text("alpn", protocol)
    if (Buffer.byteLength(protocol) > 255) checks.reject("alpn", protocol, "names of at most 255 bytes")
  }
  if (minVersion !== undefined && minVersion !== "TLSv1.2" && minVersion !== "TLSv1.3") {
    checks.reject("minVersion", minVersion, "TLSv1.2 or TLSv1.3")
  }
  return {
    servername,
    session: undefined,
    options: {
      secureContext: context({
        ...(ca === undefined ? {} : { ca: (Array.isArray(ca) ? ca : [ca]).map(pem) }),
        ...(cert === undefined ? {} : { cert: pem(cert) }),
        ...(key === undefined ? {} : { key: pem(Redacted.value(key)) }),
        ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) }),
        ...(minVersion === undefined ? {} : { minVersion })
      }),
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      // Always set, so that the environment cannot change it.
      rejectUnauthorized: dangerouslySkipVerification !== true
    }
  }
}

const pem = (text: string | Uint8Array): string | Buffer => typeof text === "string" ? text : Buffer.from(text)

const certificate = (text: string | Buffer): X509Certificate => new X509Certificate(text)

const context = (options: tls.SecureContextOptions): tls.SecureContext => {
  try {
    // Node would accept a text without a certificate in silence, and trust nobody.
    for (const authority of (options.ca ?? []) as ReadonlyArray<string | Buffer>) certificate(authority)
    return tls.createSecureContext(options)
  } catch (error) {
    // OpenSSL names the part that it could not read, never the text of it.
    const { code = "unknown", message } = error as NodeJS.ErrnoException
    throw new RangeError(
      `TlsConnection: ca, cert, key and passphrase must be PEM and fit together: ${message} (${code})`
    )
  }
}

/**
 * Returns an effect that connects, runs `startTls` in plain text, and then starts TLS. Checks the options once for all
 * connections of one identity.
 */
export const secureDialer = (given: Options, of: string): {
  readonly address: string
  readonly peer: Address
  readonly dial: (
    finish: (session: SecureSession) => Effect.Effect<SecureSession, ConnectError>
  ) => Effect.Effect<SecureSession, ConnectError, Scope.Scope>
} => {
  const { host, startTls } = own(given)
  const route = tcpRoute(given, of)
  const security = secure(given)
  return {
    address: route.address,
    peer: route.peer,
    dial: (finish) =>
      dial(
        route,
        TcpHandle.of,
        (session) =>
          (startTls === undefined ? Effect.void : TransportPool.handshake(session, startTls)).pipe(
            Effect.andThen(upgrade(session, route, host, security)),
            Effect.flatMap(finish)
          )
      )
  }
}

/** A session over TLS. */
type SecureSession = NetSession<TlsHandle, tls.TLSSocket>

/** Starts TLS on the socket of a plain session, which ends here. */
const upgrade = (
  session: NetSession<unknown>,
  route: Parameters<typeof sessionOver>[1],
  host: string,
  security: Security
): Effect.Effect<SecureSession, ConnectError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => {
    const { address } = route
    const taken = TransportSession.takeTransport(session)
    if (taken === "Ended") return failure("Tls", address, { cause: new Error("the peer has gone") })
    if (taken === "Unclean") {
      return failure("Tls", address, { cause: new Error("there is plain text left from before the handshake") })
    }
    const raw = taken.socket
    taken.detach()
    const name = security.servername ?? host
    const socket = tls.connect({
      ...security.options,
      socket: raw,
      // Every stream takes this option, although the types of `tls.connect` do not say so.
      ...{ highWaterMark: raw.readableHighWaterMark },
      host: name,
      // SNI cannot carry an IP address (RFC 6066).
      ...(net.isIP(name) === 0 ? { servername: name } : {}),
      ...(security.session === undefined ? {} : { session: security.session })
    })
    socket.on("error", () => {})
    socket.on("session", (session) => {
      security.session = session
    })
    return Effect.addFinalizer(() => Effect.sync(() => socket.destroy())).pipe(
      Effect.andThen(restore(shakeHands(socket, address, () => sessionOver(socket, route, TlsHandle.of)))),
      Effect.tap((session) => Effect.addFinalizer(() => session.close)),
      Effect.tapError(() => Effect.sync(() => security.session = undefined))
    )
  })

const shakeHands = (
  socket: tls.TLSSocket,
  address: string,
  ready: () => SecureSession
): Effect.Effect<SecureSession, ConnectError> =>
  Effect.async((resume) => {
    // At once, so that no event of the socket is missed.
    const onSecure = () => done(Effect.succeed(ready()))
    const onError = (error: Error) => done(Effect.fail(tlsError(error, address)))
    const onClose = () => done(failure("Tls", address))
    const done = (result: Effect.Effect<SecureSession, ConnectError>) => {
      stopListening()
      resume(result)
    }
    const stopListening = () => {
      socket.off("secureConnect", onSecure)
      socket.off("error", onError)
      socket.off("close", onClose)
    }
    socket.on("secureConnect", onSecure)
    socket.on("error", onError)
    socket.on("close", onClose)
    return Effect.sync(() => {
      stopListening()
      socket.destroy()
    })
  })

/** `upgrade` for a caller that opened the connection and still holds it. */
export const upgradeHeld = (
  connection: TcpConnection,
  options: SecurityOptions
): Effect.Effect<TlsHandle, ConnectError, Scope.Scope> =>
  Effect.suspend(() => {
    const session = isOfKind(connection, "TcpConnection") ?
      TransportSession.ownSession(connection as TcpHandle) :
      undefined
    if (session === undefined) {
      throw new TypeError(
        "TlsConnection.upgrade: connection must be one that TcpConnection.open has given, and not upgraded yet"
      )
    }
    const { address, remoteAddress } = session.transport
    const timeout = session.timeout === Infinity ? undefined : session.timeout
    const route = { address, peer: remoteAddress, timeout, constructor: { allowHalfOpen: false } }
    return Effect.map(upgrade(session, route, hostOf(address), secure(options)), (session) => session.lend())
  })

/** Extracts the host from an address as errors show it. */
const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1")
