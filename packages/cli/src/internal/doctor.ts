/** `socketpool doctor`: whether a pool's options fit its server. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as TcpConnection from "@socketpool/node/TcpConnection"
import * as UnixConnection from "@socketpool/node/UnixConnection"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as dns from "node:dns/promises"
import * as net from "node:net"
import * as tls from "node:tls"
import { type Failure, wrong } from "./failure.js"
import { limitOf, type Protocol } from "./limits.js"
import { paint, print, printJson, Screen } from "./screen.js"
import * as Server from "./server.js"
import * as Target from "./target.js"
import { figure, span, wrap } from "./text.js"

export interface Options {
  readonly target: string
  readonly maxConnections: number | undefined
  readonly processes: number
  readonly idleTimeout: Duration.Duration | undefined
  readonly watchIdle: Duration.Duration | undefined
  readonly protocol: Protocol | undefined
  readonly url: string | undefined
  readonly token: Redacted.Redacted<string> | undefined
  readonly json: boolean
}

export interface Finding {
  readonly level: "ok" | "warn" | "fail"
  readonly about: string
  readonly text: string
}

const ok = (about: string, text: string): Finding => ({ level: "ok", about, text })
const warn = (about: string, text: string): Finding => ({ level: "warn", about, text })
const fail = (about: string, text: string): Finding => ({ level: "fail", about, text })

type Check = Effect.Effect<ReadonlyArray<Finding>>

const open = (target: Target.Target): Effect.Effect<Connection, ConnectError, Scope.Scope> =>
  target.kind === "unix"
    ? UnixConnection.open({ path: target.path })
    : TcpConnection.open({ host: target.host, port: target.port })

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, number], E, R> =>
  Effect.map(Effect.timed(effect), ([took, value]) => [value, Duration.toMillis(took)] as const)

const names = (target: Target.Target): Check => {
  if (target.kind === "unix" || net.isIP(target.host) !== 0) return Effect.succeed([])
  return Effect.tryPromise(() => dns.lookup(target.host, { all: true })).pipe(
    timed,
    Effect.match({
      onFailure: () => [fail("name", `${target.host} cannot be resolved.`)],
      onSuccess: ([addresses, took]) => {
        const families = new Set(addresses.map(({ family }) => `IPv${family}`))
        const list = addresses.map(({ address }) => address).join(", ")
        const text = `${target.host} is ${list} (${[...families].join(" and ")}), in ${span(took)}.`
        return [took > 100 ? warn("name", `${text} Each new connection asks again.`) : ok("name", text)]
      }
    })
  )
}

const attempts = 5

const connects = (target: Target.Target): Check =>
  Effect.replicateEffect(Effect.scoped(timed(open(target))), attempts).pipe(
    Effect.match({
      onFailure: (error) => [fail("connect", error.message)],
      onSuccess: (opened) => {
        const times = opened.map(([, took]) => took)
        const longest = Math.max(...times)
        const text = `Connecting takes ${span(Math.min(...times))} to ${span(longest)}.`
        return [
          longest > 1_000 ? warn("connect", `${text} Keep connections open with minConnections.`) : ok("connect", text)
        ]
      }
    })
  )

const quiet = "300 millis"

const greets = (target: Target.Target): Check =>
  target.kind === "tls" ?
    Effect.succeed([]) :
    Effect.scoped(Effect.flatMap(open(target), (connection) => Effect.timeoutOption(connection.recv(200), quiet))).pipe(
      Effect.map((heard) =>
        heard._tag === "None"
          ? []
          : [warn(
            "greeting",
            `The server speaks first: ${JSON.stringify(new TextDecoder().decode(heard.value).trim().slice(0, 60))}. ` +
              "Give the pool a handshake that reads it; what arrives on an idle connection closes it."
          )]
      ),
      Effect.catchAll(() => Effect.succeed([]))
    )

/** How many days before the end of a certificate it should have been replaced. */
const soon = 30

const certificate = (target: Target.Target): Check => {
  if (target.kind !== "tls") return Effect.succeed([])
  const { host, port } = target
  return Effect.async<ReadonlyArray<Finding>>((resume) => {
    const socket = tls.connect({
      host,
      port,
      // It is looked at even if it is not trusted; that is the point.
      rejectUnauthorized: false,
      timeout: 5_000,
      ...(net.isIP(host) === 0 ? { servername: host } : {})
    })
    const end = (findings: ReadonlyArray<Finding>) => {
      socket.destroy()
      resume(Effect.succeed(findings))
    }
    socket.on("error", (error) => end([fail("TLS", `No TLS: ${error.message}.`)]))
    socket.on("timeout", () => end([fail("TLS", "The TLS handshake takes longer than 5 seconds.")]))
    socket.on("secureConnect", () => {
      const { subject, valid_to: validTo } = socket.getPeerCertificate()
      const days = (Date.parse(validTo) - Date.now()) / 86_400_000
      const name = subject?.CN ?? host
      const about = "certificate"
      const age = days < 0
        ? fail(about, `The certificate of ${name} expired ${figure(-days)} days ago.`)
        : days < soon
        ? warn(about, `The certificate of ${name} expires in ${figure(days)} days.`)
        : ok(about, `The certificate of ${name} is good for ${figure(Math.floor(days))} days.`)
      const trust = socket.authorized || days < 0
        ? []
        : [fail(about, `The certificate is not trusted: ${String(socket.authorizationError)}.`)]
      end([ok("TLS", `It speaks ${socket.getProtocol()}.`), age, ...trust])
    })
    return Effect.sync(() => socket.destroy())
  })
}

