// The clients of the manual, against the real servers.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { ServerTCP } from "modbus-serial"
import { spawnSync } from "node:child_process"
import type * as net from "node:net"
import { SMTPServer } from "smtp-server"
import { installed as hasPostgres, postgres } from "../../node/test/fixtures/postgres.js"
import { freePort, isMissing, NotStarted, patiently, run } from "../../node/test/fixtures/realServer.js"
import { ca, localhost } from "../../node/test/fixtures/tlsServer.js"
import { cache } from "../src/memcached.js"
import { device } from "../src/modbus.js"
import { query, sessions } from "../src/postgres.js"
import { mailer } from "../src/smtp.js"

describe("the client of SMTP", () => {
  interface Server {
    readonly port: number
    readonly mails: ReadonlyArray<string>
    readonly log: ReadonlyArray<string>
  }

  const serve = Effect.acquireRelease(
    Effect.promise(async (): Promise<Server & { readonly server: SMTPServer }> => {
      const mails: Array<string> = []
      const log: Array<string> = []
      const note = (_: unknown, ...words: ReadonlyArray<unknown>) => void log.push(words.join(" "))
      const server = new SMTPServer({
        ...localhost,
        disableReverseLookup: true,
        closeTimeout: 100,
        logger: { info: note, debug: note, error: note } as any,
        onAuth: ({ password, username }, _, done) =>
          password === "secret" ? done(null, { user: username }) : done(new Error("Invalid password")),
        onRcptTo: ({ address }, _, done) => address.startsWith("nobody") ? done(new Error("Unknown user")) : done(),
        onData: (stream, session, done) => {
          let text = ""
          stream.on("data", (chunk) => text += chunk)
          stream.on("end", () => {
            mails.push(`${session.secure} ${session.envelope.rcptTo[0]!.address} ${text}`)
            done()
          })
        }
      })
      server.on("error", () => {})
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
      return { port: (server.server.address() as net.AddressInfo).port, mails, log, server }
    }),
    ({ server }) => Effect.promise(() => new Promise<void>((done) => server.close(() => done())))
  )

  const at = (port: number, password = "secret") =>
    mailer({ host: "127.0.0.1", port, ca, maxConnections: 1, user: "us", password: Redacted.make(password) })

  const mail = (to: string, text: string) => ({ from: "us@example.com", to, text })

  it.scopedLive("sends mails over one encrypted connection, which a refusal does not cost, and says goodbye", () =>
    Effect.gen(function*() {
      const { log, mails, port } = yield* serve
      yield* Effect.scoped(Effect.gen(function*() {
        const { pool, send } = yield* at(port)
        yield* send(mail("a@example.com", "first\n.\nline"))
        for (let i = 0; i < 5; i++) {
          expect(yield* Effect.flip(send(mail("nobody@example.com", "lost")))).toMatchObject({ _tag: "Refused" })
        }
        yield* send(mail("b@example.com", "second"))
        expect(yield* pool.stats).toMatchObject({ opened: 1 })
      }))
      expect(mails).toEqual(["true a@example.com first\r\n.\r\nline\r\n", "true b@example.com second\r\n"])
      expect(log.filter((line) => line.includes("QUIT")).length).toBeGreaterThan(0)
    }))

  it.scopedLive("fails with the server's reply when the password is wrong", () =>
    Effect.gen(function*() {
      const { port } = yield* serve
      const { send } = yield* at(port, "wrong")
      const refused = yield* Effect.flip(send(mail("a@example.com", "text")))
      expect(refused).toMatchObject({ _tag: "Refused", reply: expect.stringContaining("535") })
    }))
})

