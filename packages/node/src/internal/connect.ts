/** Opening and closing a socket. */
import { ConnectError } from "@socketpool/core/ConnectionError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import type { Options } from "../TcpConnection.js"
import { type Handle, Line } from "./handle.js"
import { PulledSocket } from "./pulledSocket.js"

const defaultConnectTimeout = "5 seconds"

/** How long closing waits for output on its way and for the peer's FIN. In real time: the peer knows no other. */
const lingerMillis = 1_000

interface Checked {
  readonly host: string
  readonly port: number
  readonly connectTimeout: Duration.Duration
  readonly timeout: number
}

const reject = (option: string, value: unknown, rule: string): never => {
  throw new RangeError(`TcpConnection: ${option} must be ${rule}, but is ${String(value)}`)
}

const duration = (option: string, value: Duration.DurationInput): Duration.Duration => {
  let decoded = Duration.zero
  try {
    decoded = Duration.decode(value)
  } catch {
    // Zero is as wrong.
  }
  return Duration.toMillis(decoded) > 0 ? decoded : reject(option, value, "a duration of more than 0")
}

/** Checks the options. Throws a `RangeError` that names option, value and rule. */
export const check = (options: Options): Checked => {
  const { connectTimeout, host, port, timeout } = options
  if (typeof host !== "string" || host.length === 0) reject("host", host, "a string that is not empty")
  if (!Number.isInteger(port) || port < 1 || port > 65_535) reject("port", port, "a whole number from 1 to 65535")
  return {
    host,
    port,
    connectTimeout: duration("connectTimeout", connectTimeout ?? defaultConnectTimeout),
    timeout: timeout === undefined ? Infinity : Duration.toMillis(duration("timeout", timeout))
  }
}

export const addressOf = (host: string, port: number): string =>
  net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`

export const connect = (options: Options): Effect.Effect<Handle, ConnectError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const { connectTimeout, host, port, timeout } = check(options)
      const address = addressOf(host, port)
      const socket = new net.Socket()
      const line = new Line(new PulledSocket(socket), address, { host, port }, timeout)
      return Effect.addFinalizer(() => close(line)).pipe(
        // The finalizer is there before the connect starts, so that no interrupt can leave a socket behind.
        Effect.andThen(restore(
          Effect.timeoutFail(dial(socket, host, port), {
            duration: connectTimeout,
            onTimeout: () => new ConnectError({ reason: "Timeout", address, attempts: [] })
          })
        )),
        Effect.map(() => {
          line.connected()
          return line.lend()
        })
      )
    })
  )

const dial = (socket: net.Socket, host: string, port: number): Effect.Effect<void, ConnectError> =>
  Effect.async((resume) => {
    const onConnect = () => done(Effect.void)
    const onError = (error: Error) => done(Effect.fail(connectError(error, addressOf(host, port))))
    const done = (result: Effect.Effect<void, ConnectError>) => {
      socket.off("connect", onConnect)
      socket.off("error", onError)
      resume(result)
    }
    socket.on("connect", onConnect)
    socket.on("error", onError)
    socket.connect({ host, port, noDelay: true, keepAlive: true })
    return Effect.sync(() => {
      socket.off("connect", onConnect)
      socket.off("error", onError)
      socket.destroy()
    })
  })

/**
 * Closes in order: sends what is left and a FIN, and waits for the peer's, so that a server that counts never has more
 * connections than the pool. A peer that does not answer is given up after a while; what must not be sent any more, or
 * is no longer connected, closes at once.
 */
const close = (line: Line): Effect.Effect<void> =>
  Effect.async((resume) => {
    const { pulled } = line
    line.takeBack()
    const orderly = pulled.endOrderly()
    const timer = orderly ? setTimeout(() => pulled.destroy(), lingerMillis) : undefined
    pulled.whenClosed(() => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    if (!orderly) pulled.destroy()
  })

const reasons: Record<string, ConnectError["reason"]> = {
  ECONNREFUSED: "Refused",
  // A listener that goes away while the connect is on its way.
  ECONNRESET: "Refused",
  ECONNABORTED: "Refused",
  ETIMEDOUT: "Timeout",
  EHOSTUNREACH: "Unreachable",
  EHOSTDOWN: "Unreachable",
  ENETUNREACH: "Unreachable",
  ENETDOWN: "Unreachable",
  EACCES: "Unreachable",
  EPERM: "Unreachable",
  EMFILE: "LocalResources",
  ENFILE: "LocalResources",
  ENOBUFS: "LocalResources",
  ENOMEM: "LocalResources",
  EADDRNOTAVAIL: "LocalResources"
}

/** Node reports several addresses tried as an `AggregateError` with an empty message. */
const connectError = (error: NodeJS.ErrnoException, address: string): ConnectError => {
  const tried: ReadonlyArray<NodeJS.ErrnoException & { address?: string; port?: number }> =
    error instanceof AggregateError ? error.errors : []
  const code = error.code ?? tried[0]?.code
  return new ConnectError({
    reason: error.syscall === "getaddrinfo" ? "Dns" : reasons[code ?? ""] ?? "Other",
    address,
    ...(code === undefined ? {} : { code }),
    attempts: tried.map((one) => ({
      address: one.address === undefined || one.port === undefined ? address : addressOf(one.address, one.port),
      ...(one.code === undefined ? {} : { code: one.code })
    }))
  })
}
