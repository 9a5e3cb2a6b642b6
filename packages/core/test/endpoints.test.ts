import { type Endpoint, Endpoints, EndpointsError } from "@socketpool/core"
import { collect, reasonOf } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { forkSettled } from "./setup.js"

const a: Endpoint = { host: "a.internal", port: 1 }
const b: Endpoint = { host: "b.internal", port: 2 }

/** The message of the defect with which a stream dies. */
const defectOf = (endpoints: Endpoints.Endpoints) =>
  Effect.map(Effect.exit(collect(endpoints)), (exit) => {
    assert.isTrue(Exit.isFailure(exit))
    const { cause } = exit as Exit.Failure<never, never>
    assert.strictEqual(reasonOf(cause), "Die")
    const defect = Cause.squash(cause)
    assert.instanceOf(defect, RangeError)
    return (defect as RangeError).message
  })

/** Emits these sets, one for each pull, and then ends. */
const pulled = (...sets: ReadonlyArray<ReadonlyArray<Endpoint>>) =>
  Endpoints.fromPull(Effect.sync(() => {
    const left = [...sets]
    return Effect.sync(() => left.shift())
  }))

describe("Endpoints.of", () => {
  it.effect("emits one set, with the defaults filled in, and ends", () =>
    Effect.gen(function*() {
      const sets = yield* collect(Endpoints.of(
        { host: "db-1.internal", port: 5432 },
        { host: "[fd00::1]", port: 5432, weight: 0.5, tier: 2, zone: "eu-1", name: "db-2.internal" },
        { host: "db-3.internal", port: 5432, id: "third" }
      ))
      assert.deepStrictEqual(sets, [[
        { host: "db-1.internal", port: 5432, weight: 1, tier: 0, id: "db-1.internal:5432" },
        {
          host: "fd00::1",
          port: 5432,
          weight: 0.5,
          tier: 2,
          id: "[fd00::1]:5432",
          zone: "eu-1",
          name: "db-2.internal"
        },
        { host: "db-3.internal", port: 5432, weight: 1, tier: 0, id: "third" }
      ]])
    }))

  const wrong: ReadonlyArray<readonly [string, ReadonlyArray<unknown>, string]> = [
    ["no endpoint", [], "endpoints must be at least one endpoint, but is []"],
    [
      "a host that is empty",
      [{ host: "", port: 1 }],
      "endpoints[0].host must be a string that is not empty, but is \"\""
    ],
    ["a port of 0", [a, { ...b, port: 0 }], "endpoints[1].port must be a whole number from 1 to 65535, but is 0"],
    [
      "a port that is too high",
      [{ ...a, port: 65_536 }],
      "endpoints[0].port must be a whole number from 1 to 65535, but is 65536"
    ],
    ["a weight of 0", [{ ...a, weight: 0 }], "endpoints[0].weight must be a number of more than 0, but is 0"],
    [
      "an infinite weight",
      [{ ...a, weight: Infinity }],
      "endpoints[0].weight must be a number of more than 0, but is Infinity"
    ],
    [
      "a tier that is not whole",
      [{ ...a, tier: 0.5 }],
      "endpoints[0].tier must be a whole number of at least 0, but is 0.5"
    ],
    ["a tier below 0", [{ ...a, tier: -1 }], "endpoints[0].tier must be a whole number of at least 0, but is -1"],
    ["a name that is no field", [{ ...a, prot: 1 }], "endpoints[0].prot is not an option: did you mean port?"],
    [
      "two of one host and port",
      [a, b, { ...a, weight: 2 }],
      "endpoints[2].id must be another one than that of [0], but is \"a.internal:1\""
    ],
    [
      "two with one id",
      [{ ...a, id: "x" }, { ...b, id: "x" }],
      "endpoints[1].id must be another one than that of [0], but is \"x\""
    ]
  ]
  for (const [what, endpoints, message] of wrong) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function*() {
        assert.strictEqual(
          yield* defectOf(Endpoints.of(...endpoints as ReadonlyArray<Endpoint>)),
          `Endpoints.of: ${message}`
        )
      }))
  }
})

