/**
 * The `socketpool` command.
 *
 * @since 0.1.0
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Bench from "./internal/bench.js"
import * as Demo from "./internal/demo.js"
import * as Doctor from "./internal/doctor.js"
import { faults } from "./internal/faultyServer.js"
import { protocols } from "./internal/limits.js"
import * as Top from "./internal/top.js"

const json = Options.withDescription(Options.boolean("json"), "JSON, one document a line, instead of text")

/** Reads an option, or says which, what it is and what it must be. */
const read =
  <A>(name: string, rule: string, parse: (text: string) => A | undefined) => (option: Options.Options<string>) =>
    Options.mapEffect(option, (text) => {
      const value = parse(text)
      return value === undefined
        ? Effect.fail(
          ValidationError.invalidValue(HelpDoc.p(`--${name} must be ${rule}, but is ${JSON.stringify(text)}`))
        )
        : Effect.succeed(value)
    })

const wholeNumber = (name: string, least: number, most: number) =>
  read(
    name,
    `a whole number from ${least} to ${most}`,
    (text) => /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined
  )(Options.withPseudoName(Options.text(name), "n"))

const choice = <const A extends string>(name: string, choices: ReadonlyArray<A>) =>
  read(
    name,
    `one of ${choices.join(", ")}`,
    (text) => choices.find((choice) => choice === text)
  )(Options.withPseudoName(Options.text(name), choices.join(" | ")))

const whole = (name: string, least: number, most: number, initial: number, about: string) =>
  wholeNumber(name, least, most).pipe(
    Options.withDefault(initial),
    Options.withDescription(`${about} (from ${least} to ${most}; ${initial})`)
  )

/** A duration as Effect reads it, such as `500 millis` or `10 seconds`, and also `500ms`, `10s`, `2m`. */
const readDuration = (text: string): Duration.Duration | undefined => {
  const short = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(text)
  const units = { ms: "millis", s: "seconds", m: "minutes", h: "hours" } as const
  const input = short === null ? text : `${short[1]} ${units[short[2] as keyof typeof units]}`
  const decoded = Option.getOrUndefined(Duration.decodeUnknown(input))
  return decoded !== undefined && Duration.isFinite(decoded) && Duration.toMillis(decoded) > 0 ? decoded : undefined
}

const someTime = (name: string, about: string) =>
  read(name, "a duration of more than 0, such as 500ms, 10s or 2m", readDuration)(
    Options.withPseudoName(Options.text(name), "duration")
  ).pipe(Options.withDescription(about))

const duration = (name: string, initial: Duration.DurationInput, about: string) =>
  Options.withDefault(
    someTime(name, `${about} (such as 500ms, 10s, 2m; ${Duration.format(initial)})`),
    Duration.decode(initial)
  )

const token = Effect.sync(() => {
  const given = process.env["SOCKETPOOL_TOKEN"]
  return given === undefined || given === "" ? undefined : Redacted.make(given)
})

const demo = Command.make(
  "demo",
  {
    port: Options.optional(Options.withDescription(
      wholeNumber("port", 0, 65_535),
      "where the live page is (8686, or any that is free if that is taken)"
    )),
    page: Options.map(
      Options.withDescription(Options.boolean("no-page"), "without the live page"),
      (without) => !without
    ),
    seconds: whole("seconds", 1, 3_600, 10, "how long it goes on where there is no terminal"),
    fibers: whole("fibers", 1, 10_000, 200, "how many fibers ask"),
    connections: whole("connections", 1, 1_000, 8, "the most connections that they share"),
    fault: Options.optional(
      Options.withDescription(choice("fault", faults), "what the server does, instead of one after the other")
    ),
    json
  },
  (options) =>
    Demo.run({ ...options, fault: Option.getOrUndefined(options.fault), port: Option.getOrUndefined(options.port) })
).pipe(Command.withDescription(
  "A server, a pool, load, a dial for faults and the live page. In a terminal keys turn the dial; elsewhere the server " +
    "goes through its faults by itself, and the exit code says whether the pool bore them."
))

