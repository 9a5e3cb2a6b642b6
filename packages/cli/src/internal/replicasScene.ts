/** The third scene of the demo: three servers behind one pool of endpoints, one of which can be stopped. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type { EndpointPool } from "@socketpool/core/EndpointPool"
import * as Endpoints from "@socketpool/core/Endpoints"
import * as TcpPool from "@socketpool/node/TcpPool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { once } from "./effect.js"
import { words } from "./endpointLines.js"
import { type FaultyServer, make as makeServer } from "./faultyServer.js"
import * as Load from "./load.js"
import { count } from "./text.js"

const host = "127.0.0.1"
export const servers = 3
const fibers = 6
/** The server takes this many milliseconds for each answer. */
const answerMillis = 5
const rest = [20, 100] as const

export interface ReplicasScene {
  readonly pool: EndpointPool<Connection, ConnectError>
  readonly counts: Load.LoadCounts
  /** Stops the last server, or starts it again. */
  readonly stop: (isStopped: boolean) => Effect.Effect<void>
  readonly isStopped: () => boolean
  readonly done: Effect.Effect<void>
  readonly close: Effect.Effect<void>
}

/** Starts the servers, their pool, and its load. */
export const start = (isOver: () => boolean): Effect.Effect<ReplicasScene, never, Scope.Scope> =>
  Effect.gen(function*() {
    const all: ReadonlyArray<FaultyServer> = yield* Effect.orDie(
      Effect.forEach(Array.from({ length: servers }), () => makeServer(undefined, answerMillis))
    )
    const last = all.at(-1)!
    const scope = yield* Scope.make()
    const close = once(Scope.close(scope, Exit.void))
    yield* Effect.addFinalizer(() => close)
    const pool = yield* Effect.provideService(
      TcpPool.endpoints({
        endpoints: Endpoints.of(...all.map(({ port }) => ({ host, port }))),
        name: "replicas",
        maxConnections: fibers,
        connectTimeout: "1 second",
        acquireTimeout: "2 seconds",
        timeout: "1 second",
        ejectionTime: "3 seconds",
        slowStart: "3 seconds"
      }),
      Scope.Scope,
      scope
    )
    return {
      pool,
      close,
      stop: (isStopped) => last.setFault(isStopped ? "down" : "none"),
      isStopped: () => last.fault() === "down",
      ...(yield* Load.start({ ask: Load.echo(pool), fibers, rest, isOver }))
    }
  })

/** The states of the endpoints in a few words, such as `2 up, 1 ejected`. */
export const states = ({ pool }: ReplicasScene): Effect.Effect<string> =>
  Effect.map(pool.endpoints, (endpoints) => {
    const counts = new Map<string, number>()
    for (const { state } of endpoints) counts.set(words[state], (counts.get(words[state]) ?? 0) + 1)
    return Array.from(counts, ([word, n]) => `${n} ${word}`).join(", ")
  })

/** The outcome of the scene: the text of each check, and whether it passed. */
export const verdict = ({ counts: { answered, wrong } }: ReplicasScene): ReadonlyArray<[string, boolean]> => [
  [
    `${count(answered)} answers of ${servers} servers behind one pool, ${wrong} of them to the wrong request`,
    wrong === 0
  ]
]
