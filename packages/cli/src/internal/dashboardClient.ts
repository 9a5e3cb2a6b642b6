/** The client of a dashboard in another process. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Snapshot } from "@socketpool/dashboard/Snapshot"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { decodeJson, durationOf, failAfter } from "./effect.js"
import { type Failure, unreachable, usageError } from "./failure.js"
import { quoted } from "./target.js"
import { count } from "./text.js"

const rule = "URL must be the address of a dashboard, such as http://localhost:8686, without a user, a password, a " +
  "query or a fragment"

/** Parses the address of a dashboard; the scheme is optional, as in `localhost:8686`. */
export const parse = (text: string): Effect.Effect<URL, Failure> =>
  Effect.suspend(() => {
    const address = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`
    const url = URL.canParse(address) && !/[@?#]/.test(address) ? new URL(address) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      return usageError(`${rule}, but is ${quoted(text)}. A dashboard's token belongs into SOCKETPOOL_TOKEN.`)
    }
    return Effect.succeed(url.pathname.endsWith("/") ? url : new URL(`${url.href}/`))
  })

/** The limits of one request: a dashboard with a thousand busy pools answers 30 MB. */
const limits = { time: "10 seconds" as Duration.DurationInput, bytes: 64_000_000 }

class TooLong extends Data.TaggedError("TooLong") {}

/** Reads the body of a response up to the limit, which counts its bytes as they are after decompression. */
const textOf = (response: HttpClientResponse.HttpClientResponse, mostBytes: number) =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let length = 0
    let text = ""
    return Stream.runForEach(response.stream, (chunk) => {
      length += chunk.length
      if (length > mostBytes) return new TooLong()
      text += decoder.decode(chunk, { stream: true })
      return Effect.void
    }).pipe(Effect.map(() => text + decoder.decode()))
  })

const decode = decodeJson(Snapshot)

/** Asks a dashboard for its pools. The limits are for the whole answer, to the end of its body. */
export const snapshot = (
  url: URL,
  token: Redacted.Redacted<string> | undefined,
  { bytes, time } = limits
): Effect.Effect<Snapshot, Failure> =>
  failAfter(
    HttpClientRequest.get(new URL("api/pools", url).href).pipe(
      token === undefined ? (request) => request : HttpClientRequest.bearerToken(Redacted.value(token)),
      HttpClient.execute,
      Effect.mapError((error) =>
        unreachable(`No dashboard answers at ${url.href} (${error.message.split("\n")[0]}). Is it running there?`)
      ),
      Effect.flatMap((response) => {
        if (response.status === 401) {
          return unreachable(`The dashboard at ${url.href} requires a token: set SOCKETPOOL_TOKEN.`)
        }
        const other = `The server at ${url.href} is not a socketpool dashboard (status ${response.status}).`
        return textOf(response, bytes).pipe(
          Effect.flatMap(decode),
          Effect.mapError((error) =>
            error._tag === "TooLong"
              ? unreachable(`The server at ${url.href} sends more than ${count(bytes)} bytes.`)
              : unreachable(other)
          )
        )
      }),
      Effect.scoped
    ),
    {
      duration: time,
      onTimeout: () =>
        unreachable(
          `The server at ${url.href} has not answered completely within ${Duration.format(durationOf(time))}.`
        )
    }
  ).pipe(Effect.provide(FetchHttpClient.layer))