const top = Command.make(
  "top",
  {
    url: Args.withDescription(Args.text({ name: "url" }), "the address of a dashboard, such as http://localhost:8686"),
    interval: duration("interval", "1 second", "how often to look"),
    once: Options.withDescription(Options.boolean("once"), "print the table once"),
    json
  },
  (options) => Effect.flatMap(token, (token) => Top.run({ ...options, token }))
).pipe(Command.withDescription(
  "The pools of a process that serves the dashboard, live: s sorts, q quits. Rates are those of the last interval, or " +
    "since the pool was made at the first look. A token is taken from SOCKETPOOL_TOKEN."
))

const server = Args.withDescription(
  Args.text({ name: "server" }),
  "tcp://host:port, tls://host:port or unix:/path"
)

const bench = Command.make(
  "bench",
  {
    target: server,
    connections: whole("connections", 1, 10_000, 10, "the most connections"),
    concurrency: whole("concurrency", 1, 100_000, 50, "how many call, each again when it has its answer"),
    rate: Options.text("rate").pipe(
      Options.withPseudoName("n"),
      read("rate", "a number of calls a second, more than 0", (text) => Number(text) > 0 ? Number(text) : undefined),
      Options.optional,
      Options.withDescription("so many calls a second instead, whether those before have ended or not")
    ),
    duration: duration("duration", "10 seconds", "how long"),
    payload: whole("payload", 1, 10_000_000, 64, "how many bytes to send"),
    send: Options.optional(Options.withDescription(
      Options.text("send"),
      "what to send instead; \\r, \\n and \\t stand for what they do"
    )),
    expect: choice("expect", ["echo", "lines"] as const).pipe(
      Options.withDefault("echo" as const),
      Options.withDescription("what answers are: as many bytes as were sent, or a line (echo)")
    ),
    json
  },
  (options) =>
    Bench.run({ ...options, rate: Option.getOrUndefined(options.rate), send: Option.getOrUndefined(options.send) })
).pipe(Command.withDescription(
  "Load on a server through a pool, and how long calls, waits for a connection and uses take: closed-loop, or with --rate " +
    "open-loop, where each call counts from when it was meant to begin. The exit code is 1 if a call failed."
))

const doctor = Command.make(
  "doctor",
  {
    target: server,
    maxConnections: Options.optional(
      Options.withDescription(wholeNumber("max-connections", 1, 1_000_000), "of each pool")
    ),
    processes: whole("processes", 1, 100_000, 1, "how many processes have such a pool"),
    idleTimeout: Options.optional(someTime("idle-timeout", "of the pool")),
    watchIdle: Options.optional(someTime("watch-idle", "how long to watch whether an idle connection is closed")),
    protocol: Options.optional(
      Options.withDescription(choice("protocol", protocols), "what the server speaks, to ask for its limits")
    ),
    url: Options.optional(Options.withDescription(
      Options.text("url"),
      "the address of a dashboard, for advice on the size by what was measured"
    )),
    json
  },
  (options) =>
    Effect.flatMap(token, (token) =>
      Doctor.run({
        target: options.target,
        processes: options.processes,
        json: options.json,
        maxConnections: Option.getOrUndefined(options.maxConnections),
        idleTimeout: Option.getOrUndefined(options.idleTimeout),
        watchIdle: Option.getOrUndefined(options.watchIdle),
        protocol: Option.getOrUndefined(options.protocol),
        url: Option.getOrUndefined(options.url),
        token
      }))
).pipe(Command.withDescription(
  "Whether a pool's options fit its server: its name, connecting, a greeting, TLS and its certificate, the most " +
    "connections it takes, and whether it closes idle ones. The exit code is 1 if something has to be mended."
))

const root = Command.make("socketpool").pipe(
  Command.withDescription(HelpDoc.blocks([
    HelpDoc.p("See, try and examine connection pools."),
    HelpDoc.p(
      "Exit codes: 0 all is well; 1 what was run or looked at is not in order; 2 a wrong option or argument; 3 nobody " +
        "answers there; 130 interrupted."
    )
  ])),
  Command.withSubcommands([demo, top, bench, doctor])
)

/**
 * Runs the command that the arguments name: those of `process.argv`, the first two included.
 *
 * @since 0.1.0
 * @category execution
 */
export const run = Command.run(root, { name: "socketpool", version: "0.1.0" })
