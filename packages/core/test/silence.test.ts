import { Framing, Protocol, Session } from "@socketpool/core"
import { exitOf, fork, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Effect } from "effect"

const framing = Framing.strings(Framing.lines())

const silence = (request: string) => request.startsWith("wait") ? "10 minutes" as const : undefined

const turns = Effect.forEach(Array.from({ length: 50 }, (_, i) => i), () => yieldNow, { discard: true })

/** Advances the clock, and lets all that is due then happen. */
const pass = (time: "29 seconds" | "2 seconds" | "9 minutes" | "1 minute") =>
  Effect.andThen(Effect.andThen(turns, TestClock.adjust(time)), turns)

describe.each([
  ["inOrder", Protocol.inOrder({ framing, silence })],
  [
    "tagged",
    Protocol.tagged({
      framing,
      encode: (tag: number, request: string) => `${tag} ${request}`,
      tagOf: (message) =>
        /^\d/.test(message) ? { _tag: "Some", value: Number.parseInt(message) } as any : { _tag: "None" },
      silence
    })
  ]
])("silence of %s", (kind, protocol) => {
  it.scoped("lets the peer be silent for longer while such a request is in flight, and no longer", () =>
    Effect.gen(function*() {
      let answers = 0
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.flatMap(peer.recvUntil("\n"), () =>
          answers++ === 0
            ? Effect.delay(peer.send(kind === "tagged" ? "0 late\r\n" : "late\r\n"), "9 minutes")
            : Effect.never))
      )
      const connection = yield* server.connect()
      const session = yield* Session.make(protocol as Protocol.Protocol<string, string>, connection)

      const waiting = yield* fork(session.request("wait"))
      yield* pass("9 minutes")
      expect(exitOf(waiting)).toMatchObject({ _tag: "Success" })

      // The next request has the session's own limit again, although a watch for the longer one still sleeps.
      const stuck = yield* fork(Effect.flip(session.request("plain")))
      yield* pass("29 seconds")
      expect(exitOf(stuck)).toBeUndefined()
      yield* pass("2 seconds")
      expect(exitOf(stuck)).toMatchObject({ _tag: "Success", value: { reason: "Timeout", sent: "Maybe" } })
    }))

  it.scoped("ends the session when the peer is silent for longer than that", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(() => Effect.never)
      const connection = yield* server.connect()
      const session = yield* Session.make(protocol as Protocol.Protocol<string, string>, connection)
      const waiting = yield* fork(Effect.flip(session.request("wait")))
      yield* pass("9 minutes")
      expect(exitOf(waiting)).toBeUndefined()
      yield* pass("1 minute")
      yield* pass("1 minute")
      expect(exitOf(waiting)).toMatchObject({ _tag: "Success", value: { reason: "Timeout" } })
    }))
})
