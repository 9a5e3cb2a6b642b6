/** `socketpool demo`: a server that can be switched to faults, a pool under load, and the live page. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import type { PoolStats } from "@socketpool/core/PoolStats"
import * as Dashboard from "@socketpool/dashboard/Dashboard"
import * as TcpPool from "@socketpool/node/TcpPool"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { interactive } from "./demoScreen.js"
import { once, recover } from "./effect.js"
import { type Failure, runFailed } from "./failure.js"
import { type Fault, faultDescriptions, type FaultyServer, make as makeServer } from "./faultyServer.js"
import * as Load from "./load.js"
import * as Replicas from "./replicasScene.js"
import { paint, print, printJson, Screen } from "./screen.js"
import * as Shared from "./sharedScene.js"
import { count } from "./text.js"

export interface Options {
  /** The port of the page; by default 8686, or a free port if 8686 is taken. */
  readonly port: number | undefined
  readonly page: boolean
  /** The running time without a terminal. With one the demo runs until `q` is pressed. */
  readonly seconds: number
  readonly fibers: number
  readonly connections: number
  /** The fault to start with; without a terminal the demo stays at it instead of going through all. */
  readonly fault: Fault | undefined
  readonly json: boolean
}

/** Parts of the demo that its tests replace. */
export interface Parts {
  /** Turns a request into the answer of the server. Default: the same bytes. */
  readonly answer?: (chunk: Buffer) => Buffer
  /** The same of the server whose connections are shared. */
  readonly sharedAnswer?: (chunk: Buffer) => Buffer
  /** Lets this number of milliseconds pass under the present fault. Default: sleeps. */
  readonly pause?: (millis: number, fault: Fault, counts: Load.LoadCounts) => Effect.Effect<void>
}

export interface Running {
  readonly options: Options
  readonly url: string | undefined
  readonly pool: ConnectionPool<Connection, ConnectError>
  readonly server: FaultyServer
  readonly counts: Load.LoadCounts
  readonly shared: Shared.SharedScene
  readonly replicas: Replicas.ReplicasScene
  /** The number of answers since the last fault; undefined unless the demo goes through all faults. */
  recovered: number | undefined
}

/** Checks the outcome of the demo: the text of each check, and whether it passed. */
const verdict = (
  { counts, recovered, server }: Running,
  stats: PoolStats
): ReadonlyArray<[string, boolean]> => {
  const closed = Object.values(stats.closed).reduce((a, b) => a + b, 0)
  return [
    [`${count(counts.answered)} answers, ${counts.wrong} of them to the wrong request`, counts.wrong === 0],
    [`${counts.inFlight} requests still in flight`, counts.inFlight === 0],
    [
      `${stats.opened} connections opened, ${closed} closed, ${server.connections()} still open on the server`,
      stats.opened === closed
    ],
    [
      `at most ${server.peak()} connections at once, ${stats.maxConnections} allowed`,
      server.peak() <= stats.maxConnections
    ],
    ...(recovered === undefined
      ? []
      : [[`${count(recovered)} answers after the server came back`, recovered > 0] as [string, boolean]])
  ]
}

/** The time that requests in flight have to end, and that the last of them may take under any fault. */
const endTimeout = "30 seconds"

/** Runs the demo, and fails if a check of its outcome fails. */
export const run = (options: Options, parts: Parts = {}): Effect.Effect<void, Failure, Screen> =>
  Effect.gen(function*() {
    const screen = yield* Screen
    const server = yield* Effect.orDie(makeServer(parts.answer))
    const poolScope = yield* Scope.make()
    const built = yield* Layer.buildWithScope(
      TcpPool.layer({
        host: "127.0.0.1",
        port: server.port,
        name: "demo",
        maxConnections: options.connections,
        minConnections: Math.min(2, options.connections),
        connectTimeout: "1 second",
        acquireTimeout: "2 seconds",
        timeout: "1 second",
        leakThreshold: "5 seconds"
      }),
      poolScope
    )
    const pool = Context.get(built, Pool)
    const closed = once(Scope.close(poolScope, Exit.void))
    yield* Effect.addFinalizer(() => closed)
    const url = options.page
      ? (yield* page(options.port)).url
      : undefined
    let isOver = false
    const { counts, done } = yield* Load.start({
      ask: Load.echo(pool),
      fibers: options.fibers,
      rest: [5, 45],
      isOver: () => isOver
    })
    const shared = yield* Shared.start(options.fibers, () => isOver, parts.sharedAnswer)
    const replicas = yield* Replicas.start(() => isOver)
    yield* server.setFault(options.fault ?? "none")
    const running: Running = { options, url, pool, server, counts, shared, replicas, recovered: undefined }
    yield* screen.isTerminal && !options.json ? interactive(running) : scripted(running, parts.pause ?? Effect.sleep)
    isOver = true
    yield* server.setFault(options.fault === undefined ? "none" : server.fault())
    yield* Effect.timeoutOption(Effect.all([done, shared.done, replicas.done]), endTimeout)
    yield* Effect.all([closed, shared.close, replicas.close])
    yield* serverIdle(server)
    yield* report(running)
  }).pipe(Effect.scoped)