describe("the client of Modbus/TCP", () => {
  const later = () => new Promise<void>((resume) => setTimeout(resume, Math.random() * 5))

  const start = (number: number) =>
    patiently(Effect.gen(function*() {
      // The server takes port 0 for its default.
      const port = yield* freePort
      const registers = new Map<number, number>()
      const vector = {
        getHoldingRegister: async (address: number) => {
          // Answers overtake each other.
          await later()
          if (address >= 1_000) throw Object.assign(new Error("no such address"), { modbusErrorCode: 2 })
          return registers.get(address) ?? number * 1_000 + address
        },
        setRegister: async (address: number, value: number) => void registers.set(address, value)
      }
      const opened = Effect.async<ServerTCP, NotStarted>((resume) => {
        const server = new ServerTCP(vector, { host: "127.0.0.1", port, unitID: 1 })
        server.on("initialized", () => resume(Effect.succeed(server)))
        server.on("serverError", (error) => resume(Effect.fail(new NotStarted({ message: String(error) }))))
      })
      yield* Effect.acquireRelease(opened, (server) =>
        Effect.async<void>((resume) => server.close(() => resume(Effect.void))))
      return { port }
    }))

  it.scopedLive("polls 50 devices over one connection each, with 20 requests at once", () =>
    Effect.gen(function*() {
      const numbers = Array.from({ length: 50 }, (_, i) => i)
      const opened = yield* Effect.forEach(numbers, (number) =>
        Effect.gen(function*() {
          const { port } = yield* start(number)
          const { client, readRegisters } = yield* device({ host: "127.0.0.1", port }, "1 minute")
          const read = yield* Effect.forEach(Array.from({ length: 20 }, (_, i) => i), (at) => readRegisters(at, 2), {
            concurrency: "unbounded"
          })
          const first = number * 1_000
          expect(read).toEqual(Array.from({ length: 20 }, (_, at) => [first + at, first + at + 1]))
          return (yield* client.pool.stats).opened
        }), { concurrency: "unbounded" })
      expect(opened).toEqual(numbers.map(() => 1))
    }))

  it.scopedLive("writes, and fails with the device's exception, which costs no connection", () =>
    Effect.gen(function*() {
      const { port } = yield* start(1)
      const { client, readRegisters, writeRegister } = yield* device({ host: "127.0.0.1", port }, "1 minute")
      yield* writeRegister(7, 42)
      expect(yield* readRegisters(7, 1)).toEqual([42])
      expect(yield* Effect.flip(readRegisters(1_000, 1))).toMatchObject({ _tag: "ModbusError" })
      expect(yield* readRegisters(7, 1)).toEqual([42])
      expect(yield* client.pool.stats).toMatchObject({ opened: 1 })
    }))
})

const hasMemcached = spawnSync("memcached", ["-V"]).status === 0

describe.skipIf(isMissing("memcached", hasMemcached))("the client of memcached", () => {
  const memcached = patiently(Effect.gen(function*() {
    const port = yield* freePort
    const asRoot = process.getuid!() === 0 ? ["-u", "nobody"] : []
    const args = ["-l", "127.0.0.1", "-p", `${port}`, "-U", "0", "-vv", ...asRoot]
    yield* run({ command: "memcached", args, ready: "server listening", stopWith: "SIGKILL" })
    return port
  }))

  it.scopedLive("returns their own values to 200 fibers over 2 connections", () =>
    Effect.gen(function*() {
      const { client, get, set } = yield* cache({ host: "127.0.0.1", port: yield* memcached }, "1 minute")
      yield* Effect.forEach(Array.from({ length: 200 }, (_, i) => i), (i) =>
        Effect.gen(function*() {
          const value = `value ${i}\r\n${"x".repeat(i * 50)}`
          yield* set(`key-${i}`, value)
          expect(yield* get(`key-${i}`)).toEqual(Option.some(value))
          expect(yield* get(`none-${i}`)).toEqual(Option.none())
        }), { concurrency: "unbounded" })
      expect(yield* Effect.flip(get("x".repeat(300)))).toMatchObject({ _tag: "MemcachedError" })
      expect(yield* Effect.flip(get("a\r\nflush_all"))).toMatchObject({ _tag: "FramingError" })
      expect((yield* client.pool.stats).opened).toBeLessThanOrEqual(2)
    }))
})

describe.skipIf(isMissing("postgresql", hasPostgres))("the session of PostgreSQL", () => {
  it.scopedLive("answers queries, and forgets settings, tables and transactions when it is returned", () =>
    Effect.gen(function*() {
      const { port } = yield* postgres
      const pool = yield* sessions({ host: "127.0.0.1", port, user: "postgres", maxConnections: 1 })
      const ask = (...queries: ReadonlyArray<string>) =>
        pool.use((connection) => Effect.forEach(queries, (sql) => query(connection, sql)))
      expect(yield* ask("select 6 * 7, null, 'ü'")).toEqual([[["42", null, "ü"]]])
      yield* ask("set application_name = 'mine'", "create temporary table mine (a int)", "begin", "lock pg_class")
      expect(yield* ask("show application_name")).toEqual([[[""]]])
      const missing = yield* Effect.flip(ask("begin", "select * from mine"))
      expect(missing).toMatchObject({ _tag: "DatabaseError", message: `relation "mine" does not exist` })
      expect(yield* ask("select count(*) from pg_locks where mode = 'AccessExclusiveLock'")).toEqual([[["0"]]])
      expect(yield* pool.stats).toMatchObject({ opened: 1 })
    }))

  it.scopedLive("fails with the database's error when the login is refused", () =>
    Effect.gen(function*() {
      const { port } = yield* postgres
      const pool = yield* sessions({ host: "127.0.0.1", port, user: "nobody", maxConnections: 1 })
      const refused = yield* Effect.flip(pool.use((connection) => query(connection, "select 1")))
      expect(refused).toMatchObject({ _tag: "DatabaseError", message: expect.stringContaining("nobody") })
    }))
})