describe("Endpoints.check", () => {
  it.effect("takes an empty set, and fills in the defaults of others", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Endpoints.check("the registry", []), [])
      assert.deepStrictEqual(yield* Endpoints.check("the registry", [a]), [{
        ...a,
        weight: 1,
        tier: 0,
        id: "a.internal:1"
      }])
    }))

  it.effect("fails with which endpoint is wrong, and why", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Endpoints.check("the registry", [a, { host: "b", port: "2" }]))
      assert.instanceOf(error, EndpointsError)
      assert.strictEqual(error.reason, "Invalid")
      assert.strictEqual(
        error.message,
        "Endpoints of the registry: Invalid: endpoints[1].port must be a whole number from 1 to 65535, but is \"2\". " +
          "Correct that endpoint, and publish the whole set again. " +
          "See https://github.com/socketpool/socketpool/blob/main/docs/operate/troubleshooting.md#endpointserror"
      )
    }))

  it.effect("fails with a value that is no list", () =>
    Effect.gen(function*() {
      for (const value of [null, {}, "a:1", undefined]) {
        const error = yield* Effect.flip(Endpoints.check("the registry", value))
        assert.strictEqual(error.reason, "Malformed")
        assert.match(error.detail, /^endpoints must be an array of endpoints, but is /)
      }
    }))
})

describe("Endpoints.fromPull", () => {
  it.effect("emits each set that differs from the one before, and ends when there is none", () =>
    Effect.gen(function*() {
      const changed = [{ weight: 2 }, { tier: 1 }, { zone: "z" }, { name: "b" }, { id: "b" }].map((one) => ({
        ...b,
        ...one
      }))
      const moved = { ...b, id: "b", host: "c.internal" }
      const sets = [[a, b], [a], [], [a], [a, b], ...changed.map((one) => [a, one]), [a, moved], [a, {
        ...moved,
        port: 3
      }]]
      assert.deepStrictEqual(yield* collect(pulled(...sets)), sets)
    }))

  it.effect("does not emit the set before in another order, or with its defaults", () =>
    Effect.gen(function*() {
      const same = { host: "a.internal", port: 1, weight: 1, tier: 0, id: "a.internal:1" }
      const sets = yield* collect(pulled([a, b], [b, a], [b, same], [a], [a]))
      assert.deepStrictEqual(sets, [[a, b], [a]])
    }))

  it.effect("tells readers apart: each gets the whole of it", () =>
    Effect.gen(function*() {
      const endpoints = pulled([a], [a], [b])
      assert.deepStrictEqual(yield* collect(endpoints), [[a], [b]])
      assert.deepStrictEqual(yield* collect(endpoints), [[a], [b]])
    }))

  it.effect("closes its scope when it ends, fails or is interrupted", () =>
    Effect.gen(function*() {
      let closed = 0
      const closing = <E>(next: Effect.Effect<ReadonlyArray<Endpoint> | undefined, E>) =>
        Endpoints.fromPull(Effect.as(Effect.addFinalizer(() => Effect.sync(() => closed++)), next))
      yield* collect(closing(Effect.succeed(undefined)))
      assert.strictEqual(closed, 1)
      assert.strictEqual(yield* Effect.flip(collect(closing(Effect.fail("why")))), "why")
      assert.strictEqual(closed, 2)
      const reader = yield* forkSettled(Stream.runDrain(closing(Effect.never)))
      assert.strictEqual(closed, 2)
      yield* Fiber.interrupt(reader)
      assert.strictEqual(closed, 3)
    }))

  it.effect("passes on the failure to open", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.flip(collect(Endpoints.fromPull(Effect.fail("closed")))), "closed")
    }))
})
