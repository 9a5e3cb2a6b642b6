// Servers in memory whose connections are on the test's clock.
import { MemoryServer } from "@socketpool/testing"
import { Data, Deferred, Effect, Stream } from "effect"

export const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
export const join = (chunks: Iterable<Uint8Array>) => [...chunks].map(text).join("")

export class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

export const echo = MemoryServer.make((peer) => Effect.forever(Effect.flatMap(peer.recv(), (data) => peer.send(data))))
export const silent = MemoryServer.make(() => Effect.never)
export const saying = (...words: ReadonlyArray<string>) =>
  MemoryServer.make((peer) => Effect.forEach(words, (word) => peer.send(word)))

/** A server whose peers read nothing until they may, and then count what they read. */
export const stalled = Effect.gen(function*() {
  const mayRead = yield* Deferred.make<void>()
  let got = 0
  const server = yield* MemoryServer.make((peer) =>
    Effect.andThen(
      Deferred.await(mayRead),
      Stream.runForEach(peer.stream, (chunk) => Effect.sync(() => (got += chunk.length)))
    )
  )
  return { got: () => got, letRead: Deferred.succeed(mayRead, undefined), server }
})
