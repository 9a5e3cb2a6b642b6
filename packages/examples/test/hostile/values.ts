/** Values that no option expects, by name. Each is made anew, because some can be used only once. */
import { Duration, Effect, Option, Redacted, Schedule } from "effect"

/** The secret that no message may show. */
export const secret = "hunter2-correct-horse"

export const pem = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`

const thrower = (): never => {
  throw new TypeError(secret)
}

const revoked = (target: object): unknown => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const wiped = (): unknown => {
  const redacted = Redacted.make(secret)
  Redacted.unsafeWipe(redacted)
  return redacted
}

export const values = {
  "null": () => null,
  "true": () => true,
  "false": () => false,
  "zero": () => 0,
  "minus zero": () => -0,
  "minus one": () => -1,
  "half": () => 0.5,
  "one": () => 1,
  "forty": () => 40,
  "NaN": () => NaN,
  "Infinity": () => Infinity,
  "-Infinity": () => -Infinity,
  "an unsafe number": () => 2 ** 53,
  "a bigint": () => 1n,
  "a negative bigint": () => -1n,
  "a huge bigint": () => 2n ** 4000n,
  "an empty string": () => "",
  "a space": () => " ",
  "a word": () => "soon",
  "the word true": () => "true",
  "the word false": () => "false",
  "a number as text": () => "5",
  "a duration": () => "1 second",
  "a negative duration": () => "-1 seconds",
  "NUL": () => "\0",
  "text with NUL": () => "127.0.0.1\0.internal",
  "two lines": () => "soon\nX-Header: 1",
  "an escape sequence": () => "\u001b]0;soon\u0007",
  "a C1 control": () => "soon\u009b2J",
  "a line separator": () => "soon\u2028later",
  "a lone surrogate": () => "soon\ud800",
  "an address in brackets": () => "[::1]",
  "a host and a port": () => "localhost:5432",
  "digits of another script": () => "１２７.0.0.1",
  "a name of other letters": () => "bücher.test",
  "a path": () => "/run/soon.sock",
  "credentials": () => `user:${secret}@localhost`,
  "a URL with credentials": () => `tcp://user:${secret}@localhost/`,
  "a URL with a token": () => `tcp://localhost/?token=${secret}`,
  "a key": () => pem,
  "a long text": () => secret.repeat(500),
  "a symbol": () => Symbol(secret),
  "a function": () => () => secret,
  "an async function": () => async () => secret,
  "a class": () => class Hostile extends Error {},
  "an array": () => [],
  "an array of words": () => ["h2", "http/1.1"],
  "an array of keys": () => [pem],
  "an array of null": () => [null],
  "a pair": () => [1, 0],
  "a pair with NaN": () => [NaN, 0],
  "a negative pair": () => [-1, 0],
  "a triple": () => [1, 2, 3],
  "a revoked array": () => revoked([]),
  "an object": () => ({}),
  "a bare object": () => Object.create(null),
  "an object of words": () => ({ region: "eu" }),
  "an object of objects": () => ({ region: { secret } }),
  "an object that throws": () => ({
    toString: thrower,
    valueOf: thrower,
    toJSON: thrower,
    [Symbol.toPrimitive]: thrower
  }),
  "an object with a getter that throws": () => Object.defineProperty({}, "region", { get: thrower, enumerable: true }),
  "a revoked proxy": () => revoked({}),
  "a proxy that throws": () => new Proxy({}, { get: thrower, has: thrower, getPrototypeOf: thrower, ownKeys: thrower }),
  "a date": () => new Date(0),
  "an invalid date": () => new Date(NaN),
  "a regular expression": () => /soon/,
  "a map": () => new Map([["region", secret]]),
  "a set": () => new Set([secret]),
  "a promise": () => Promise.resolve(secret),
  "an error": () => new Error(secret),
  "bytes": () => new TextEncoder().encode(secret),
  "no bytes": () => new Uint8Array(),
  "numbers in an array buffer": () => new Float64Array(2),
  "a boxed string": () => new String(secret),
  "a boxed number": () => new Number(5),
  "a redacted": () => Redacted.make(secret),
  "a redacted key": () => Redacted.make(pem),
  "an empty redacted": () => Redacted.make(""),
  "a redacted number": () => Redacted.make(5),
  "a wiped redacted": wiped,
  "an option": () => Option.some(secret),
  "no option": () => Option.none(),
  "an effect": () => Effect.void,
  "a failed effect": () => Effect.fail(secret),
  "a schedule": () => Schedule.forever,
  "Duration.zero": () => Duration.zero,
  "Duration.infinity": () => Duration.infinity,
  "a false Duration": () => ({ [Symbol.for("effect/Duration")]: Symbol.for("effect/Duration"), value: secret })
} satisfies Record<string, () => unknown>

export type Label = keyof typeof values
