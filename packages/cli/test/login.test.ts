// Logins to real servers on loopback.
import { result } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Duration, Effect } from "effect"
import * as Bench from "../src/internal/bench.js"
import * as Doctor from "../src/internal/doctor.js"
import type { Failure } from "../src/internal/failure.js"
import * as Login from "../src/internal/login.js"
import type { Screen } from "../src/internal/screen.js"
import { benchOptions, doctorOptions } from "./fixtures/options.js"
import { recorded } from "./fixtures/screen.js"
import { serve } from "./fixtures/servers.js"

const secret = "s3cret"
const none: Login.Options = { handshake: undefined, handshakeAnswer: undefined, passwordEnv: undefined }
const auth: Login.Options = { ...none, handshake: "AUTH {password}\\r\\n", passwordEnv: "PASSWORD" }

/** Speaks as a Redis with a password does, with the password in its refusals. */
const redis = Effect.gen(function*() {
  const known = new WeakSet<object>()
  let logins = 0
  const { port } = yield* serve((socket, chunk) => {
    for (const line of chunk.toString().trimEnd().split("\r\n")) {
      if (line === `AUTH ${secret}`) {
        logins++
        known.add(socket)
        socket.write("+OK\r\n")
      } else if (line.startsWith("AUTH")) {
        socket.write(`-WRONGPASS ${line} is not right\r\n`)
      } else {
        socket.write(known.has(socket) ? "+PONG\r\n" : "-NOAUTH Authentication required.\r\n")
      }
    }
  })
  return { target: `tcp://127.0.0.1:${port}`, logins: () => logins }
})

/** Runs a command with the login of these options, and returns how it ended and everything that it said. */
const run = (
  command: (login: Login.Login | undefined) => Effect.Effect<void, Failure, Screen>,
  options: Login.Options,
  env: Readonly<Record<string, string>>
) =>
  Effect.gen(function*() {
    const screen = recorded()
    const exit = yield* result(
      Effect.provide(Effect.flatMap(Login.make(options, env), command), screen.layer)
    )
    return exit._tag === "Failure"
      ? { kind: exit.failure.kind, text: screen.text() + exit.failure.message }
      : { kind: "ok", text: screen.text() }
  })

type Run = (
  target: string,
  options: Login.Options,
  env: Readonly<Record<string, string>>
) => Effect.Effect<{ readonly kind: string; readonly text: string }>

const bench: Run = (target, options, env) =>
  run(
    (login) =>
      Bench.run({
        ...benchOptions,
        target,
        connections: 2,
        concurrency: 2,
        duration: Duration.millis(50),
        send: "PING\\r\\n",
        expect: "lines",
        login
      }),
    options,
    env
  )

const doctor: Run = (target, options, env) =>
  run((login) => Doctor.run({ ...doctorOptions, target, login }), options, env)

describe("the login", () => {
  it.scopedLive("is done on each connection before a call", () =>
    Effect.gen(function*() {
      const { logins, target } = yield* redis
      const { kind, text } = yield* bench(target, auth, { PASSWORD: secret })
      assert.strictEqual(kind, "ok", text)
      assert.notInclude(text, "failed")
      assert.isAtLeast(logins(), 1)
      const checked = yield* doctor(target, auth, { PASSWORD: secret })
      assert.strictEqual(checked.kind, "ok")
      assert.match(checked.text, /^ok +handshake +Connecting with the handshake took/m)
    }))

  it.scopedLive("fails the command if the server refuses it, without the password", () =>
    Effect.gen(function*() {
      const { target } = yield* redis
      for (const command of [bench, doctor]) {
        const { kind, text } = yield* command(target, auth, { PASSWORD: "wr0ng" })
        assert.strictEqual(kind, "failed")
        assert.include(text, "The handshake failed: the server answered \"-WRONGPASS AUTH *** is not right\".")
        assert.notInclude(text, "wr0ng")
      }
    }))

  it.scopedLive("fails if an answer does not start as expected, and reads one for each line", () =>
    Effect.gen(function*() {
      const { target } = yield* redis
      const other = yield* bench(target, { ...auth, handshakeAnswer: "+YES" }, { PASSWORD: secret })
      assert.include(other.text, "The handshake failed: the server answered \"+OK\".")
      const twice = yield* bench(target, { ...auth, handshake: `${auth.handshake}PING\\r\\n` }, { PASSWORD: secret })
      assert.strictEqual(twice.kind, "ok", twice.text)
    }))

  it.scopedLive("is missed: all answers are errors, and the command fails", () =>
    Effect.gen(function*() {
      const { target } = yield* redis
      const { kind, text } = yield* bench(target, none, {})
      assert.strictEqual(kind, "failed")
      assert.match(text, /: 0 answers\/s/)
      assert.match(text, /[1-9]\d* failed with WrongAnswer -NOAUTH Authentication required\.\n/)
      assert.include(text, "All calls failed.")
    }))

  const invalid: ReadonlyArray<[options: Partial<Login.Options>, env: Readonly<Record<string, string>>, rule: RegExp]> =
    [
      [{ handshake: "AUTH {password}" }, {}, /name the variable of the password with --password-env/],
      [{ passwordEnv: "P" }, { P: secret }, /--password-env requires a --handshake that contains \{password\}/],
      [{ handshake: "AUTH", passwordEnv: "P" }, { P: secret }, /requires a --handshake that contains/],
      [{ ...auth, passwordEnv: `${secret}-x` }, {}, /must be the name of an environment variable, not the password/],
      [{ ...auth, passwordEnv: secret }, {}, /must name an environment variable that is set/],
      [auth, { PASSWORD: "" }, /must name an environment variable that is set/],
      [auth, { PASSWORD: `${secret}\nQUIT` }, /environment variable PASSWORD must not contain control characters/],
      [{ handshakeAnswer: "+OK" }, {}, /--handshake-answer requires --handshake/]
    ]
  it.effect.each(invalid)("%o is refused, and no secret is shown", ([options, env, rule]) =>
    Effect.gen(function*() {
      const failure = yield* Effect.flip(Login.make({ ...none, ...options }, env))
      assert.strictEqual(failure.kind, "usage")
      assert.match(failure.message, rule)
      assert.notInclude(failure.message, secret)
    }))
})
