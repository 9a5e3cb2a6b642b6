// Real TLS on loopback. Prints everything that a program can print, and searches it for secrets.
import { Pool } from "@socketpool/core"
import { TlsConnection, TlsPool } from "@socketpool/node"
import {
  config,
  configured,
  fork,
  onlyLogger,
  prettyWithCauses,
  reasonOf,
  toldTracer,
  yieldNow
} from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Config, Effect, Exit, Fiber, Layer, Redacted, Schedule, type Scope, Stream } from "effect"
import * as util from "node:util"
import { type Behave, serve, silent } from "./fixtures/server.js"
import { ca, client, encryptedKey, expired, passphrase, serveTls } from "./fixtures/tlsServer.js"

const briefly = Schedule.spaced("1 millis")

/** Extracts the lines between BEGIN and END. */
const body = (pem: string): ReadonlyArray<string> =>
  pem.split("\n").filter((line) => line !== "" && !line.includes("-"))

const wrongPassphrase = "canary-of-a-wrong-passphrase"
const nonsense = "canaryOfAKeyThatIsNoKey"
const nonsenseKey = `-----BEGIN PRIVATE KEY-----\n${nonsense}\n-----END PRIVATE KEY-----\n`

const canaries = [...body(client.key), ...body(encryptedKey), passphrase, wrongPassphrase, nonsense]

/** Records everything that a program can print of a value. */
const witness = () => {
  const seen: Array<string> = []
  const note = (value: unknown): void => {
    seen.push(String(value), JSON.stringify(value) ?? "", util.inspect(value, { depth: 10 }), util.format("%o", value))
    if (Cause.isCause(value)) {
      seen.push(Cause.pretty(value), prettyWithCauses(value))
      note(Cause.squash(value))
    } else if (value instanceof Error) {
      seen.push(value.message, value.stack ?? "")
      if (value.cause !== undefined) note(value.cause)
    }
  }
  return { seen, note }
}

type Witness = ReturnType<typeof witness>

const logger = (to: Witness) =>
  onlyLogger(({ cause, message, written }) => {
    to.seen.push(...written())
    to.note(message)
    to.note(cause)
  })

/** Records every span: name, attributes, events and exit. */
const tracer = (to: Witness) =>
  toldTracer({
    begin: to.note,
    end: (exit, attributes) => {
      to.note([...attributes])
      if (Exit.isFailure(exit)) to.note(exit.cause)
    },
    event: (name, attributes) => {
      to.note(name)
      to.note(attributes)
    }
  })

type Identity = Pick<TlsConnection.Options, "cert" | "key" | "passphrase">

const plainKey: Identity = { cert: client.cert, key: Redacted.make(client.key) }
const withPassphrase: Identity = {
  cert: client.cert,
  key: Redacted.make(encryptedKey),
  passphrase: Redacted.make(passphrase)
}

const refuses: Behave = (socket) => void socket.once("data", () => socket.resetAndDestroy())

/** The fates of a connection: a server, and whether the connection works. */
const cases: Record<string, {
  readonly server: Effect.Effect<{ readonly port: number }, never, Scope.Scope>
  readonly works: boolean
}> = {
  "that works": {
    server: serveTls((socket) => void socket.pipe(socket), { requestCert: true, ca }),
    works: true
  },
  "to a server with an expired certificate": { server: serveTls(silent, expired), works: false },
  "to a server that does not want the client": {
    server: serveTls(silent, { requestCert: true, ca: expired.cert, maxVersion: "TLSv1.2" }),
    works: false
  },
  "to a server that resets": { server: serve(refuses), works: false },
  "to a server that stalls": { server: serve(silent), works: false },
  "to nobody": { server: Effect.scoped(serve(silent)), works: false }
}

const identities: Record<string, Identity> = { "a key": plainKey, "a key and a passphrase": withPassphrase }

/** Runs a program, records everything it prints, and searches the records for secrets. */
const observed = <A, E, R>(program: (to: Witness) => Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const to = witness()
    const exit = yield* program(to).pipe(
      Effect.withSpan("observed"),
      Effect.provide(logger(to)),
      Effect.withTracer(tracer(to)),
      Effect.exit
    )
    if (Exit.isFailure(exit)) to.note(exit.cause)
    const everything = to.seen.join("\n")
    for (const canary of canaries) expect(everything).not.toContain(canary)
    return { everything, exit }
  })

/** Makes a pool, borrows, and prints everything it can. */
const usePool = (to: Witness, options: TlsPool.Options) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* TlsPool.make({ ...options, leakThreshold: "1 millis", maxConnections: 1 })
    const events = yield* fork(Stream.runForEach(pool.events, (event) => Effect.sync(() => to.note(event))))
    yield* yieldNow
    const use = pool.use((connection) =>
      Effect.gen(function*() {
        to.note(connection)
        yield* Effect.log("borrowed", connection)
        yield* connection.send("x")
        yield* connection.recvExactly(1)
        // The queue's error describes the leases and the last failure.
        const exhausted = yield* Effect.exit(pool.acquireWith({ timeout: 0 }))
        if (Exit.isFailure(exhausted)) to.note(exhausted.cause)
        return connection
      })
    ).pipe(Effect.withSpan("use"))
    const exit = yield* Effect.exit(use)
    if (Exit.isFailure(exit)) to.note(exit.cause)
    else to.note(exit.value)
    yield* Effect.repeat(pool.stats, { until: (stats) => stats.opening === 0, schedule: briefly })
    const late = yield* Effect.exit(pool.acquireWith({ timeout: 0 }))
    if (Exit.isFailure(late)) to.note(late.cause)
    else yield* pool.release(late.value)
    yield* Effect.log(pool)
    to.note(pool)
    to.note(yield* pool.stats)
    to.note(options)
    yield* pool.close
    yield* Fiber.join(events)
    to.note(yield* Effect.flip(pool.use(() => Effect.void)))
    return exit
  }))

