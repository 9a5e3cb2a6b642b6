/** `socketpool bench`: load on a server through a pool. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError, ConnectionError } from "@socketpool/core/ConnectionError"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import * as PoolAdvice from "@socketpool/core/PoolAdvice"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Schedule from "effect/Schedule"
import { type Failure, runFailed, tally, unreachable, usageError } from "./failure.js"
import * as Login from "./login.js"
import { histogram, Samples, type Summary } from "./samples.js"
import { bar, type Device, paint, print, printJson, Screen, statusLine } from "./screen.js"
import * as Target from "./target.js"
import { count, duration, figure, table, wrap } from "./text.js"

export interface Options {
  readonly target: string
  readonly connections: number
  /** The number of callers in a closed loop; each calls again when it has its answer. */
  readonly concurrency: number
  /** The calls per second in an open loop, which start whether earlier calls have ended or not. */
  readonly rate: number | undefined
  readonly duration: Duration.Duration
  readonly payload: number
  readonly send: string | undefined
  readonly expect: "echo" | "lines"
  /** The start of a good answer; without one, a line that does not look like an error. */
  readonly answer: string | undefined
  readonly login: Login.Login | undefined
  readonly json: boolean
}

interface Run {
  readonly calls: Samples
  readonly waits: Samples
  readonly uses: Samples
  readonly failed: Map<string, number>
  answered: number
}

const nowMillis = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

const payloadOf = ({ payload, send }: Options): Uint8Array =>
  new TextEncoder().encode(send === undefined ? `${"x".repeat(payload - 1)}\n` : Login.unescaped(send))

/** Sends a request, reads its answer, and returns what is wrong with it, if anything. */
const exchangeOf = ({ answer, expect }: Options, payload: Uint8Array) => {
  const isSame = (bytes: Uint8Array) => Buffer.compare(bytes, payload) === 0
  return (connection: Connection): Effect.Effect<Login.WrongAnswer | undefined, ConnectionError> =>
    Effect.andThen(
      connection.send(payload),
      expect === "echo"
        ? Effect.map(
          connection.recvExactly(payload.length),
          (bytes) => isSame(bytes) ? undefined : Login.wrongAnswer(new TextDecoder().decode(bytes))
        )
        : Effect.map(
          Login.readLine(connection),
          (line) => Login.isExpected(line, answer) ? undefined : Login.wrongAnswer(line)
        )
    )
}

/**
 * Makes calls that count from `began`, their scheduled start, even if they start later. A wrong answer is whole, so it
 * does not cost the connection.
 */
const caller = (pool: ConnectionPool<Connection, any>, options: Options, run: Run) => {
  const exchange = exchangeOf(options, payloadOf(options))
  return (began: number) =>
    pool.use((connection) =>
      Effect.flatMap(nowMillis, (served) => {
        run.waits.add(served - began)
        return Effect.tap(exchange(connection), () => Effect.map(nowMillis, (now) => run.uses.add(now - served)))
      })
    ).pipe(
      Effect.flatMap((wrong) => wrong ?? Effect.void),
      Effect.matchEffect({
        onFailure: (error) => Effect.sync(() => tally(run.failed, error)),
        onSuccess: () =>
          Effect.map(nowMillis, (now) => {
            run.answered++
            run.calls.add(now - began)
          })
      })
    )
}

/** Each caller calls at least once, even if the time is over before its first turn. */
const closedLoop = (call: (began: number) => Effect.Effect<void>, callers: number, until: number) => {
  const loop: Effect.Effect<void> = Effect.flatMap(
    Effect.andThen(Effect.flatMap(nowMillis, call), nowMillis),
    (now) => now >= until ? Effect.void : loop
  )
  return Effect.forEach(Array.from({ length: callers }), () => loop, { concurrency: "unbounded", discard: true })
}

/**
 * Starts calls at a fixed rate. Latency counts from the scheduled start, so it includes the time that a stall costs.
 */
const openLoop = (call: (began: number) => Effect.Effect<void>, rate: number, from: number, until: number) =>
  Effect.gen(function*() {
    // The set forgets a call that has ended.
    const calls = yield* FiberSet.make()
    const all = Math.max(1, Math.floor((until - from) / 1_000 * rate))
    for (let begun = 0; begun < all;) {
      const now = yield* nowMillis
      const due = Math.min(all, Math.floor((now - from) / 1_000 * rate) + 1)
      for (; begun < due; begun++) yield* FiberSet.run(calls, call(from + begun / rate * 1_000))
      yield* Effect.sleep(Math.max(0, from + begun / rate * 1_000 - now))
    }
    yield* FiberSet.awaitEmpty(calls)
  })

/** The most calls that wait for a connection; more fail with `QueueFull`, so that memory has a bound. */
const maxPending = 100_000
/** The most bytes of payload on all connections at once. */
const mostBytes = 1_000_000_000

const check = (options: Options): Effect.Effect<void, Failure> =>
  options.answer !== undefined && options.expect !== "lines"
    ? usageError("--answer requires --expect lines")
    : options.send === undefined && options.payload * options.connections > mostBytes
    ? usageError(
      `--payload times --connections must be at most ${count(mostBytes)}, but is ` +
        count(options.payload * options.connections)
    )
    : Effect.void

