/** `socketpool demo`: a server, a pool, load, a dial for faults and the live page. */
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
import * as Stream from "effect/Stream"
import { type Failure, wrong } from "./failure.js"
import { type Fault, faults, type FaultyServer, make as makeServer, meaning } from "./faultyServer.js"
import * as Load from "./load.js"
import { bar, paint, pictures, print, printJson, Screen } from "./screen.js"
import { count, figure, span } from "./text.js"

export interface Options {
  /** Where the page is; by default 8686, or any that is free if that is taken. */
  readonly port: number | undefined
  readonly page: boolean
  /** How long it goes on without a terminal; with one it does until it is told to end. */
  readonly seconds: number
  readonly fibers: number
  readonly connections: number
  /** Stays at this fault instead of going through all. */
  readonly fault: Fault | undefined
  readonly json: boolean
}

interface Running {
  readonly options: Options
  readonly url: string | undefined
  readonly pool: ConnectionPool<Connection, ConnectError>
  readonly server: FaultyServer
  readonly books: Load.Books
  /** How many answers there were after the last fault, if it has gone through all. */
  recovered: number | undefined
}

/** What the demo must not have found, each with whether it has. */
const verdict = (
  { books, recovered, server }: Running,
  stats: PoolStats
): ReadonlyArray<[string, boolean]> => {
  const closed = Object.values(stats.closed).reduce((a, b) => a + b, 0)
  return [
    [`${count(books.answered)} answers, each its asker's own; foreign ones: ${books.wrong}`, books.wrong === 0],
    [`every question has ended: ${books.out} are out`, books.out === 0],
    [`${stats.opened} connections opened, ${closed} closed, ${server.connections()} left`, stats.opened === closed],
    [
      `the server never had more than ${stats.maxConnections} connections: ${server.peak()}`,
      server.peak() <= stats.maxConnections
    ],
    ...(recovered === undefined
      ? []
      : [[`${count(recovered)} answers after the server had come back`, recovered > 0] as [string, boolean]])
  ]
}

/** Runs until told otherwise, and fails if anything was wrong. `answer` is what the server makes of a question. */
export const run = (options: Options, answer?: (chunk: Buffer) => Buffer): Effect.Effect<void, Failure, Screen> =>
  Effect.gen(function*() {
    const screen = yield* Screen
    const server = yield* Effect.orDie(makeServer(answer))
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
    const closed = yield* Effect.once(Scope.close(poolScope, Exit.void))
    yield* Effect.addFinalizer(() => closed)
    const url = options.page
      ? (yield* page(options.port)).url
      : undefined
    let isOver = false
    const { books, done } = yield* Load.start(pool, options.fibers, () => isOver)
    yield* server.turn(options.fault ?? "none")
    const running: Running = { options, url, pool, server, books, recovered: undefined }
    yield* screen.isTerminal && !options.json ? byHand(running) : byItself(running)
    isOver = true
    yield* server.turn(options.fault === undefined ? "none" : server.fault())
    yield* Effect.timeoutOption(done, "5 seconds")
    yield* closed
    yield* settled(server)
    yield* conclude(running)
  }).pipe(Effect.scoped)

const page = (port: number | undefined) =>
  port === undefined
    ? Effect.orDie(Effect.orElse(Dashboard.serve(), () => Dashboard.serve({ port: 0 })))
    : Effect.mapError(
      Dashboard.serve({ port }),
      () => wrong(`The page cannot be served on port ${port}: it is taken. Choose another with --port.`)
    )

/** The server sees a connection's end a moment after the pool does. */
const settled = (server: FaultyServer) =>
  Effect.repeat(Effect.sync(server.connections), {
    schedule: Schedule.intersect(Schedule.spaced("10 millis"), Schedule.recurs(100)),
    until: (connections) => connections === 0
  })

const conclude = (running: Running) =>
  Effect.gen(function*() {
    const screen = yield* Screen
    const { books, options, pool } = running
    const stats = yield* pool.stats
    const found = verdict(running, stats)
    const isWell = found.every(([, well]) => well)
    if (options.json) {
      yield* printJson({ verdict: found.map(([text, well]) => ({ text, well })), ok: isWell, stats })
    } else {
      yield* print(
        "",
        ...found.map(([text, well]) => `${paint(screen, well ? "ok  " : "BAD ", well ? "good" : "bad")} ${text}`)
      )
      for (const [kind, n] of books.failed) {
        yield* print(`     ${count(n)} questions failed with ${kind}, as they should`)
      }
    }
    if (!isWell) return yield* wrong("Something is wrong with the pool: see above.")
  })

// --- Without a terminal ---------------------------------------------------------------------------------------------

/** What the server does, and for which part of the time. */
const program: ReadonlyArray<readonly [Fault, number]> = [
  ["none", 0.25],
  ["slow", 0.15],
  ["lossy", 0.2],
  ["stuck", 0.1],
  ["down", 0.1],
  ["none", 0.2]
]