const advice = (idle: Duration.Duration | undefined, closes: number): Finding =>
  idle !== undefined && Duration.toMillis(idle) < closes
    ? ok("idle", `The server closes idle connections after ${span(closes)}; idleTimeout is less.`)
    : fail(
      "idle",
      `The server closes idle connections after ${span(closes)}; ` +
        (idle === undefined
          ? "set idleTimeout to less"
          : `idleTimeout is ${span(Duration.toMillis(idle))}, make it less`) +
        ", so that none dies in the hand of its borrower."
    )

const idles = (target: Target.Target, { idleTimeout, watchIdle }: Options): Check =>
  watchIdle === undefined
    ? Effect.succeed([])
    : Effect.scoped(
      Effect.flatMap(open(target), (connection) => timed(Effect.timeoutOption(connection.closed, watchIdle)))
    ).pipe(
      Effect.match({
        onFailure: (error) => [fail("idle", error.message)],
        onSuccess: ([ended, took]) => [
          ended._tag === "Some"
            ? advice(idleTimeout, took)
            : ok("idle", `An idle connection stayed open for ${span(Duration.toMillis(watchIdle))}.`)
        ]
      })
    )

const limits = (target: Target.Target, { idleTimeout, maxConnections, processes, protocol }: Options): Check =>
  protocol === undefined
    ? Effect.succeed([])
    : Effect.scoped(Effect.flatMap(open(target), (connection) => limitOf(protocol, connection))).pipe(
      Effect.match({
        onFailure: (error) => [warn("limit", `${protocol} did not tell its limits: ${error.message}`)],
        onSuccess: ({ idleMillis, most, now }) => {
          const wanted = maxConnections === undefined ? undefined : maxConnections * processes
          const told = `${protocol} takes ${most} connections and has ${now} now`
          const sum = wanted === undefined
            ? ok("limit", `${told}.`)
            : wanted > most
            ? fail("limit", `${told}; ${processes} x ${maxConnections} are ${wanted}: lower maxConnections.`)
            : wanted > 0.8 * most
            ? warn("limit", `${told}; ${wanted} leave little room for others.`)
            : ok("limit", `${told}; ${wanted} fit.`)
          return idleMillis === undefined ? [sum] : [sum, advice(idleTimeout, idleMillis)]
        }
      })
    )

const size = ({ token, url }: Options): Effect.Effect<ReadonlyArray<Finding>, Failure> =>
  url === undefined
    ? Effect.succeed([])
    : Effect.map(
      Effect.flatMap(Server.parse(url), (url) => Server.snapshot(url, token)),
      ({ pools }) =>
        pools.map(({ advice, name, stats }) => {
          const text = `${name}: ${advice.reasons.join(" ")}`
          return advice.isFounded && advice.maxConnections > stats.maxConnections
            ? warn("size", text)
            : ok("size", text)
        })
    )

const tones = { ok: "good", warn: "warn", fail: "bad" } as const

export const run = (options: Options): Effect.Effect<void, Failure, Screen> =>
  Effect.gen(function*() {
    const target = yield* Target.parse(options.target)
    const screen = yield* Screen
    const findings: Array<Finding> = []
    const note = (found: ReadonlyArray<Finding>) => {
      findings.push(...found)
      if (options.json) return Effect.void
      const indent = 19
      const width = screen.isTerminal ? screen.columns() - indent : Infinity
      return Effect.forEach(found, ({ about, level, text }) => {
        const [first, ...rest] = wrap(text, width)
        return print(
          `${paint(screen, level.padEnd(4), tones[level])}  ${about.padEnd(indent - 8)}  ${first}`,
          ...rest.map((line) => " ".repeat(indent) + line)
        )
      }, { discard: true })
    }
    yield* Effect.flatMap(names(target), note)
    if (
      findings.every(({ level }) => level !== "fail")
    ) {
      yield* Effect.flatMap(connects(target), note)
    }
    if (
      findings.every(({ level }) => level !== "fail")
    ) {
      for (const check of [greets(target), certificate(target), limits(target, options), idles(target, options)]) {
        yield* Effect.flatMap(check, note)
      }
    }
    yield* Effect.flatMap(size(options), note)
    const failed = findings.filter(({ level }) => level === "fail").length
    if (options.json) yield* printJson({ target: target.text, findings, ok: failed === 0 })
    if (failed > 0) return yield* wrong(`${failed} ${failed === 1 ? "finding has" : "findings have"} to be mended.`)
  })
