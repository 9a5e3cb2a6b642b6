/** The commands and their options. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Bench from "./bench.js"
import * as Cli from "./cli.js"
import * as Demo from "./demo.js"
import * as Doctor from "./doctor.js"
import { type Failure, usageError } from "./failure.js"
import { faults } from "./faultyServer.js"
import { choice, duration, number, optionalDuration, optionalText, upToADay, whole, wholeNumber } from "./flags.js"
import * as FleetDemo from "./fleet/fleetDemo.js"
import { protocols } from "./limits.js"
import * as Login from "./login.js"
import * as Size from "./size.js"
import * as Top from "./top.js"

const json = Cli.toggle("json", "Prints JSON, one document per line, instead of text.")

/** The options of a login, for `Login.make`. */
const login = {
  handshake: optionalText(
    "handshake",
    "text",
    "Sends this text on each new connection, and reads a line for each line that it sends, at least one. \\r, \\n and " +
      "\\t become the characters they stand for, and {password} the password of --password-env."
  ),
  handshakeAnswer: optionalText(
    "handshake-answer",
    "text",
    "Requires that each answer to the handshake starts with this text. Default: it must not look like an error."
  ),
  passwordEnv: optionalText(
    "password-env",
    "name",
    "Takes the password for --handshake from this environment variable."
  )
}

const loginOf = (options: { readonly [K in keyof Login.Options]: Option.Option<string> }) =>
  Login.make({
    handshake: Option.getOrUndefined(options.handshake),
    handshakeAnswer: Option.getOrUndefined(options.handshakeAnswer),
    passwordEnv: Option.getOrUndefined(options.passwordEnv)
  }, process.env)

/** The token in the environment. A text that no header can carry is refused here, where the message cannot repeat it. */
const token = Effect.suspend((): Effect.Effect<Redacted.Redacted<string> | undefined, Failure> => {
  const given = process.env["SOCKETPOOL_TOKEN"]
  if (given === undefined || given === "") return Effect.succeed(undefined)
  return /^[\x21-\x7e]+$/.test(given)
    ? Effect.succeed(Redacted.make(given))
    : usageError("The token in SOCKETPOOL_TOKEN must consist of printable ASCII characters without spaces")
})

const fleet = Cli.command(
  "fleet",
  {
    seconds: whole(
      "seconds",
      4,
      3_600,
      12,
      "Sets how many seconds the demo runs without a terminal, once each process has a place."
    ),
    json
  },
  (options) => FleetDemo.run(options)
).pipe(Cli.withAbout(
  "Runs four processes whose pools share the connections to one server, and shows how places move when one dies. It " +
    "starts a Redis of its own, which counts the places: redis-server must be installed, or the exit code is 3. In a " +
    "terminal, 1 to 4 kill a process or start it again, up and down select one, + and - change its load, i makes it " +
    "idle, and q quits. Without a terminal it prints a line a second, and kills a process halfway. The exit code is 1 " +
    "if the server has seen more connections than the limit, or if nobody got the places of the dead process."
))

const demo = Cli.command(
  "demo",
  {
    port: Cli.optional(Cli.withDescription(
      wholeNumber("port", 0, 65_535),
      "Serves the live page on this port, 0 for a free one. Default: 8686, or a free port if 8686 is taken."
    )),
    page: Cli.map(
      Cli.toggle("no-page", "Runs without the live page."),
      (isOff) => !isOff
    ),
    seconds: whole("seconds", 1, 3_600, 10, "Sets how many seconds the demo runs without a terminal."),
    fibers: whole("fibers", 1, 10_000, 200, "Sets how many fibers of each pool send requests."),
    connections: whole("connections", 1, 1_000, 8, "Sets the maxConnections of the pool."),
    fault: Cli.optional(
      Cli.withDescription(
        choice("fault", faults),
        "Starts with this fault. Without a terminal, the demo stays at it and does not go through the others."
      )
    ),
    json
  },
  (options) =>
    Demo.run({ ...options, fault: Option.getOrUndefined(options.fault), port: Option.getOrUndefined(options.port) })
).pipe(
  Cli.withAbout(
    "Runs a server, a pool under load, and the live page. In a terminal, keys switch the server between none (healthy), " +
      "slow, lossy, stuck and down. Without a terminal, the server goes through these faults by itself. Meanwhile as many " +
      "fibers share 4 connections to another server, and interrupt many of their requests. A few others use three servers " +
      "behind one pool, of which e stops one. The exit code is 0 if the pool survived every fault, and no interrupted " +
      "request cost a connection. The demo of a budget that several processes share is the subcommand fleet."
  ),
  Cli.withSubcommands([fleet])
)

const top = Cli.command(
  "top",
  {
    url: Cli.argument("url", "The address of a dashboard, for example http://localhost:8686."),
    interval: duration("interval", ["50ms", "1h"], "1 second", "Sets how often the table is refreshed."),
    once: Cli.toggle("once", "Prints the table once."),
    json
  },
  (options) => Effect.flatMap(token, (token) => Top.run({ ...options, token }))
).pipe(Cli.withAbout(
  "Shows a live table of the pools of a process that serves the dashboard. Press s to change the sort order, q to " +
    "quit. Rates cover the last interval; in the first table they cover the pool's lifetime. If the dashboard " +
    "requires a token, set SOCKETPOOL_TOKEN."
))

const server = Cli.argument("server", "The address of the server: tcp://host:port, tls://host:port or unix:/path.")

