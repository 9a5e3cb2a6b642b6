/** `socketpool doctor`: checks whether a pool's options fit its server. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as TcpConnection from "@socketpool/node/TcpConnection"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as dns from "node:dns/promises"
import * as net from "node:net"
import * as tls from "node:tls"
import * as DashboardClient from "./dashboardClient.js"
import * as DoctorPools from "./doctorPools.js"
import { async, failAfter, recover } from "./effect.js"
import { type Failure, runFailed } from "./failure.js"
import { fail, type Finding, ok, warn } from "./finding.js"
import { type Protocol, readLimits } from "./limits.js"
import type { Login } from "./login.js"
import { paint, print, printJson, Screen } from "./screen.js"
import * as Target from "./target.js"
import { duration, figure, wrap } from "./text.js"

export interface Options {
  readonly target: string
  readonly maxConnections: number | undefined
  readonly processes: number
  readonly idleTimeout: Duration.Duration | undefined
  readonly watchIdle: Duration.Duration | undefined
  readonly login: Login | undefined
  readonly protocol: Protocol | undefined
  readonly url: string | undefined
  /** The time between the two readings of a dashboard. */
  readonly measure: Duration.Duration
  readonly token: Redacted.Redacted<string> | undefined
  readonly json: boolean
}

type Check = Effect.Effect<ReadonlyArray<Finding>>

/** Opens a connection without TLS: what is timed and heard is the server's side of TCP. */
const openPlain = (target: Target.Target): Effect.Effect<Connection, ConnectError, Scope.Scope> =>
  target.kind === "unix" ? Target.open(target) : TcpConnection.open({ host: target.host, port: target.port })

/** Opens a connection as a pool does: with TLS and with the login. */
const openReady = (target: Target.Target, { login }: Options) =>
  Effect.tap(Target.open(target), login ?? (() => Effect.void))

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, number], E, R> =>
  Effect.map(Effect.timed(effect), ([took, value]) => [value, Duration.toMillis(took)] as const)

const checkName = (target: Target.Target): Check => {
  if (target.kind === "unix" || net.isIP(target.host) !== 0) return Effect.succeed([])
  return Effect.tryPromise(() => dns.lookup(target.host, { all: true })).pipe(
    timed,
    Effect.match({
      onFailure: () => [fail("name", `${target.host} cannot be resolved.`)],
      onSuccess: ([addresses, took]) => {
        const families = new Set(addresses.map(({ family }) => `IPv${family}`))
        const list = addresses.map(({ address }) => address).join(", ")
        const text = `${target.host} resolves to ${list} (${[...families].join(" and ")}) in ${duration(took)}.`
        return [took > 100 ? warn("name", `${text} Each new connection repeats the lookup.`) : ok("name", text)]
      }
    })
  )
}

const attempts = 5

const checkConnect = (target: Target.Target): Check =>
  Effect.replicateEffect(Effect.scoped(timed(openPlain(target))), attempts).pipe(
    Effect.match({
      onFailure: (error) => [fail("connect", error.message)],
      onSuccess: (opened) => {
        const times = opened.map(([, took]) => took)
        const longest = Math.max(...times)
        const text = `Connecting took ${duration(Math.min(...times))} to ${duration(longest)} in ${attempts} attempts.`
        return [
          longest > 1_000 ? warn("connect", `${text} Keep connections open with minConnections.`) : ok("connect", text)
        ]
      }
    })
  )

/** The time to wait for a greeting. */
const greetingTimeout = "300 millis"

const checkGreeting = (target: Target.Target): Check =>
  target.kind === "tls" ?
    Effect.succeed([]) :
    Effect.scoped(
      Effect.flatMap(openPlain(target), (connection) => Effect.timeoutOption(connection.recv(200), greetingTimeout))
    ).pipe(
      Effect.map((heard) =>
        heard._tag === "None"
          ? []
          : [warn(
            "greeting",
            `The server sends a greeting: ${
              JSON.stringify(new TextDecoder().decode(heard.value).trim().slice(0, 60))
            }. ` +
              "Read it in the pool's handshake: the pool closes an idle connection on which bytes arrive."
          )]
      ),
      (heard) => recover(heard, () => Effect.succeed([]))
    )

