// A real server: Nodemailer's SMTP server, on a random loopback port.
import { type Connection, type ConnectionError, type ConnectionPool, Framing } from "@socketpool/core"
import { TcpPool, TlsPool } from "@socketpool/node"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Data, Effect, type Scope } from "effect"
import type * as net from "node:net"
import { SMTPServer, type SMTPServerOptions } from "smtp-server"
import { closedBy, eventually } from "./fixtures/server.js"
import { ca, localhost } from "./fixtures/tlsServer.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

// --- The server -----------------------------------------------------------------------------------------------------

interface Mail {
  readonly from: string
  readonly to: ReadonlyArray<string>
  readonly text: string
  readonly secure: boolean
}

interface MailServer {
  readonly port: number
  readonly mails: ReadonlyArray<Mail>
  readonly connections: () => number
  /** The most connections at once so far. */
  readonly peak: () => number
  /** Ends its connections in the way it ends those of silent clients. */
  readonly timeOut: () => void
  /** Announces its shutdown to its clients, and shuts down. */
  readonly close: () => void
}

const password = "quince-marmalade-7305"

const serve = (options: SMTPServerOptions = {}): Effect.Effect<MailServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const mails: Array<Mail> = []
      let peak = 0
      const server = new SMTPServer({
        ...localhost,
        authOptional: true,
        disableReverseLookup: true,
        closeTimeout: 100,
        onConnect: (_session, done) => {
          peak = Math.max(peak, server.connections.size)
          done()
        },
        onAuth: (auth, _session, done) =>
          auth.password === password ? done(null, { user: auth.username }) : done(new Error("Invalid password")),
        onData: (stream, session, done) => {
          let text = ""
          stream.on("data", (chunk) => text += chunk)
          stream.on("end", () => {
            const { mailFrom, rcptTo } = session.envelope
            mails.push({
              from: mailFrom === false ? "" : mailFrom.address,
              to: rcptTo.map(({ address }) => address),
              text,
              secure: session.secure
            })
            done()
          })
        },
        ...options
      })
      server.on("error", () => {})
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
      return {
        port: (server.server.address() as net.AddressInfo).port,
        mails,
        connections: () => server.connections.size,
        peak: () => peak,
        timeOut: () => {
          for (const connection of server.connections) connection._socket.emit("timeout")
        },
        close: () => server.close(),
        stop: () => new Promise<void>((done) => server.close(() => done()))
      }
    }),
    (server) => Effect.promise(server.stop)
  )

// --- The client -----------------------------------------------------------------------------------------------------

class Refused extends Data.TaggedError("Refused")<{ readonly reply: string }> {
  override get message(): string {
    return this.reply
  }
}

type Failure = Refused | ConnectionError | Framing.FramingError

/** Reads all lines of a reply. */
const reply = (connection: Connection, code: number): Effect.Effect<string, Failure> =>
  Effect.gen(function*() {
    const { recv } = Framing.text(Framing.over(connection, Framing.lines()))
    const read: Array<string> = []
    do read.push(yield* recv)
    while (read[read.length - 1]![3] === "-")
    const whole = read.join("\n")
    return whole.startsWith(String(code)) ? whole : yield* Effect.fail(new Refused({ reply: whole }))
  })

const ask = (connection: Connection, command: string, code = 250) =>
  Effect.andThen(Framing.over(connection, Framing.lines()).send(command), reply(connection, code))

const hello = (connection: Connection) => ask(connection, "EHLO localhost")

/** The server speaks first. */
const greeted = (connection: Connection) => Effect.andThen(reply(connection, 220), hello(connection))

const startTls = (connection: Connection) => Effect.andThen(greeted(connection), ask(connection, "STARTTLS", 220))

const authenticate = (secret: string) => (connection: Connection) => {
  const credentials = Buffer.from(`\0user\0${secret}`).toString("base64")
  return Effect.andThen(hello(connection), ask(connection, `AUTH PLAIN ${credentials}`, 235))
}

const from = (connection: Connection, name: string) => ask(connection, `MAIL FROM:<${name}@example.com>`)

const mail = (connection: Connection, name: string) =>
  Effect.gen(function*() {
    yield* from(connection, name)
    yield* ask(connection, "RCPT TO:<somebody@example.com>")
    yield* ask(connection, "DATA", 354)
    yield* connection.send(`Subject: ${name}\r\n\r\nHello\r\n.\r\n`)
    yield* reply(connection, 250)
  })

