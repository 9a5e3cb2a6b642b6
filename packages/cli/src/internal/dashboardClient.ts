/** The client of a dashboard in another process. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Snapshot } from "@socketpool/dashboard/Snapshot"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type Failure, unreachable, usageError } from "./failure.js"

/** Parses the address of a dashboard; the scheme is optional, as in `localhost:8686`. */
export const parse = (text: string): Effect.Effect<URL, Failure> =>
  Effect.try({
    try: () => {
      const url = new URL(/^https?:\/\//.test(text) ? text : `http://${text}`)
      return url.pathname.endsWith("/") ? url : new URL(`${url.href}/`)
    },
    catch: () =>
      usageError(
        `URL must be the address of a dashboard, such as http://localhost:8686, but is ${JSON.stringify(text)}`
      )
  })

export const snapshot = (url: URL, token: Redacted.Redacted<string> | undefined): Effect.Effect<Snapshot, Failure> =>
  HttpClientRequest.get(new URL("api/pools", url).href).pipe(
    token === undefined ? (request) => request : HttpClientRequest.bearerToken(Redacted.value(token)),
    HttpClient.execute,
    Effect.timeout("5 seconds"),
    Effect.mapError((error) =>
      unreachable(`No dashboard answers at ${url.href} (${error.message.split("\n")[0]}). Is it running there?`)
    ),
    Effect.flatMap((response) =>
      response.status === 401
        ? unreachable(`The dashboard at ${url.href} requires a token: set SOCKETPOOL_TOKEN.`)
        : Effect.mapError(
          HttpClientResponse.schemaBodyJson(Snapshot)(response),
          () => unreachable(`The server at ${url.href} is not a socketpool dashboard (status ${response.status}).`)
        )
    ),
    Effect.scoped,
    Effect.provide(FetchHttpClient.layer)
  )