/** The time that TLS and a login may take, as for a pool with default options. */
const readyTimeout = Duration.seconds(5)

const checkLogin = (target: Target.Target, options: Options): Check =>
  options.login === undefined
    ? Effect.succeed([])
    : Effect.scoped(openReady(target, options)).pipe(
      timed,
      (ready) =>
        failAfter(ready, {
          duration: readyTimeout,
          onTimeout: () => ({ message: `no answer within ${Duration.format(readyTimeout)}` })
        }),
      Effect.match({
        onFailure: (error) => [fail("handshake", `The handshake failed: ${error.message.replace(/\.$/, "")}.`)],
        onSuccess: ([, took]) => [ok("handshake", `Connecting with the handshake took ${duration(took)}.`)]
      })
    )

/** A certificate with fewer days left gets a warning. */
const minDaysLeft = 30

const checkCertificate = (target: Target.Target): Check => {
  if (target.kind !== "tls") return Effect.succeed([])
  const { host, port } = target
  return async<ReadonlyArray<Finding>>((resume) => {
    const socket = tls.connect({
      host,
      port,
      // An untrusted certificate is examined too.
      rejectUnauthorized: false,
      ...(net.isIP(host) === 0 ? { servername: host } : {})
    })
    const end = (findings: ReadonlyArray<Finding>) => {
      socket.destroy()
      resume(Effect.succeed(findings))
    }
    socket.on("error", (error) => end([fail("TLS", `The TLS handshake failed: ${error.message}.`)]))
    socket.on("secureConnect", () => {
      const { subject, valid_to: validTo } = socket.getPeerCertificate()
      const days = (Date.parse(validTo) - Date.now()) / 86_400_000
      const name = subject?.CN ?? host
      const about = "certificate"
      const age = days < 0
        ? fail(about, `The certificate of ${name} expired ${figure(-days)} days ago.`)
        : days < minDaysLeft
        ? warn(about, `The certificate of ${name} expires in ${figure(days)} days.`)
        : ok(about, `The certificate of ${name} is valid for another ${figure(Math.floor(days))} days.`)
      const trust = socket.authorized || days < 0
        ? []
        : [fail(about, `The certificate is not trusted: ${String(socket.authorizationError)}.`)]
      end([ok("TLS", `The server uses ${socket.getProtocol()}.`), age, ...trust])
    })
    return Effect.sync(() => socket.destroy())
  }).pipe(
    // Of the whole handshake, however many bytes arrive meanwhile.
    Effect.timeoutOption(readyTimeout),
    Effect.map(Option.getOrElse(() => [
      fail("TLS", `The TLS handshake took longer than ${Duration.format(readyTimeout)}.`)
    ]))
  )
}

const idleFinding = (idle: Duration.Duration | undefined, closes: number): Finding =>
  idle !== undefined && Duration.toMillis(idle) < closes
    ? ok("idle", `The server closes idle connections after ${duration(closes)}; idleTimeout is shorter.`)
    : fail(
      "idle",
      `The server closes idle connections after ${duration(closes)}` +
        (idle === undefined ? "" : `, but idleTimeout is ${duration(Duration.toMillis(idle))}`) +
        ". Set idleTimeout or keepaliveTime to less, or a borrower may get a connection that the server is closing."
    )

