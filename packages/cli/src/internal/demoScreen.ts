/** The demo in a terminal, where keys switch the server. */
import type { TimeSummary } from "@socketpool/core/PoolStats"
import { type PoolTimes, summaryBetween } from "@socketpool/core/PoolTimes"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Running } from "./demo.js"
import { faultDescriptions, faults } from "./faultyServer.js"
import { servers, states } from "./replicasScene.js"
import { bar, fullScreen, type Line, paint, Screen, sparkline } from "./screen.js"
import { connections as sharedConnections, lost } from "./sharedScene.js"
import { count, duration } from "./text.js"

/** The most kinds of errors on the screen. */
const mostKinds = 3

/** Runs until `q` is pressed. */
export const interactive = (running: Running): Effect.Effect<void, never, Screen> =>
  Effect.scoped(Effect.gen(function*() {
    const { replicas, server } = running
    const screen = yield* Screen
    const draw = yield* fullScreen
    let message = ""
    const waits = recentWaits(running.pool)
    const show = Effect.flatMap(
      picture(running, waits),
      (lines) => draw([...lines, ...(message === "" ? [] : [message])])
    )
    const keys = yield* screen.keys
    const move = (by: number) =>
      server.setFault(faults[(faults.indexOf(server.fault()) + by + faults.length) % faults.length]!)
    const press = (key: string): Effect.Effect<void> =>
      /^[1-5]$/.test(key)
        ? server.setFault(faults[Number(key) - 1]!)
        : key === "\x1b[C"
        ? move(1)
        : key === "\x1b[D"
        ? move(-1)
        : key === "k"
        ? Effect.map(server.kill, (lost) => void (message = `  ${lost} connections killed`))
        : key === "e"
        ? Effect.suspend(() => replicas.stop(!replicas.isStopped()))
        : Effect.void
    yield* Effect.forkScoped(Effect.repeat(show, Schedule.spaced("200 millis")))
    yield* Stream.runForEach(
      Stream.takeUntil(keys, (key) => key === "q" || key === "\x03"),
      (key) => Effect.andThen(press(key), show)
    )
  }))

/** Summarizes the waits of the last minute at each call, from readings a second apart. */
const recentWaits = (pool: Running["pool"]): Effect.Effect<TimeSummary> => {
  const readings: Array<{ readonly at: number; readonly waits: PoolTimes["waitTime"] }> = []
  return Effect.zipWith(pool.times, Clock.currentTimeMillis, ({ waitTime }, at) => {
    if (at - (readings.at(-1)?.at ?? 0) >= 1_000) readings.push({ at, waits: waitTime })
    while (readings.length > 1 && readings[1]!.at <= at - 60_000) readings.shift()
    return summaryBetween(readings[0]!.waits, waitTime)
  })
}

const picture = (
  { counts, pool, replicas, server, shared, url }: Running,
  waits: Effect.Effect<TimeSummary>
): Effect.Effect<ReadonlyArray<Line>, never, Screen> =>
  Effect.gen(function*() {
    const screen = yield* Screen
    const now = yield* Clock.currentTimeMillis
    const stats = yield* pool.stats
    const [oldest] = yield* pool.leases
    const { lastMinute } = counts
    const { p50Millis, p99Millis } = yield* waits
    const { answered, failed } = lastMinute.lastSecond(now)
    const onShared = shared.counts
    const lostConnections = lost(yield* shared.client.pool.stats)
    const width = Math.min(40, screen.columns() - 32)
    const fault = server.fault()
    const row = (name: string, n: number) =>
      `  ${name.padEnd(10)}${String(n).padStart(5)}  ${bar(screen, n / stats.maxConnections, width)}`
    const history = lastMinute.answers(now).slice(-Math.max(10, screen.columns() - 26))
    const latest = [...counts.failed].sort(([, a], [, b]) => b.lastAt - a.lastAt).slice(0, mostKinds)
    return [
      [paint("socketpool demo", "bold"), url === undefined ? "" : `   live page: ${url}`],
      `  The server ${faultDescriptions[fault]}.`,
      [
        "  ",
        ...faults.flatMap((name, i) => [paint(` ${i + 1} ${name} `, name === fault ? "inverse" : "plain"), " "])
      ],
      "",
      row("in use", stats.inUse),
      row("idle", stats.idle),
      row("opening", stats.opening),
      row("pending", stats.pending),
      `  ${"maximum".padEnd(10)}${String(stats.maxConnections).padStart(5)}`,
      `  ${count(answered)} answers/s, ${count(failed)} failures/s`,
      `  answers, last minute  ${sparkline(screen, history)}`,
      `  waits, last minute: ${duration(p50Millis)} (p50), ${duration(p99Millis)} (p99)`,
      `  longest lease: ${
        oldest === undefined ? "none" : `${duration(oldest.holder.heldMillis)} ${oldest.holder.span ?? ""}`
      }`,
      ["  answers to the wrong request: ", paint(String(counts.wrong), counts.wrong === 0 ? "good" : "bad")],
      "",
      `  ${sharedConnections} shared connections: ${count(onShared.lastMinute.lastSecond(now).answered)} replies/s, ` +
      `${count(onShared.interrupted)} requests interrupted`,
      [
        "  ",
        paint(`foreign replies: ${onShared.wrong}`, onShared.wrong === 0 ? "good" : "bad"),
        ", ",
        paint(`connections lost: ${lostConnections}`, lostConnections === 0 ? "good" : "bad")
      ],
      `  ${servers} servers behind one pool: ${
        count(replicas.counts.lastMinute.lastSecond(now).answered)
      } answers/s, ` +
      (yield* states(replicas)),
      // In a steady order, so that rows do not jump while they count.
      ...latest.sort(([a], [b]) => a < b ? -1 : 1).map(([kind, { count: n, lastAt }]) =>
        paint(`  ${count(n)} x ${kind}, ${now - lastAt < 1_000 ? "now" : `${duration(now - lastAt)} ago`}`, "dim")
      ),
      ...Array.from({ length: mostKinds - latest.length }, () => ""),
      "",
      `  1-5, arrows: switch the server   k: kill all   e: ${
        replicas.isStopped() ? "start" : "stop"
      } one of ${servers}   q: quit`
    ]
  })