const bench = Cli.command(
  "bench",
  {
    target: server,
    connections: whole("connections", 1, 10_000, 10, "Sets the maxConnections of the pool."),
    concurrency: whole(
      "concurrency",
      1,
      100_000,
      50,
      "Sets how many callers run at once. Each calls again when it has its answer."
    ),
    rate: Cli.optional(Cli.withDescription(
      number("rate", 0.01, 100_000, "calls per second"),
      "Starts this many calls per second, whether earlier calls have ended or not. From 0.01 to 100000. Replaces " +
        "--concurrency."
    )),
    duration: duration("duration", upToADay, "10 seconds", "Sets how long new calls start."),
    payload: whole("payload", 1, 10_000_000, 64, "Sets how many bytes each call sends."),
    send: Cli.optional(Cli.withDescription(
      Cli.text("send"),
      "Sends this text instead of --payload bytes. \\r, \\n and \\t become the characters they stand for."
    )),
    expect: Cli.withDescription(
      Cli.withDefault(choice("expect", ["echo", "lines"]), "echo"),
      "Sets what an answer is: echo the bytes that were sent, lines one line. Default: echo."
    ),
    answer: optionalText(
      "answer",
      "text",
      "Counts an answer as an error unless it starts with this text. Requires --expect lines. Default: an answer must " +
        "not look like an error of Redis, memcached, SMTP or HTTP."
    ),
    ...login,
    json
  },
  (options) =>
    Effect.flatMap(loginOf(options), (login) =>
      Bench.run({
        ...options,
        rate: Option.getOrUndefined(options.rate),
        send: Option.getOrUndefined(options.send),
        answer: Option.getOrUndefined(options.answer),
        login
      }))
).pipe(Cli.withAbout(
  "Calls a server through a pool, and reports the latency of whole calls, of waits for a connection, and of uses. " +
    "The loop is closed; with --rate it is open, and each call is timed from its scheduled start. A wrong answer is a " +
    "failed call. The exit code is 1 if a call failed."
))

const doctor = Cli.command(
  "doctor",
  {
    target: server,
    maxConnections: Cli.optional(
      Cli.withDescription(
        wholeNumber("max-connections", 1, 1_000_000),
        "The maxConnections of each pool, to compare with the limit of the server. Requires --protocol."
      )
    ),
    processes: whole("processes", 1, 100_000, 1, "The number of processes that have such a pool."),
    idleTimeout: Cli.optional(
      optionalDuration(
        "idle-timeout",
        ["1ms", "10000h"],
        "The idleTimeout of the pool, to compare with the time after which the server closes idle connections."
      )
    ),
    watchIdle: Cli.optional(
      optionalDuration(
        "watch-idle",
        upToADay,
        "Watches an idle connection for this long, to see whether the server closes it."
      )
    ),
    protocol: Cli.optional(
      Cli.withDescription(choice("protocol", protocols), "Asks the server for its limits in this protocol.")
    ),
    url: Cli.optional(Cli.withDescription(
      Cli.text("url"),
      "The address of a dashboard: adds the size advice for its running pools, and fails if one refuses requests."
    )),
    measure: duration(
      "measure",
      upToADay,
      "10 seconds",
      "Sets how long the load of the pools of --url is measured at least."
    ),
    ...login,
    json
  },
  (options) =>
    Effect.flatMap(Effect.all([token, loginOf(options)]), ([token, login]) =>
      Doctor.run({
        target: options.target,
        processes: options.processes,
        measure: options.measure,
        login,
        json: options.json,
        maxConnections: Option.getOrUndefined(options.maxConnections),
        idleTimeout: Option.getOrUndefined(options.idleTimeout),
        watchIdle: Option.getOrUndefined(options.watchIdle),
        protocol: Option.getOrUndefined(options.protocol),
        url: Option.getOrUndefined(options.url),
        token
      }))
).pipe(Cli.withAbout(
  "Checks whether a pool's options fit its server: name resolution, connecting, a greeting, TLS and the certificate, " +
    "the connection limit, and whether the server closes idle connections. The exit code is 1 if a check failed."
))

const size = Cli.command(
  "size",
  {
    arrivals: Cli.withDescription(
      number("arrivals", 0.001, 1_000_000, "requests per second"),
      "The requests for a connection per second, in one process. From 0.001 to 1000000."
    ),
    hold: optionalDuration("hold", ["0.001ms", "24h"], "The mean time that a request holds its connection."),
    maxWait: duration("max-wait", ["0ms", "24h"], 0, "The wait for a connection that is acceptable."),
    percentile: Cli.withDefault(
      Cli.withDescription(
        number("percentile", 0.001, 99.999_999, "percent"),
        "The part of the requests that wait for --max-wait at most, in percent. Default: 99."
      ),
      99
    ),
    concurrency: whole("concurrency", 1, 1_000_000, 1, "Sets the concurrency of the pool: the leases per connection."),
    json
  },
  (options) => Size.run(options)
).pipe(Cli.withAbout(
  "Computes maxConnections from a load that you expect, by Erlang's C formula, and shows the waits with other sizes. It " +
    "connects to nothing. For a pool that runs, see doctor --url."
))

const root = Cli.root(
  "socketpool",
  "Watch, try, check and size connection pools.",
  "Exit codes: 0 success; 1 a check or a call failed; 2 an invalid option or argument; 3 no answer from the address, or a " +
    "missing program; 130 interrupted."
).pipe(Cli.withSubcommands([demo, top, bench, doctor, size]))

/** Runs the command that the arguments name: those of `process.argv`, the first two included. */
export const run = Cli.runnerOf(root, { version: "3.0.0" })
