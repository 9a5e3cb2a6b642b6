/** The demo from beginning to end. */
import { TcpPoolLive } from "@socketpool/node"
import { Effect, Logger, Schedule } from "effect"
import * as EchoServer from "../echoServer.js"
import type { Options } from "./options.js"
import { type Findings, problems, rows } from "./report.js"
import type { Screen } from "./screen.js"
import { session } from "./session.js"
import { table } from "./text.js"

/** Waits, for at most 2 seconds, until the server has noticed that its clients are gone. */
const settled = (server: EchoServer.EchoServer) =>
  Effect.repeat(Effect.sync(server.connections), {
    schedule: Schedule.intersect(Schedule.spaced("10 millis"), Schedule.recurs(200)),
    until: (connections) => connections === 0
  })

const conclude = (screen: Screen, findings: Findings): boolean => {
  const found = problems(findings)
  screen.print()
  screen.print("Summary", "bold")
  for (const line of table(rows(findings))) screen.print(line)
  screen.print()
  for (const problem of found) screen.print(`wrong: ${problem}`, "red")
  if (found.length === 0) screen.print(`All numbers add up; wrong replies: ${findings.meter.wrong}`, "green")
  return found.length === 0
}

/** Runs the demo; succeeds with whether all went well. */
export const run = (options: Options, screen: Screen) =>
  Effect.scoped(Effect.gen(function*() {
    const own = options.server === undefined ? yield* EchoServer.make : undefined
    const target = options.server ?? own!
    screen.print(
      own === undefined ?
        `Using the echo server at ${target.host}:${target.port}; it is not restarted, as it is not the demo's own.` :
        `An echo server listens on ${target.host}:${target.port}.`
    )
    const { outage, pool, ...counted } = yield* session(options, target, own, screen).pipe(
      Effect.provide(
        TcpPoolLive(target.host, target.port, {
          name: "demo",
          maxConnections: options.connections,
          timeout: "5 seconds"
        })
      )
    )
    if (own !== undefined) yield* settled(own)
    return conclude(screen, {
      ...counted,
      stats: yield* pool.stats,
      otherLeases: 1,
      server: own === undefined ? undefined : { peak: own.peak(), left: own.connections(), outage }
    })
  })).pipe(
    Effect.onInterrupt(() => Effect.sync(() => screen.print("Interrupted."))),
    Effect.provide(Logger.replace(Logger.defaultLogger, screen.logger))
  )
