/** A Node server that does not keep the process alive and, when it closes, does not wait for readers of the stream. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import { ServeError } from "@effect/platform/HttpServerError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type * as Net from "node:net"

/** The time that responses under way get to finish when the server closes, in milliseconds. */
const graceMillis = 250

const close = (server: Http.Server): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (!server.listening) return resume(Effect.void)
    const timer = setTimeout(() => server.closeAllConnections(), graceMillis)
    server.close(() => {
      clearTimeout(timer)
      resume(Effect.void)
    })
  })

/** Makes a server that does not listen yet; it closes with the scope. */
export const server: Effect.Effect<Http.Server, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => Http.createServer()),
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
  app: HttpApp.Default
): Effect.Effect<string, ServeError> =>
  Effect.gen(function*() {
    const handler = yield* Effect.locally(
      NodeHttpServer.makeHandler(app),
      // The page asks every second: its spans would drown those of the program.
      HttpMiddleware.currentTracerDisabledWhen,
      () => true
    )
    server.on("request", handler)
    return yield* Effect.async<string, ServeError>((resume) => {
      const fail = (cause: Error) => resume(Effect.fail(new ServeError({ cause })))
      server.once("error", fail)
      server.listen({ host: at.host, port: at.port }, () => {
        server.off("error", fail)
        server.unref()
        resume(Effect.succeed(urlOf(server)))
      })
    })
  })
