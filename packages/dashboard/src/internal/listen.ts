/**
 * A Node server that does not keep the process alive, takes few of its descriptors, and does not wait for readers of
 * the stream when it closes.
 */
import { ServeError } from "@effect/platform/HttpServerError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type * as Net from "node:net"
import { async } from "./effect.js"
import { type App, listener } from "./http.js"
import type { Resolved } from "./options.js"
import { maxTimerMillis } from "./timer.js"
import { maxReaders } from "./watch.js"

/** The time that responses under way get to finish when the server closes, in milliseconds. */
const graceMillis = 250
/** The most connections at once. They are descriptors of the process that the dashboard watches. */
const maxConnections = 2 * maxReaders
/** Of those, how many are kept free by closing the oldest without a request, so that they shut nobody out. */
const spareConnections = 8
/** The time for the head of a request and for all of it, in milliseconds. */
const headersMillis = 5_000
const requestMillis = 10_000
/** The shortest time without a byte after which a client counts as gone, in milliseconds. */
const silenceMillis = 30_000

const close = (server: Http.Server): Effect.Effect<void> =>
  async<void>((resume) => {
    if (!server.listening) return resume(Effect.void)
    const timer = setTimeout(() => server.closeAllConnections(), graceMillis)
    server.close(() => {
      clearTimeout(timer)
      resume(Effect.void)
    })
  })

/** Makes room for new connections by closing those that have sent no request for longest. */
const closeOldestWithoutRequest = (server: Http.Server): void => {
  let open = 0
  const waiting = new Set<Net.Socket>()
  server.on("connection", (socket) => {
    open++
    socket.once("close", () => {
      open--
      waiting.delete(socket)
    })
    const [oldest] = waiting
    waiting.add(socket)
    if (open <= maxConnections - spareConnections || oldest === undefined) return
    waiting.delete(oldest)
    oldest.destroy()
  })
  server.on("request", ({ socket }, response) => {
    waiting.delete(socket)
    response.once("close", () => {
      if (!socket.destroyed) waiting.add(socket)
    })
  })
}

/** Makes a server that does not listen yet; it closes with the scope. */
export const server = ({ interval }: Resolved): Effect.Effect<Http.Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const server = Http.createServer({
        headersTimeout: headersMillis,
        requestTimeout: requestMillis,
        connectionsCheckingInterval: 1_000
      })
      server.maxConnections = maxConnections
      // A stream is silent for an interval, and a reader that reads nothing for good.
      server.timeout = Math.min(maxTimerMillis, Math.max(silenceMillis, 2 * interval))
      closeOldestWithoutRequest(server)
      return server
    }),
    close
  )

const urlOf = (server: Http.Server): string => {
  const { address, family, port } = server.address() as Net.AddressInfo
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}/`
}

/** Serves an app and returns its URL. */
export const listen = (
  server: Http.Server,
  at: { readonly host: string; readonly port: number },
  app: App
): Effect.Effect<string, ServeError> =>
  Effect.gen(function*() {
    server.on("request", yield* listener(app))
    return yield* async<string, ServeError>((resume) => {
      const fail = (cause: Error) => resume(Effect.fail(new ServeError({ cause })))
      server.once("error", fail)
      server.listen({ host: at.host, port: at.port }, () => {
        server.off("error", fail)
        server.unref()
        resume(Effect.succeed(urlOf(server)))
      })
    })
  })
