/** TLS over connected sockets. */
import { argument, type Rule } from "@socketpool/core/Checks"
import type { Address } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as TransportSession from "@socketpool/core/TransportSession"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as tls from "node:tls"
import type { TcpConnection } from "../TcpConnection.js"
import type { SecurityOptions } from "../TlsConnection.js"
import { bare, unset } from "./bare.js"
import { failure, tlsError } from "./connectError.js"
import { dial, type NetSession, sessionOver } from "./dial.js"
import { isOfKind, TcpHandle, TlsHandle } from "./handles.js"
import * as Options from "./options.js"
import { tcpRoute } from "./route.js"

/** One identity: certificates presented, authorities trusted, and the TLS session that its connections share. */
interface Security {
  readonly options: tls.ConnectionOptions
  readonly servername: string | undefined
  session: Buffer | undefined
}

const secure = (options: Options.Security, of: string): Security => {
  const { alpn, ca, cert, dangerouslySkipVerification, key, minVersion, passphrase, servername } = options
  return {
    servername,
    session: undefined,
    options: {
      secureContext: context(
        bare({
          ...(ca === undefined ? {} : { ca: [...ca] }),
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key }),
          ...(passphrase === undefined ? {} : { passphrase }),
          ...(minVersion === undefined ? {} : { minVersion })
        }),
        of
      ),
      ALPNProtocols: alpn === undefined ? undefined : [...alpn],
      // Always set, so that the environment cannot change it.
      rejectUnauthorized: !dangerouslySkipVerification
    }
  }
}

const context = (options: tls.SecureContextOptions, of: string): tls.SecureContext => {
  try {
    return tls.createSecureContext(options)
  } catch (error) {
    // OpenSSL names the part that it could not read, never the text of it.
    const { code = "unknown", message } = error as NodeJS.ErrnoException
    throw new RangeError(
      `${of}: cert, key and passphrase must be PEM and fit together, but are <redacted>: ${message} (${code})`
    )
  }
}

/**
 * Returns an effect that connects, runs `startTls` in plain text, and then starts TLS. Checks the options once for all
 * connections of one identity.
 */
export const secureDialer = (options: Options.Tls, of: string): {
  readonly address: string
  readonly peer: Address
  readonly dial: <E, R>(
    finish: (session: SecureSession) => Effect.Effect<SecureSession, E, R>
  ) => Effect.Effect<SecureSession, any, any>
} => {
  const { host, startTls } = options
  const route = tcpRoute(options)
  const security = secure(Options.security.pick(options), of)
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
    // A certificate has no dot at the end of its name, and neither has SNI (RFC 6066).
    const name = (security.servername ?? host).replace(/\.$/, "")
    const to: object = {
      ...unset,
      ...security.options,
      socket: raw,
      highWaterMark: raw.readableHighWaterMark,
      host: name,
      // SNI cannot carry an IP address (RFC 6066).
      servername: net.isIP(name) === 0 ? name : "",
      session: security.session
    }
    const socket = tls.connect(to)
    socket.on("error", () => {})
    socket.on("session", (session) => {
      security.session = session
    })
    return Effect.addFinalizer(() => Effect.sync(() => socket.destroy())).pipe(
      Effect.andThen(
        restore(shakeHands(socket, address, () => sessionOver(socket, route, TlsHandle.of, undefined, raw)))
      ),
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
    const checked = Options.security.read(of, options)
    const session = argument(of, "connection", ownConnection, connection)
    const { address, remoteAddress } = session.transport
    const route = { address, peer: remoteAddress, timeout: session.timeout, constructor: { allowHalfOpen: false } }
    return Effect.map(upgrade(session, route, hostOf(address), secure(checked, of)), (session) => session.lend())
  })

const of = "TlsConnection.upgrade"

const ownConnection: Rule<NetSession<any>> = (value, at) => {
  const session = typeof value === "object" && value !== null && isOfKind(value, "TcpConnection") ?
    TransportSession.ownSession(value as TcpHandle) :
    undefined
  return session ?? at.refuse(value, "one that TcpConnection.open has given, and not upgraded yet")
}

/** Extracts the host from an address as errors show it. */
const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1")