export const run = (options: Options): Effect.Effect<void, Failure, Screen> =>
  Effect.gen(function*() {
    const target = yield* Target.parse(options.target)
    yield* check(options)
    const layer = Target.poolLayer(target, {
      name: target.text,
      maxConnections: options.connections,
      maxPending,
      timeout: "10 seconds",
      login: options.login
    })
    yield* Effect.provide(measured(target.text, options), layer)
  })

/** A server that cannot be reached, or refuses the login, fails the run at once and not after ten seconds of calls. */
const reach = (pool: ConnectionPool<Connection, ConnectError>) =>
  Effect.mapError(
    pool.use(() => Effect.void),
    (error) =>
      error._tag === "ConnectError" && error.cause instanceof Login.WrongAnswer
        ? runFailed(`The handshake failed: ${error.cause.message}.`)
        : unreachable(error.message)
  )

/** Runs the load on the pool in the context. */
export const measured = (target: string, options: Options): Effect.Effect<void, Failure, Pool | Screen> =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* Pool
    yield* reach(pool)
    const run: Run = { calls: new Samples(), waits: new Samples(), uses: new Samples(), failed: new Map(), answered: 0 }
    const call = caller(pool, options, run)
    const since = yield* pool.stats
    const from = yield* nowMillis
    const until = from + Duration.toMillis(options.duration)
    const load = options.rate === undefined
      ? closedLoop(call, options.concurrency, until)
      : openLoop(call, options.rate, from, until)
    yield* Effect.scoped(Effect.andThen(Effect.forkScoped(progress(run, from, until)), load))
    const seconds = ((yield* nowMillis) - from) / 1_000
    const failed = [...run.failed.values()].reduce((a, b) => a + b, 0)
    const stats = yield* pool.stats
    const result = {
      target,
      loop: options.rate === undefined ? "closed" : "open",
      seconds,
      answered: run.answered,
      failed: Object.fromEntries(run.failed),
      perSecond: run.answered / seconds,
      callMillis: run.calls.summary,
      waitMillis: run.waits.summary,
      useMillis: run.uses.summary,
      stats,
      advice: PoolAdvice.advise({ stats, since })
    }
    const screen = yield* Screen
    if (options.json) yield* printJson(result)
    else yield* print(...report(screen, options, result, run.calls.sorted))
    if (failed > 0) {
      return yield* runFailed(run.answered === 0 ? "All calls failed." : `${count(failed)} calls failed.`)
    }
  }))

const progress = (run: Run, from: number, until: number) =>
  Effect.gen(function*() {
    const screen = yield* Screen
    const draw = yield* statusLine
    const show = Effect.flatMap(nowMillis, (now) => {
      const part = Math.min(1, (now - from) / (until - from))
      const width = Math.max(10, Math.min(40, screen.columns() - 45))
      const perSecond = run.answered / Math.max(0.001, (now - from) / 1_000)
      return draw(`${bar(screen, part, width)} ${Math.round(part * 100)} %  ${count(perSecond)} answers/s`)
    })
    yield* Effect.repeat(show, Schedule.spaced("100 millis"))
  })

interface Result {
  readonly loop: string
  readonly target: string
  readonly seconds: number
  readonly answered: number
  readonly failed: Readonly<Record<string, number>>
  readonly perSecond: number
  readonly callMillis: Summary
  readonly waitMillis: Summary
  readonly useMillis: Summary
  readonly advice: { readonly reasons: ReadonlyArray<string> }
}

const report = (screen: Device, options: Options, result: Result, sorted: ReadonlyArray<number>) => {
  const row = (
    name: string,
    { max, p50, p90, p99, p999 }: Summary
  ) => [name, ...[p50, p90, p99, p999, max].map(duration)]
  const columns = screen.isTerminal ? screen.columns() : Infinity
  const left = { align: "left" } as const
  const right = { align: "right" } as const
  const how = options.rate === undefined
    ? `closed loop: ${options.concurrency} callers`
    : `open loop: ${figure(options.rate)} calls/s, each timed from its scheduled start`
  return [
    paint(`${result.target}: ${count(result.perSecond)} answers/s`, "bold"),
    ...wrap(`${how}, over at most ${options.connections} connections, for ${figure(result.seconds)} s`, columns),
    "",
    ...table(
      [
        { head: "", ...left },
        { head: "p50", ...right },
        { head: "p90", ...right },
        { head: "p99", ...right },
        { head: "p99.9", ...right },
        { head: "max", ...right }
      ],
      [
        row("whole call", result.callMillis),
        row("wait for a connection", result.waitMillis),
        row("use", result.useMillis)
      ]
    ),
    "",
    ...chart(screen, sorted),
    "",
    `${count(result.answered)} answers`,
    ...Object.entries(result.failed).map(([kind, n]) => paint(`${count(n)} failed with ${kind}`, "bad")),
    ...result.advice.reasons.flatMap((reason) => wrap(reason, columns))
  ]
}

/** Draws the histogram of call durations, one line for each step. */
const chart = (screen: Device, sorted: ReadonlyArray<number>): ReadonlyArray<string> => {
  const all = histogram(sorted, 12)
  const most = Math.max(...all.map(({ count }) => count), 1)
  const width = Math.max(10, Math.min(50, screen.columns() - 30))
  return all.map(({ count: n, upTo }) => {
    const bar = (screen.hasBlocks ? "█" : "#").repeat(n === 0 ? 0 : Math.max(1, Math.round(n / most * width)))
    return `${`<= ${duration(upTo)}`.padStart(12)}  ${bar.padEnd(width)}  ${count(n)}`.trimEnd()
  })
}
