// Real servers on loopback.
import { Pool } from "@socketpool/core"
import { Dashboard } from "@socketpool/dashboard"
import { result } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Duration, Effect } from "effect"
import * as path from "node:path"
import { isMissing } from "../../node/test/fixtures/realServer.js"
import { installed, redisServer } from "../../node/test/fixtures/redisServer.js"
import * as Doctor from "../src/internal/doctor.js"
import type { Finding } from "../src/internal/finding.js"
import { doctorOptions } from "./fixtures/options.js"
import { recorded } from "./fixtures/screen.js"
import { closedPort, echo, serve, serveTls } from "./fixtures/servers.js"

const certificates = path.resolve(import.meta.dirname, "../../node/test/fixtures/tls")

const run = (target: string, more: Partial<Doctor.Options> = {}) =>
  Effect.gen(function*() {
    const screen = recorded()
    const exit = yield* result(Effect.provide(
      Doctor.run({ ...doctorOptions, target, json: true, ...more }),
      screen.layer
    ))
    const { findings, ok } = JSON.parse(screen.text()) as {
      readonly findings: ReadonlyArray<Finding>
      readonly ok: boolean
    }
    assert.strictEqual(ok, exit._tag === "Success")
    return (about: string) => findings.find((finding) => finding.about === about)
  })

describe("doctor", () => {
  it.scopedLive("passes a sound server", () =>
    Effect.gen(function*() {
      const { port } = yield* echo
      const finding = yield* run(`tcp://localhost:${port}`, { watchIdle: Duration.millis(100) })
      assert.deepStrictEqual(["name", "connect", "idle"].map((about) => finding(about)?.level), ["ok", "ok", "ok"])
      assert.match(finding("name")!.text, /^localhost resolves to .*127\.0\.0\.1/)
    }))

  it.scopedLive("reports a port without a listener, and a name that cannot be resolved", () =>
    Effect.gen(function*() {
      const refused = yield* run(`tcp://127.0.0.1:${yield* closedPort}`)
      assert.deepInclude(refused("connect"), { level: "fail" })
      assert.include(refused("connect")!.text, "ECONNREFUSED")
      const nowhere = yield* run("tcp://there.is.no.such.name.invalid:80")
      assert.deepInclude(nowhere("name"), { level: "fail" })
    }))

  it.scopedLive("warns of a server that sends a greeting", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(() => {}, (socket) => void socket.write("220 mail.example ESMTP\r\n"))
      const finding = yield* run(`tcp://127.0.0.1:${port}`)
      assert.deepInclude(finding("greeting"), { level: "warn" })
      assert.include(finding("greeting")!.text, "220 mail.example ESMTP")
    }))

  it.scopedLive("measures when the server closes an idle connection, and compares it with idleTimeout", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(() => {}, (socket) => {
        const timer = setTimeout(() => socket.end(), 200)
        socket.on("close", () => clearTimeout(timer))
      })
      const target = `tcp://127.0.0.1:${port}`
      const watchIdle = Duration.seconds(5)
      const idle = (idleTimeout?: Duration.Duration) =>
        Effect.map(run(target, { watchIdle, idleTimeout }), (finding) => finding("idle")!)
      const unset = yield* idle()
      assert.strictEqual(unset.level, "fail")
      assert.match(
        unset.text,
        /closes idle connections after \d+ ms\. Set idleTimeout or keepaliveTime to less/
      )
      assert.strictEqual((yield* idle(Duration.hours(1))).level, "fail")
      assert.strictEqual((yield* idle(Duration.millis(100))).level, "ok")
    }))

  it.scopedLive("reports an expired certificate, and a server without TLS", () =>
    Effect.gen(function*() {
      const expired = yield* run(`tls://localhost:${yield* serveTls("expired", certificates)}`)
      assert.deepInclude(expired("certificate"), { level: "fail" })
      assert.match(expired("certificate")!.text, /expired [\d.,]+ days ago/)
      const { port } = yield* serve((socket) => void socket.end("this is no TLS"))
      const plain = yield* run(`tls://localhost:${port}`)
      assert.deepInclude(plain("TLS"), { level: "fail" })
    }))

  it.scopedLive("adds the advice for a running pool", () =>
    Effect.gen(function*() {
      const { port } = yield* echo
      const pool = yield* Pool.make({ open: Effect.sync(() => ({})), name: "small", maxConnections: 1 })
      yield* Effect.forEach(Array.from({ length: 150 }), () => pool.use(() => Effect.sleep(1)), { concurrency: 10 })
      const { url } = yield* Dashboard.serve({ port: 0 })
      const finding = yield* run(`tcp://127.0.0.1:${port}`, { url })
      assert.deepInclude(finding("size"), { level: "warn" })
      assert.match(finding("size")!.text, /^small, since it was made .* ago: .*Little's law/)
    }))
})

describe.skipIf(isMissing("redis-server", installed))("doctor with a real Redis", () => {
  it.scopedLive("compares the connections of all processes with the limit of the server, and the idle timeouts", () =>
    Effect.gen(function*() {
      const { port } = yield* redisServer("--maxclients", "50", "--timeout", "30")
      const protocol = "redis"
      const target = `tcp://127.0.0.1:${port}`
      const limit = (maxConnections: number, processes: number, idleTimeout?: Duration.Duration) =>
        Effect.map(run(target, { protocol, maxConnections, processes, idleTimeout }), (finding) => finding)
      const tooMany = yield* limit(20, 3)
      assert.deepInclude(tooMany("limit"), { level: "fail" })
      assert.include(tooMany("limit")!.text, "3 x 20 = 60")
      assert.deepInclude(tooMany("idle"), { level: "fail" })
      const tight = yield* limit(15, 3, Duration.seconds(20))
      assert.deepStrictEqual([tight("limit")?.level, tight("idle")?.level], ["warn", "ok"])
      const fine = yield* limit(10, 3, Duration.seconds(40))
      assert.deepStrictEqual([fine("limit")?.level, fine("idle")?.level], ["ok", "fail"])
    }))
})