describe("no secret is shown", () => {
  for (const [what, { server, works }] of Object.entries(cases)) {
    for (const [which, identity] of Object.entries(identities)) {
      it.scopedLive(`by a connection ${what}, made with ${which}`, () =>
        Effect.gen(function*() {
          const { port } = yield* server
          const options = { host: "127.0.0.1", port, ca, ...identity, connectTimeout: "100 millis" } as const
          const { everything, exit } = yield* observed((to) =>
            Effect.scoped(Effect.gen(function*() {
              const connection = yield* TlsConnection.open(
                works ? { ...options, connectTimeout: "5 seconds" } : options
              )
              to.note(connection)
              yield* Effect.log("opened", connection)
              yield* connection.send("x")
              yield* connection.recvExactly(1)
              return connection
            })).pipe(
              Effect.tapError((error) => Effect.logError("cannot open", error)),
              Effect.tap((closed) => Effect.sync(() => to.note(closed))),
              Effect.onError((cause) => Effect.logError("cannot open", cause))
            )
          )
          expect(Exit.isSuccess(exit)).toBe(works)
          expect(everything).toContain(`127.0.0.1:${port}`)
        }))

      it.scopedLive(`by a pool of connections ${what}, made with ${which}`, () =>
        Effect.gen(function*() {
          const { port } = yield* server
          const options = {
            host: "127.0.0.1",
            port,
            ca,
            ...identity,
            connectTimeout: works ? "5 seconds" : "100 millis"
          } as const
          const { everything, exit } = yield* observed((to) => usePool(to, options))
          expect(Exit.isSuccess(exit) && Exit.isSuccess(exit.value)).toBe(works)
          expect(everything).toContain(works ? "Opened" : "OpenFailed")
        }))
    }
  }

  const defects: Record<string, Identity> = {
    "a key that is no key": { cert: client.cert, key: Redacted.make(nonsenseKey) },
    "a key in bytes that is no key": { cert: client.cert, key: Redacted.make(new TextEncoder().encode(nonsenseKey)) },
    "the key of another certificate": { cert: expired.cert, key: Redacted.make(client.key) },
    "a key without its certificate": { key: Redacted.make(client.key) },
    "a wrong passphrase": { ...withPassphrase, passphrase: Redacted.make(wrongPassphrase) },
    "a missing passphrase": { cert: client.cert, key: Redacted.make(encryptedKey) },
    "a key that was not made Redacted": { cert: client.cert, key: client.key as never },
    "a passphrase that was not made Redacted": { ...withPassphrase, passphrase: passphrase as never }
  }
  for (const [what, identity] of Object.entries(defects)) {
    it.live(`by the defect that ${what} is`, () =>
      Effect.gen(function*() {
        const options = { host: "127.0.0.1", port: 1, ca, ...identity }
        const opened = yield* observed(() => Effect.scoped(TlsConnection.open(options)))
        const made = yield* observed(() => Effect.scoped(TlsPool.make(options)))
        const layered = yield* observed(() => Effect.scoped(Layer.build(TlsPool.layer(options))))
        const exits: ReadonlyArray<Exit.Exit<unknown, unknown>> = [opened.exit, made.exit, layered.exit]
        expect(exits.map((exit) => Exit.isFailure(exit) && reasonOf(exit.cause))).toEqual(["Die", "Die", "Die"])
      }))
  }

  it.scopedLive("by a pool whose secrets come from the configuration", () =>
    Effect.gen(function*() {
      const { port } = yield* serveTls((socket) => void socket.pipe(socket), { requestCert: true, ca })
      const PoolConfigured = TlsPool.layerConfig({
        host: Config.succeed("127.0.0.1"),
        port: Config.succeed(port),
        ca: Config.succeed(ca),
        cert: config.string("CERT"),
        key: config.redacted("KEY"),
        passphrase: config.redacted("PASSPHRASE")
      })
      const given = [["CERT", client.cert], ["KEY", encryptedKey], ["PASSPHRASE", passphrase]] as const
      for (const [works, values] of [[true, given], [false, given.slice(0, 2)]] as const) {
        const { exit } = yield* observed((to) =>
          Pool.use((connection) =>
            Effect.gen(function*() {
              yield* connection.send("x")
              yield* connection.recvExactly(1)
              to.note(connection)
            })
          ).pipe(
            Effect.andThen(Effect.map(Pool, to.note)),
            Effect.provide(
              Layer.provide(PoolConfigured, configured(Object.fromEntries(values)))
            )
          )
        )
        expect(Exit.isSuccess(exit)).toBe(works)
      }
    }))

  it("and the witness would find one that is", () => {
    const to = witness()
    to.note(new Error(`the key is ${passphrase}`))
    expect(to.seen.join("\n")).toContain(passphrase)
  })
})
