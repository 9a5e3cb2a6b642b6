/** Opens sockets. */
import type { ConnectAttempt, ConnectError } from "@socketpool/core/ConnectionError"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as TransportSession from "@socketpool/core/TransportSession"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import { unset } from "./bare.js"
import { connectError, noneAccepts } from "./connectError.js"
import { async, forkDetached, innerScope, orElse, sooner } from "./effect.js"
import { afterPoll, Intake, NetTransport } from "./netTransport.js"
import type { Route, Target } from "./route.js"

/** A session over a socket. */
export type NetSession<C, S extends net.Socket = net.Socket> = TransportSession.TransportSession<NetTransport<S>, C>

/** The way in which a socket is read: past its stream, or through it. TLS in Deno hangs over one that is read directly. */
type Reads = "Direct" | "Stream"

/** Prepares a connected socket: the rest of the open. */
type Proceed<C, L, E, R> = (session: NetSession<C>) => Effect.Effect<L, E, R>

/**
 * Connects and then runs `proceed` with a session over the socket, all of it within the route's `connectTimeout`. The
 * session and the socket close with the scope.
 */
export const dial = <C extends TransportSession.TransportConnection<NetTransport>, L, E, R>(
  route: Route,
  holder: (session: NetSession<C>) => C,
  proceed: Proceed<C, L, E, R>,
  reads: Reads = "Direct"
): Effect.Effect<L, ConnectError | E, R | Scope.Scope> =>
  TransportPool.openInTime(
    { address: route.address, connectTimeout: route.connectTimeout, catchUp: polled },
    Effect.flatMap(route.targets, (targets) => patiently(inTurn(route, targets, holder, reads))),
    // A failure closes the session at once; the scope may stay open for long.
    (session) => Effect.onError(proceed(session), () => forkDetached(session.close))
  )

const ignore = () => {}

const polled = async<void>((resume) => Effect.sync(afterPoll(() => resume(Effect.void))))

const busy = {
  while: (error: ConnectError) => error.code === "EAGAIN",
  schedule: Schedule.jittered(sooner(Schedule.exponential("10 millis"), Schedule.spaced("200 millis")))
}

/**
 * Retries a Unix socket whose queue is full: it refuses at once, while TCP would wait. The schedule, which costs as much
 * as a tenth of an open, starts only then.
 */
const patiently = <A, R>(attempt: Effect.Effect<A, ConnectError, R>): Effect.Effect<A, ConnectError, R> =>
  Effect.catchIf(attempt, busy.while, (error) => {
    let isFirst = true
    const next = Effect.suspend(() => {
      if (!isFirst) return attempt
      isFirst = false
      return Effect.fail(error)
    })
    return Effect.retry(next, busy)
  })

/**
 * Runs an effect in a scope of its own. If the effect fails with such an error, the scope closes before the failure; it
 * otherwise closes with the outer one, which may stay open for long.
 */
export const inOwnScope = <A, E, R>(
  effect: (own: Scope.Scope) => Effect.Effect<A, E, R>,
  closes: (error: E) => boolean = () => true
): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.flatMap(
    Effect.scope,
    (outer) =>
      Effect.flatMap(innerScope(outer), (own) =>
        Effect.tapError(effect(own), (error) =>
          closes(error) ? Effect.uninterruptible(Scope.close(own, Exit.void)) : Effect.void))
  )

/** Tries the targets until one accepts. Each but the last has `attemptTimeout`. */
const inTurn = <C extends TransportSession.TransportConnection<NetTransport>>(
  route: Route,
  targets: ReadonlyArray<Target>,
  holder: (session: NetSession<C>) => C,
  reads: Reads,
  failed: ReadonlyArray<ConnectAttempt & Pick<ConnectError, "reason">> = []
): Effect.Effect<NetSession<C>, ConnectError, Scope.Scope> => {
  const [{ address, options }, ...others] = targets as [Target, ...Array<Target>]
  const limits = { address: route.address, connectTimeout: route.attemptTimeout, catchUp: polled }
  const limited = (own: Scope.Scope) => {
    const connecting = attempt(own, route, options, holder, reads)
    return others.length === 0 ? connecting : TransportPool.openInTime(limits, connecting, Effect.succeed)
  }
  return orElse(inOwnScope(limited), (error) => {
    if (address === undefined) return Effect.fail(error)
    const { code = error.reason === "Timeout" ? "ETIMEDOUT" : undefined, reason } = error
    const all = [...failed, { address, reason, ...(code === undefined ? {} : { code }) }]
    return others.length === 0 ? noneAccepts(all, route.address) : inTurn(route, others, holder, reads, all)
  })
}

const attempt = <C extends TransportSession.TransportConnection<NetTransport>>(
  scope: Scope.Scope,
  route: Route,
  target: net.NetConnectOpts,
  holder: (session: NetSession<C>) => C,
  reads: Reads
): Effect.Effect<NetSession<C>, ConnectError> =>
  Effect.uninterruptibleMask((restore) => {
    const intake = reads === "Direct" ? new Intake() : undefined
    const made: object = { ...unset, ...route.constructor, onread: intake }
    const socket = new net.Socket(made)
    socket.on("error", ignore)
    const destroy = Effect.sync(() => socket.destroy())
    let session: NetSession<C> | undefined = undefined
    // The finalizer exists before the connect starts, so that no interrupt can leave a socket behind.
    // `Effect.addFinalizer` would keep a copy of this fiber's state for each socket.
    return Scope.addFinalizer(
      scope,
      Effect.suspend(() => session === undefined ? destroy : Effect.ensuring(session.close, destroy))
    ).pipe(
      Effect.andThen(restore(connect(socket, target, route, holder, intake))),
      Effect.map((opened) => (session = opened))
    )
  })

const connect = <C extends TransportSession.TransportConnection<NetTransport>>(
  socket: net.Socket,
  target: net.NetConnectOpts,
  route: Route,
  holder: (session: NetSession<C>) => C,
  intake: Intake | undefined
): Effect.Effect<NetSession<C>, ConnectError> =>
  async((resume) => {
    const onConnect = () => {
      stopListening()
      // At once, so that no event of the socket is missed.
      resume(Effect.succeed(sessionOver(socket, route, holder, intake)))
    }
    const onError = (error: Error) => {
      stopListening()
      resume(Effect.fail(connectError(error, route.address)))
    }
    const stopListening = () => {
      socket.off("connect", onConnect)
      socket.off("error", onError)
    }
    socket.on("connect", onConnect)
    socket.on("error", onError)
    socket.connect(target)
    return Effect.sync(() => {
      stopListening()
      socket.destroy()
    })
  })

/** Makes a session over a connected socket. */
export const sessionOver = <S extends net.Socket, C extends TransportSession.TransportConnection<NetTransport<S>>>(
  socket: S,
  route: Pick<Route, "address" | "peer" | "timeout"> & { readonly constructor: { readonly allowHalfOpen: boolean } },
  holder: (session: NetSession<C, S>) => C,
  intake?: Intake,
  wire?: net.Socket
): NetSession<C, S> => {
  const session = TransportSession.make<NetTransport<S>, C>({
    transport: new NetTransport(socket, route.address, route.peer, intake, wire),
    holder,
    allowHalfOpen: route.constructor.allowHalfOpen,
    timeout: route.timeout
  })
  session.transport.connected()
  return session
}