const checkIdle = (target: Target.Target, options: Options): Check => {
  const { idleTimeout, watchIdle } = options
  return watchIdle === undefined
    ? Effect.succeed([])
    : Effect.scoped(
      Effect.flatMap(
        openReady(target, options),
        (connection) => timed(Effect.timeoutOption(connection.closed, watchIdle))
      )
    ).pipe(
      Effect.match({
        onFailure: (error) => [fail("idle", error.message)],
        onSuccess: ([ended, took]) => [
          ended._tag === "Some"
            ? idleFinding(idleTimeout, took)
            : ok("idle", `An idle connection stayed open for ${duration(Duration.toMillis(watchIdle))}.`)
        ]
      })
    )
}

const checkLimits = (target: Target.Target, options: Options): Check => {
  const { idleTimeout, maxConnections, processes, protocol } = options
  return protocol === undefined
    ? Effect.succeed([])
    : Effect.scoped(Effect.flatMap(openReady(target, options), (connection) => readLimits(protocol, connection))).pipe(
      Effect.match({
        onFailure: (error) => [
          warn(
            "limit",
            `${protocol} did not report its limits: ${error.message.replace(/\.+$/, "")}.` +
              (options.login === undefined ? " If it wants a login, use --handshake." : "")
          )
        ],
        onSuccess: ({ idleMillis, most, now }) => {
          const wanted = maxConnections === undefined ? undefined : maxConnections * processes
          const found = `${protocol} allows ${most} connections and has ${now} now`
          const sum = wanted === undefined
            ? ok("limit", `${found}.`)
            : wanted > most
            ? fail(
              "limit",
              `${found}; ${processes} x ${maxConnections} = ${wanted} is more than that: lower maxConnections.`
            )
            : wanted > 0.8 * most
            ? warn("limit", `${found}; ${wanted} would leave little room for other clients.`)
            : ok("limit", `${found}; ${wanted} fit.`)
          return idleMillis === undefined ? [sum] : [sum, idleFinding(idleTimeout, idleMillis)]
        }
      })
    )
}

const tones = { ok: "good", warn: "warn", fail: "bad" } as const

export const run = (options: Options): Effect.Effect<void, Failure, Screen> =>
  Effect.gen(function*() {
    const target = yield* Target.parse(options.target)
    const url = options.url === undefined ? undefined : yield* DashboardClient.parse(options.url)
    const screen = yield* Screen
    const findings: Array<Finding> = []
    const report = (found: ReadonlyArray<Finding>) => {
      findings.push(...found)
      if (options.json) return Effect.void
      const indent = 19
      const width = screen.isTerminal ? screen.columns() - indent : Infinity
      return Effect.forEach(found, ({ about, level, text }) => {
        const [first, ...rest] = wrap(text, width)
        return print(
          [paint(level.padEnd(4), tones[level]), `  ${about.padEnd(indent - 8)}  ${first}`],
          ...rest.map((line) => " ".repeat(indent) + line)
        )
      }, { discard: true })
    }
    const read = url && Effect.zipWith(
      DashboardClient.snapshot(url, options.token),
      Clock.currentTimeMillis,
      (snapshot, at) => ({ snapshot, at })
    )
    const first = read && (yield* read)
    yield* Effect.flatMap(checkName(target), report)
    if (
      findings.every(({ level }) => level !== "fail")
    ) {
      yield* Effect.flatMap(checkConnect(target), report)
    }
    if (
      findings.every(({ level }) => level !== "fail")
    ) {
      for (
        const check of [
          checkGreeting(target),
          checkCertificate(target),
          checkLogin(target, options),
          checkLimits(target, options),
          checkIdle(target, options)
        ]
      ) {
        yield* Effect.flatMap(check, report)
      }
    }
    if (read !== undefined && first !== undefined) {
      yield* Effect.flatMap(DoctorPools.check(options.measure, read, first), report)
    }
    const failed = findings.filter(({ level }) => level === "fail").length
    if (options.json) yield* printJson({ target: target.text, findings, ok: failed === 0 })
    if (failed > 0) return yield* runFailed(`${failed} ${failed === 1 ? "check" : "checks"} failed.`)
  })
