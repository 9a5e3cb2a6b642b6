/** `socketpool demo fleet`: processes that share the places of one budget, and what happens when one dies. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { type Failure, runFailed } from "../failure.js"
import { make as makeServer } from "../faultyServer.js"
import { paint, print, printJson, Screen } from "../screen.js"
import * as Text from "../text.js"
import { type Member, type Program, start } from "./fleet.js"
import { interactive } from "./fleetScreen.js"
import * as FleetMember from "./member.js"
import * as RedisServer from "./redisServer.js"
import { connections, eventText, initialBorrowers, limit, type Options, type Running } from "./scene.js"
import type { Line, Story } from "./story.js"

export type { Options }

/** The server takes this many milliseconds for each answer. */
const answerMillis = 20
/** The process that is killed without a terminal. */
const victim = 2

/** Runs the demo, or one of its processes. Fails if the server has seen too many connections. */
export const run = (options: Options, program: Program = thisProgram()): Effect.Effect<void, Failure, Screen> =>
  Effect.gen(function*() {
    const orders = FleetMember.ordered()
    if (orders !== undefined) return yield* FleetMember.run(orders)
    const screen = yield* Screen
    const redis = yield* RedisServer.make
    const server = yield* Effect.orDie(makeServer(undefined, answerMillis))
    const { members, story } = yield* start(
      program,
      { serverPort: server.port, redisPort: redis.port, password: redis.password, limit, connections },
      initialBorrowers
    )
    const running: Running = { options, server, redisPort: redis.port, members, story }
    if (screen.isTerminal && !options.json) {
      yield* interactive(running)
      return yield* report(running, [peakCheck(running)])
    }
    yield* report(running, [...yield* scripted(running), peakCheck(running)])
  }).pipe(Effect.scoped)

const thisProgram = (): Program => ({ path: process.argv[1]!, args: process.argv.slice(2) })

// --- The outcome ----------------------------------------------------------------------------------------------------

type Check = readonly [text: string, passed: boolean]

const peakCheck = ({ server }: Running): Check => [
  `the server has seen ${server.peak()} connections at once at most, and ${limit} are allowed`,
  server.peak() <= limit
]

const report = ({ options }: Running, checks: ReadonlyArray<Check>) =>
  Effect.gen(function*() {
    const hasPassed = checks.every(([, passed]) => passed)
    if (options.json) {
      yield* printJson({ verdict: checks.map(([text, passed]) => ({ text, well: passed })), ok: hasPassed })
    } else {
      yield* print(
        ...checks.map(([text, passed]) => [paint(passed ? "ok  " : "BAD ", passed ? "good" : "bad"), ` ${text}`])
      )
    }
    if (!hasPassed) return yield* runFailed("The fleet failed the checks marked BAD.")
  })

// --- Without a terminal ---------------------------------------------------------------------------------------------

/** The most time that the processes have to start, on a slow machine. */
const startTimeout = "1 minute"
/** The seconds for which the demo waits longer than asked for the places of the dead to get to others. */
const patience = 30

const until = (isTrue: () => boolean) =>
  Effect.repeat(Effect.sync(isTrue), { schedule: Schedule.spaced("50 millis"), until: (isTrue) => isTrue }).pipe(
    Effect.timeoutOption(startTimeout)
  )

const memberText = (story: Story) => (member: Member): string => {
  const { leasesPerSecond, number, report, state } = member
  const withheld = story.withheld(number)
  if (state === "dead") return `${number}: dead${withheld === 0 ? "" : `, ${withheld} withheld`}`
  if (report === undefined) return `${number}: ${state}`
  const { held, inUse, wanted } = report
  return `${number}: ${held} held, ${wanted} wanted, ${inUse} in use, ${Text.count(leasesPerSecond)} leases/s`
}

const documentOf = ({ members, redisPort, server, story }: Running, events: ReadonlyArray<Line>) => ({
  limit,
  server: { connections: server.connections(), peak: server.peak() },
  redis: { port: redisPort },
  processes: members.map(({ borrowers, leasesPerSecond, number, pid, report, state }) => ({
    number,
    pid,
    state,
    held: report?.held ?? 0,
    withheld: state === "dead" ? story.withheld(number) : 0,
    wanted: report?.wanted ?? 0,
    inUse: report?.inUse ?? 0,
    failed: report?.failed ?? 0,
    leasesPerSecond,
    borrowers
  })),
  events
})

const scripted = (running: Running): Effect.Effect<ReadonlyArray<Check>, Failure, Screen> =>
  Effect.gen(function*() {
    const { members, options, server, story } = running
    let told = 0
    const news = () => {
      const lines = story.lines.slice(told)
      told = story.lines.length
      return lines
    }
    const say = (second: number) =>
      Effect.suspend(() => {
        const events = news()
        if (options.json) return printJson({ second, ...documentOf(running, events) })
        return print(
          ...events.map(eventText),
          `${String(second).padStart(3)} s  server ${server.connections()} of ${limit} (peak ${server.peak()})  ` +
            members.map(memberText(story)).join("  ")
        )
      })
    if (!options.json) {
      yield* print(
        `${members.length} processes share ${limit} connections to one server. Each has a pool that may open ` +
          `${connections}, and more borrowers than it gets places.`,
        ""
      )
    }
    const hasNothing = ({ report }: Member) => (report?.held ?? 0) === 0
    yield* until(() => !members.some(hasNothing) || members.some(({ state }) => state === "dead"))
    const failed = members.find(hasNothing)
    if (failed !== undefined) {
      const last = news().map(({ text }) => text).join("; ")
      return yield* runFailed(`Process ${failed.number} has got no place: ${last}`)
    }
    const half = Math.floor(options.seconds / 2)
    for (let second = 1; second <= options.seconds; second++) {
      yield* Effect.sleep("1 second")
      yield* say(second)
      if (second === half) members[victim - 1]!.kill()
    }
    let second = options.seconds
    while (story.givenAfter === undefined && second++ < options.seconds + patience) {
      yield* Effect.sleep("1 second")
      yield* say(second)
    }
    const { givenAfter } = story
    return [
      givenAfter === undefined
        ? [`the places of process ${victim} have not been given to others`, false]
        : [`the places of process ${victim} are with others ${Text.count(givenAfter)} ms after its death`, true]
    ]
  })