const byItself = (running: Running) =>
  Effect.gen(function*() {
    const { books, options, pool, server, url } = running
    const say = (...lines: ReadonlyArray<string>) => options.json ? Effect.void : print(...lines)
    yield* say(
      `${options.fibers} fibers share ${options.connections} connections to a server on port ${server.port}.`,
      ...(url === undefined ? [] : [`The live page is at ${url}`]),
      ""
    )
    const steps = options.fault === undefined ? program : [[options.fault, 1] as const]
    for (const [fault, part] of steps) {
      yield* server.turn(fault)
      const answeredBefore = books.answered
      yield* say(`The server ${meaning[fault]}.`)
      const millis = options.seconds * 1_000 * part
      const readings = Math.max(1, Math.round(millis / 1_000))
      for (let reading = 0; reading < readings; reading++) {
        const before = { ...books }
        yield* Effect.sleep(Duration.millis(millis / readings))
        const stats = yield* pool.stats
        if (options.json) {
          yield* printJson({ fault, asked: books.asked, answered: books.answered, wrong: books.wrong, stats })
        } else {
          const seconds = millis / readings / 1_000
          yield* print(
            `  ${count((books.answered - before.answered) / seconds).padStart(6)} answers/s  ` +
              `${stats.inUse} in use, ${stats.idle} idle, ${stats.opening} opening, ${stats.pending} pending`
          )
        }
      }
      if (options.fault === undefined) running.recovered = books.answered - answeredBefore
    }
  })

// --- With a terminal ------------------------------------------------------------------------------------------------

const byHand = ({ books, pool, server, url }: Running) =>
  Effect.scoped(Effect.gen(function*() {
    const screen = yield* Screen
    const draw = yield* pictures
    let last = { at: Date.now(), answered: 0, failed: 0, perSecond: 0, failedPerSecond: 0 }
    let said = ""
    const show = Effect.gen(function*() {
      const stats = yield* pool.stats
      const [oldest] = yield* pool.leases
      const failed = [...books.failed.values()].reduce((a, b) => a + b, 0)
      const seconds = (Date.now() - last.at) / 1_000
      if (seconds >= 0.9) {
        last = {
          at: Date.now(),
          answered: books.answered,
          failed,
          perSecond: (books.answered - last.answered) / seconds,
          failedPerSecond: (failed - last.failed) / seconds
        }
      }
      const width = Math.min(40, screen.columns() - 32)
      const fault = server.fault()
      const dial = faults.map((name, i) => {
        const label = ` ${i + 1} ${name} `
        return name === fault ? paint(screen, label, "inverse") : label
      }).join(" ")
      const row = (name: string, n: number) =>
        `  ${name.padEnd(10)}${String(n).padStart(5)}  ${bar(screen, n / stats.maxConnections, width)}`
      yield* draw([
        paint(screen, "socketpool demo", "bold") + (url === undefined ? "" : `   the live page: ${url}`),
        "",
        `  The server ${meaning[fault]}.`,
        `  ${dial}`,
        "",
        row("in use", stats.inUse),
        row("idle", stats.idle),
        row("opening", stats.opening),
        row("pending", stats.pending),
        `  ${"at most".padEnd(10)}${String(stats.maxConnections).padStart(5)}`,
        "",
        `  ${count(last.perSecond)} answers/s, ${figure(last.failedPerSecond)} failures/s`,
        `  wait ${span(stats.waitTime.p50Millis)} (half), ${span(stats.waitTime.p99Millis)} (99 %)`,
        `  longest lease: ${
          oldest === undefined ? "none" : `${span(oldest.holder.heldMillis)} ${oldest.holder.span ?? ""}`
        }`,
        `  foreign answers: ${paint(screen, String(books.wrong), books.wrong === 0 ? "good" : "bad")}`,
        "",
        ...[...books.failed].slice(0, 4).map(([kind, n]) => paint(screen, `  ${count(n)} x ${kind}`, "dim")),
        "",
        `  1-5 or arrows: turn the dial   k: kill all connections   q: quit   ${said}`
      ])
    })
    const keys = yield* screen.keys
    const turn = (by: number) =>
      server.turn(faults[(faults.indexOf(server.fault()) + by + faults.length) % faults.length]!)
    const press = (key: string): Effect.Effect<void> =>
      /^[1-5]$/.test(key)
        ? server.turn(faults[Number(key) - 1]!)
        : key === "\x1b[C"
        ? turn(1)
        : key === "\x1b[D"
        ? turn(-1)
        : key === "k"
        ? Effect.map(server.kill, (lost) => void (said = `${lost} connections killed`))
        : Effect.void
    yield* Effect.forkScoped(Effect.repeat(show, Schedule.spaced("200 millis")))
    yield* Stream.runForEach(
      Stream.takeUntil(keys, (key) => key === "q" || key === "\x03"),
      (key) => Effect.zipRight(press(key), show)
    )
  }))