/** Resets what a borrower has begun. */
const reset = (connection: Connection): Effect.Effect<"keep" | "discard"> =>
  Effect.match(ask(connection, "RSET"), { onFailure: () => "discard", onSuccess: () => "keep" })

const sent = (name: string, secure: boolean): Mail => ({
  from: `${name}@example.com`,
  to: ["somebody@example.com"],
  text: `Subject: ${name}\r\n\r\nHello\r\n`,
  secure
})

const nestedMail = "503 Error: nested MAIL command"

/** Checks that the pool has left nothing here or at the server. */
const leavingNothing = <P extends ConnectionPool<any, any>, E, E2>(
  server: MailServer,
  make: Effect.Effect<P, E, Scope.Scope>,
  body: (pool: P) => Effect.Effect<void, E2, Scope.Scope>
) =>
  Effect.gen(function*() {
    const pool = yield* Effect.scoped(Effect.tap(make, (pool) => Effect.scoped(body(pool))))
    yield* nothingIsLeft({ pool, port: server.port, server: server.connections })
  })

describe("a pool of connections to an SMTP server", () => {
  const at = (server: MailServer) => ({ host: "127.0.0.1", port: server.port, maxConnections: 1 })

  it.scopedLive("reads the greeting in its handshake, and sends 100 mails over 4 connections", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const names = Array.from({ length: 100 }, (_, i) => `fiber-${i}`)
      const make = TcpPool.make({ ...at(server), maxConnections: 4, maxUses: 10, handshake: greeted })
      yield* leavingNothing(server, make, (pool) =>
        Effect.gen(function*() {
          yield* Effect.forEach(names, (name) => pool.use((connection) => mail(connection, name)), {
            concurrency: "unbounded",
            discard: true
          })
          const byName = (a: Mail, b: Mail) => a.from < b.from ? -1 : 1
          expect([...server.mails].sort(byName)).toEqual(names.map((name) => sent(name, false)).sort(byName))
          expect(server.peak()).toBeGreaterThan(0)
          expect(server.peak()).toBeLessThanOrEqual(4)
          const stats = yield* pool.stats
          expect(stats).toMatchObject({ acquired: 100, openFailed: 0 })
          expect(stats.opened).toBeGreaterThanOrEqual(10)
        }))
    }))

  it.scopedLive("fails to open with the server's reply when it rejects clients", () =>
    Effect.gen(function*() {
      const server = yield* serve({ maxClients: 1 })
      yield* leavingNothing(
        server,
        TcpPool.make({ ...at(server), maxConnections: 2, handshake: greeted }),
        (pool) =>
          Effect.gen(function*() {
            const first = yield* pool.get
            const refused = yield* Effect.flip(Effect.scoped(pool.get))
            expect(refused).toMatchObject({ _tag: "Refused" })
            expect(refused.message).toContain("421 ")
            yield* mail(first, "first")
            expect(server.mails).toEqual([sent("first", false)])
          })
      )
    }))

  it.scopedLive("passes a half-finished mail on to the next borrower, as the server's reply shows", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const pool = yield* TcpPool.make({ ...at(server), handshake: greeted })
      yield* pool.use((connection) => from(connection, "first"))
      const error = yield* Effect.flip(pool.use((connection) => mail(connection, "second")))
      expect(error).toMatchObject({ _tag: "Refused", reply: nestedMail })
      expect(server.mails).toEqual([])
    }))

  it.scopedLive("passes on no half-finished mail when onRelease sends RSET, and keeps the connection", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const make = TcpPool.make({ ...at(server), handshake: greeted, onRelease: reset })
      yield* leavingNothing(server, make, (pool) =>
        Effect.gen(function*() {
          yield* pool.use((connection) => from(connection, "first"))
          yield* pool.use((connection) => mail(connection, "second"))
          const nested = pool.use((connection) => Effect.andThen(from(connection, "third"), from(connection, "third")))
          expect(yield* Effect.flip(nested)).toMatchObject({ _tag: "Refused", reply: nestedMail })
          yield* pool.use((connection) => mail(connection, "fourth"))
          expect(server.mails).toEqual([sent("second", false), sent("fourth", false)])
          expect(yield* pool.stats).toMatchObject({ acquired: 4, opened: 1 })
        }))
    }))

  it.scopedLive("lends no connection in the middle of a mail's text, although onRelease would keep it", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      // RSET would be a line of the mail, without a reply.
      const pool = yield* TcpPool.make({
        ...at(server),
        handshake: greeted,
        onRelease: reset,
        closeTimeout: "50 millis"
      })
      yield* pool.use((connection) =>
        Effect.gen(function*() {
          yield* from(connection, "first")
          yield* ask(connection, "RCPT TO:<somebody@example.com>")
          yield* ask(connection, "DATA", 354)
          yield* connection.send("Subject: first\r\n\r\n")
        })
      )
      yield* pool.use((connection) => mail(connection, "second"))
      expect(server.mails).toEqual([sent("second", false)])
      expect(yield* pool.stats).toMatchObject({ opened: 2 })
    }))

  it.scopedLive("logs in over TLS that begins after STARTTLS, and sends mails", () =>
    Effect.gen(function*() {
      const server = yield* serve({ authOptional: false })
      const make = TlsPool.make({ ...at(server), maxConnections: 2, ca, startTls, handshake: authenticate(password) })
      yield* leavingNothing(server, make, (pool) =>
        Effect.gen(function*() {
          yield* pool.use((connection) => mail(connection, "first"))
          yield* pool.use((connection) => mail(connection, "second"))
          expect(server.mails).toEqual([sent("first", true), sent("second", true)])
          expect(yield* pool.stats).toMatchObject({ opened: 1 })
        }))
    }))

  it.scopedLive("fails to open with the server's reply when the password is wrong", () =>
    Effect.gen(function*() {
      const server = yield* serve({ authOptional: false })
      const make = TlsPool.make({ ...at(server), ca, startTls, handshake: authenticate("wrong") })
      yield* leavingNothing(server, make, (pool) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(pool.use((connection) => mail(connection, "first")))
          expect(error).toMatchObject({ _tag: "Refused", reply: "535 Invalid password" })
          expect(server.mails).toEqual([])
          expect(yield* pool.stats).toMatchObject({ opened: 0 })
        }))
    }))

  it.scopedLive("fails to open with the server's reply, without logging in, when the server has no STARTTLS", () =>
    Effect.gen(function*() {
      let logins = 0
      const server = yield* serve({ disabledCommands: ["STARTTLS"], onAuth: () => logins++ })
      const make = TlsPool.make({ ...at(server), ca, startTls, handshake: authenticate(password) })
      yield* leavingNothing(server, make, (pool) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(pool.use((connection) => mail(connection, "first")))
          expect(error).toMatchObject({ _tag: "Refused" })
          expect(logins).toBe(0)
        }))
    }))

  type Made = Effect.Effect<ConnectionPool<any, unknown>, never, Scope.Scope>
  const transports: Record<string, (server: MailServer) => Made> = {
    TCP: (server) => TcpPool.make({ ...at(server), handshake: greeted }),
    TLS: (server) => TlsPool.make({ ...at(server), ca, startTls, handshake: hello })
  }
  for (const [over, make] of Object.entries(transports)) {
    it.scopedLive(`closes an idle connection at once when the server says 421, and lends another (${over})`, () =>
      Effect.gen(function*() {
        const server = yield* serve()
        yield* leavingNothing(server, make(server), (pool) =>
          Effect.gen(function*() {
            yield* pool.use((connection) => mail(connection, "first"))
            server.timeOut()
            yield* eventually("it has closed", () => Effect.runSync(closedBy({ pool })) === 1)
            expect((yield* pool.stats).closed.Desync).toBe(1)
            yield* pool.use((connection) => mail(connection, "second"))
            expect(server.mails.map(({ from }) => from)).toEqual(["first@example.com", "second@example.com"])
            expect(yield* pool.stats).toMatchObject({ opened: 2, openFailed: 0 })
          }))
      }))
  }

  it.scopedLive("closes every idle connection at once when the server shuts down, and nothing is left", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const make = TcpPool.make({ ...at(server), maxConnections: 4, initialConnections: 4, handshake: greeted })
      yield* leavingNothing(server, make, (pool) =>
        Effect.gen(function*() {
          yield* pool.awaitReady
          expect(server.connections()).toBe(4)
          server.close()
          yield* eventually("they have closed", () => Effect.runSync(closedBy({ pool })) === 4)
          expect((yield* pool.stats).closed.Desync).toBe(4)
          expect(yield* Effect.flip(pool.use(hello))).toMatchObject({ _tag: "ConnectError", reason: "Refused" })
        }))
    }))
})
