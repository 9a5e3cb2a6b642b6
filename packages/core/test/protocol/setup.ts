// Sessions over a server in memory whose answers the test gives by hand.
import { type Connection, Framing, Protocol, Session } from "@socketpool/core"
import { MemoryServer } from "@socketpool/testing"
import { Cause, Deferred, Effect, Option } from "effect"
import { text } from "../connection/setup.js"

export const lines = Framing.strings(Framing.lines({ end: "\n" }))

/** One line asks, and one line answers; a line that begins with `>` is a push. */
export const inOrder = Protocol.inOrder({
  framing: lines,
  push: (line) => line.startsWith(">") ? Option.some(line.slice(1)) : Option.none()
})

/** `7 question` asks, `7 answer` answers, and a line without a number is a push. */
export const tagged = Protocol.tagged({
  framing: lines,
  encode: (tag: number, request: string) => `${tag} ${request}`,
  untagged: (request: string) => request,
  tagOf: (line) => {
    const tag = /^\d+(?= )/.exec(line)
    return tag === null ? Option.none() : Option.some(Number(tag[0]))
  }
})

/** A session, and the other end of its connection. */
export const connected = <P, A, B>(protocol: Protocol.Protocol<P, A, B>, options?: Session.SessionOptions) =>
  Effect.gen(function*() {
    const far = yield* Deferred.make<Connection>()
    const server = yield* MemoryServer.make((peer) => Effect.andThen(Deferred.succeed(far, peer), Effect.never))
    const session = yield* Session.make(protocol, yield* server.connect(), options)
    const peer = yield* Deferred.await(far)
    const read = Effect.map(peer.recvUntil("\n"), (line) => text(line).trimEnd())
    return { peer, read, server, session }
  })

/** The next lines that have come. */
export const arrived = (peer: Connection, lines: number) =>
  Effect.map(
    Effect.forEach(Array.from({ length: lines }), () => peer.recvUntil("\n")),
    (all) => all.map((line) => text(line).trimEnd())
  )

/** The message of the defect of an effect. */
export const defectOf = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.exit(effect), (exit) => exit._tag === "Failure" ? String(Cause.squash(exit.cause)) : "no defect")
