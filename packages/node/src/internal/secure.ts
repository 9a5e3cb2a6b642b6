/** TLS over connected sockets. */
import { argument, type Rule } from "@socketpool/core/Checks"
import type { Address } from "@socketpool/core/Connection"
import { type ConnectError, isConnectError } from "@socketpool/core/ConnectionError"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as TransportSession from "@socketpool/core/TransportSession"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import * as tls from "node:tls"
import type { TcpConnection } from "../TcpConnection.js"
import type { SecurityOptions } from "../TlsConnection.js"
import { bare, unset } from "./bare.js"
import { failure, tlsError } from "./connectError.js"
import { dial, inOwnScope, type NetSession, sessionOver } from "./dial.js"
import { async } from "./effect.js"
import { isOfKind, TcpHandle, TlsHandle } from "./handles.js"
import * as Options from "./options.js"
import { type Handshake, Resumption } from "./resumption.js"
import { tcpRoute } from "./route.js"

/** One identity: certificates presented, authorities trusted, and the TLS sessions that its connections share. */
interface Security {
  readonly options: tls.ConnectionOptions
  readonly servername: string | undefined
  readonly resumption: Resumption
  /** Whether a handshake may offer a session. */
  readonly resumes: boolean
}

const secure = (options: Options.Security, of: string): Security => {
  const { alpn, ca, cert, dangerouslySkipVerification, key, minVersion, passphrase, resume, servername } = options
  return {
    servername,
    resumption: new Resumption(),
    resumes: resume,
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
 *
 * A server may break off a handshake because of the session that it was offered. Then the effect connects once more and
 * offers none, within the same `connectTimeout`. The first socket has closed by then.
 */
export const secureDialer = (options: Options.Tls, of: string): {
  readonly address: string
  readonly peer: Address
  readonly dial: <E, R>(finish: Finish<E, R>) => Effect.Effect<SecureSession, any, any>
  /** Forgets the TLS sessions. */
  readonly forget: () => void
} => {
  const { host, startTls } = options
  const route = tcpRoute(options)
  const security = secure(Options.security.pick(options), of)

  const attempt = <E, R>(connectTimeout: number, resumes: boolean, finish: Finish<E, R>) =>
    Effect.suspend(() => {
      let handshake: Handshake | undefined
      return dial(
        { ...route, connectTimeout },
        TcpHandle.of,
        (session) =>
          (startTls === undefined ? Effect.void : TransportPool.handshake(session, startTls)).pipe(
            Effect.andThen(upgrade(session, route, host, { ...security, resumes }, (begun) => handshake = begun)),
            Effect.flatMap(finish)
          ),
        "Stream"
      ).pipe(
        Effect.mapError((error) => ({
          error,
          // The deadline leaves no time for another attempt.
          isRefusal: handshake !== undefined && handshake.failed() && isConnectError(error) && error.reason === "Tls"
        }))
      )
    })

  return {
    address: route.address,
    peer: route.peer,
    forget: security.resumption.forget,
    dial: (finish) =>
      Effect.flatMap(
        Clock.currentTimeNanos,
        (begun) =>
          inOwnScope(
            (own) => Effect.provideService(attempt(route.connectTimeout, security.resumes, finish), Scope.Scope, own),
            ({ isRefusal }) => isRefusal
          ).pipe(
            Effect.catchIf(({ isRefusal }) => isRefusal, (refused) =>
              Effect.flatMap(Clock.currentTimeNanos, (now) => {
                const left = route.connectTimeout - Number(now - begun) / 1e6
                return left > 0 ? attempt(left, false, finish) : Effect.fail(refused)
              })),
            Effect.mapError(({ error }) => error)
          )
      )
  }
}

type Finish<E, R> = (session: SecureSession) => Effect.Effect<SecureSession, E, R>

/** A session over TLS. */
type SecureSession = NetSession<TlsHandle, tls.TLSSocket>

/** Starts TLS on the socket of a plain session, which ends here. */
const upgrade = (
  session: NetSession<unknown>,
  route: Parameters<typeof sessionOver>[1],
  host: string,
  security: Security,
  /** Gets the handshake when it begins. */
  begins: (handshake: Handshake) => void = () => {}
): Effect.Effect<SecureSession, ConnectError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const { address } = route
      const taken = TransportSession.takeTransport(session)
      if (taken === "Ended") return failure("Tls", address, { cause: new Error("the peer has gone") })
      if (taken === "Unclean") {
        return failure("Tls", address, { cause: new Error("there is plain text left from before the handshake") })
      }
      const raw = taken.socket
      taken.detach()
      const handshake = security.resumption.begin(now, security.resumes)
      begins(handshake)
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
        session: handshake.session
      }
      const socket = tls.connect(to)
      socket.on("error", () => {})
      if (security.resumes) socket.on("session", (session) => handshake.receive(session))
      const ready = () => {
        handshake.secured(socket.isSessionReused(), socket.getProtocol())
        return sessionOver(socket, route, TlsHandle.of, undefined, raw)
      }
      return Effect.addFinalizer(() => Effect.sync(() => socket.destroy())).pipe(
        Effect.andThen(restore(shakeHands(socket, address, ready))),
        Effect.tap((session) => Effect.addFinalizer(() => session.close)),
        // Node verifies the certificate after the handshake.
        Effect.tapError(() => Effect.sync(() => socket.authorizationError && handshake.distrusted()))
      )
    })
  )

const shakeHands = (
  socket: tls.TLSSocket,
  address: string,
  ready: () => SecureSession
): Effect.Effect<SecureSession, ConnectError> =>
  async((resume) => {
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
