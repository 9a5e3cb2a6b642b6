import { Client, Framing, Protocol, Session } from "@socketpool/core"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryConnection, MemoryServer } from "@socketpool/testing"
import { Deferred, Effect, FiberSet, Option } from "effect"

const lines = Protocol.inOrder({
  framing: Framing.strings(Framing.lines()),
  push: (line) => line.startsWith("!") ? Option.some(line.slice(1)) : Option.none()
})

/** More than `pushes` keeps for a slow subscriber, in one write. */
const many = Array.from({ length: 5_000 }, (_, i) => `${i}`)
const flood = many.map((text) => `!${text}\n`).join("")

describe("onPush", () => {
  it.scoped("hears of every push of one read, from the first byte on", () =>
    Effect.gen(function*() {
      const [near, far] = yield* MemoryConnection.pair({ highWaterMark: 1_000_000 })
      const heard: Array<string> = []
      yield* far.send(flood)
      const session = yield* Session.make(lines, near, { onPush: (push) => heard.push(push) })
      const served = Effect.andThen(far.recvUntil("\n"), far.send("pong\n"))
      const [answer] = yield* Effect.all([session.request("ping"), served], { concurrency: "unbounded" })
      expect(answer).toBe("pong")
      expect(heard).toEqual(many)
    }))

  it.scoped("of a client gets the session, whose tell goes out on the same connection", () =>
    Effect.gen(function*() {
      const told = yield* Deferred.make<string>()
      const server = yield* MemoryServer.make((peer) => {
        const line = Framing.text(Framing.over(peer, Framing.lines()))
        return line.send("!who").pipe(
          Effect.andThen(line.recv),
          Effect.andThen(line.send("ready")),
          Effect.andThen(line.recv),
          Effect.flatMap((text) => Deferred.succeed(told, text)),
          Effect.andThen(Effect.never)
        )
      })
      const run = yield* FiberSet.makeRuntime<never>()
      const client = yield* Client.make({
        protocol: lines,
        open: server.connect(),
        handshake: (session) => session.request("HELLO"),
        onPush: (push, session) => run(Effect.ignore(session.tell(`I heard ${push}`)))
      })
      yield* Effect.scoped(client.pool.get)
      expect(yield* Deferred.await(told)).toBe("I heard who")
    }))
})