const page = (port: number | undefined) =>
  port === undefined
    ? Effect.orDie(recover(Dashboard.serve(), () => Dashboard.serve({ port: 0 })))
    : Effect.mapError(
      Dashboard.serve({ port }),
      () => runFailed(`The live page cannot be served on port ${port}: it is taken. Choose another port with --port.`)
    )

/** Waits up to a second until the server has no connections: it notices a close a moment after the pool. */
const serverIdle = (server: FaultyServer) =>
  Effect.repeat(Effect.sync(server.connections), {
    schedule: Schedule.spaced("10 millis"),
    times: 100,
    until: (connections) => connections === 0
  })

const report = (running: Running) =>
  Effect.gen(function*() {
    const { counts, options, pool, replicas, shared } = running
    const stats = yield* pool.stats
    const found = [
      ...verdict(running, stats),
      ...Shared.verdict(shared, yield* shared.client.pool.stats),
      ...Replicas.verdict(replicas)
    ]
    const hasPassed = found.every(([, passed]) => passed)
    if (options.json) {
      yield* printJson({ verdict: found.map(([text, passed]) => ({ text, well: passed })), ok: hasPassed, stats })
    } else {
      yield* print(
        "",
        ...found.map(([text, passed]) => [paint(passed ? "ok  " : "BAD ", passed ? "good" : "bad"), ` ${text}`])
      )
      for (const [kind, { count: n }] of counts.failed) {
        yield* print(`     ${count(n)} requests failed with ${kind}, as expected`)
      }
    }
    if (!hasPassed) return yield* runFailed("The pool failed the checks marked BAD.")
  })

/**
 * Waits for an answer from the server that is back: on a busy machine its share of the running time can be too short.
 */
const answeredAgain = (counts: Load.LoadCounts, before: number) =>
  Effect.repeat(Effect.sync(() => counts.answered), {
    schedule: Schedule.spaced("10 millis"),
    until: (answered) => answered > before
  }).pipe(Effect.timeoutOption(endTimeout))

// --- Without a terminal ---------------------------------------------------------------------------------------------

/** The faults in order, each with its share of the running time. */
const scenario: ReadonlyArray<readonly [Fault, number]> = [
  ["none", 0.25],
  ["slow", 0.15],
  ["lossy", 0.2],
  ["stuck", 0.1],
  ["down", 0.1],
  ["none", 0.2]
]

const sharedFigures = ({ client, counts: { answered, interrupted, wrong } }: Shared.SharedScene) =>
  Effect.map(client.pool.stats, (stats) => ({ answered, interrupted, foreign: wrong, lost: Shared.lost(stats), stats }))

const scripted = (running: Running, pause: NonNullable<Parts["pause"]>) =>
  Effect.gen(function*() {
    const { counts, options, pool, replicas, server, shared, url } = running
    const say = (...lines: ReadonlyArray<string>) => options.json ? Effect.void : print(...lines)
    yield* say(
      `${options.fibers} fibers share ${options.connections} connections to a server on port ${server.port}.`,
      `${options.fibers} others send requests at once on ${Shared.connections} connections, and interrupt many of them.`,
      ...(url === undefined ? [] : [`The live page is at ${url}`]),
      ""
    )
    const steps = options.fault === undefined ? scenario : [[options.fault, 1] as const]
    for (const step of steps) {
      const [fault, part] = step
      yield* server.setFault(fault)
      const answeredBefore = counts.answered
      yield* say(`The server ${faultDescriptions[fault]}.`)
      const isStopped = fault !== "none" && fault !== "slow"
      if (isStopped !== replicas.isStopped()) {
        yield* replicas.stop(isStopped)
        yield* say(`One of the ${Replicas.servers} servers behind one pool ${isStopped ? "stops" : "is back"}.`)
      }
      const millis = options.seconds * 1_000 * part
      const readings = Math.max(1, Math.round(millis / 1_000))
      for (let reading = 0; reading < readings; reading++) {
        const before = { ...counts }
        const [took] = yield* Effect.timed(pause(millis / readings, fault, counts))
        const stats = yield* pool.stats
        if (options.json) {
          const { asked, answered, wrong } = counts
          yield* printJson({ fault, asked, answered, wrong, stats, shared: yield* sharedFigures(shared) })
        } else {
          const seconds = Math.max(1e-3, Duration.toSeconds(took))
          yield* print(
            `  ${count((counts.answered - before.answered) / seconds).padStart(6)} answers/s  ` +
              `${stats.inUse} in use, ${stats.idle} idle, ${stats.opening} opening, ${stats.pending} pending`
          )
        }
      }
      const { answered, foreign, interrupted, lost } = yield* sharedFigures(shared)
      yield* say(
        `  ${count(answered).padStart(6)} replies on shared connections so far, ${count(interrupted)} requests ` +
          `interrupted; foreign replies: ${count(foreign)}, connections lost: ${count(lost)}`,
        `  ${
          count(replicas.counts.answered).padStart(6)
        } answers of the servers behind one pool so far: ${yield* Replicas.states(replicas)}`
      )
      if (options.fault !== undefined) continue
      if (step === scenario.at(-1)) yield* answeredAgain(counts, answeredBefore)
      running.recovered = counts.answered - answeredBefore
    }
  })
