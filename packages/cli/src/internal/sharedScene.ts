/** The second scene of the demo: fibers share a few connections, and many of their requests are interrupted. */
import { type Client, make as makeClient } from "@socketpool/core/Client"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as Framing from "@socketpool/core/Framing"
import type { PoolStats } from "@socketpool/core/PoolStats"
import * as Protocol from "@socketpool/core/Protocol"
import * as TcpConnection from "@socketpool/node/TcpConnection"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { once } from "./effect.js"
import { make as makeServer } from "./faultyServer.js"
import * as Load from "./load.js"
import { count } from "./text.js"

export const connections = 4

/** The server takes this many milliseconds for each answer, so that interruptions meet requests in flight. */
const answerMillis = 5
/** One request in this number is interrupted, up to twice that time after it was begun. */
const interruptedOneIn = 4
/** Long enough that the first scene, in the same process, has its share of the processor. */
const rest = [50, 250] as const

export interface SharedScene {
  readonly client: Client<string, string, never, ConnectError>
  readonly counts: Load.LoadCounts
  readonly done: Effect.Effect<void>
  readonly close: Effect.Effect<void>
}

/** Starts a healthy server of its own, a client, and its load. */
export const start = (
  fibers: number,
  isOver: () => boolean,
  answer?: (chunk: Buffer) => Buffer
): Effect.Effect<SharedScene, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { port } = yield* Effect.orDie(makeServer(answer, answerMillis))
    const scope = yield* Scope.make()
    const close = once(Scope.close(scope, Exit.void))
    yield* Effect.addFinalizer(() => close)
    const client = yield* Effect.provideService(
      makeClient({
        protocol: Protocol.inOrder({ framing: Framing.strings(Framing.lines({ end: "\n" })) }),
        open: TcpConnection.open({ host: "127.0.0.1", port }),
        name: "shared",
        maxConnections: connections,
        minConnections: connections,
        // As many as the load can have: here an abandoned request must never cost a connection.
        maxAbandoned: 1_000_000
      }),
      Scope.Scope,
      scope
    )
    const ask = (request: string) => {
      const response = client.request(request)
      return Math.random() * interruptedOneIn < 1
        ? Effect.map(Effect.timeoutOption(response, Math.random() * 2 * answerMillis), Option.getOrUndefined)
        : response
    }
    return { client, close, ...(yield* Load.start({ ask, fibers, rest, isOver })) }
  })

/** Counts the connections that the pool closed, but for those whose time was over. */
export const lost = ({ closed }: PoolStats): number =>
  Object.values(closed).reduce((a, b) => a + b, 0) - closed.Expired - closed.PoolClosed

/** The outcome of the scene: the text of each check, and whether it passed. */
export const verdict = (
  { counts: { answered, interrupted, wrong } }: SharedScene,
  stats: PoolStats
): ReadonlyArray<[string, boolean]> => [
  [`foreign replies: ${count(wrong)}, among ${count(answered)} on ${connections} shared connections`, wrong === 0],
  [`connections lost: ${count(lost(stats))}, by ${count(interrupted)} interrupted requests`, lost(stats) === 0]
]
