import { Checks } from "@socketpool/core"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Data, Duration, Effect, Redacted, Schema } from "effect"
import * as vm from "node:vm"
import { show } from "../src/internal/show.js"

const { callback, count, duration, flag, list, name, optional, orElse, record, struct } = Checks.rules

const table = new Checks.Table({
  size: orElse(count(1), 10),
  label: optional(name),
  isOn: orElse(flag, false),
  ask: optional(callback)
})

const read = (given: unknown) => table.read("Shop.make", given)

const complaint = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    assert.instanceOf(error, RangeError)
    return error.message
  }
  return "nothing"
}

// H4: option objects as code
describe("a table", () => {
  it("fills in defaults, and inherits from nothing", () => {
    const options = read({ label: "x" })
    assert.deepStrictEqual({ ...options }, { size: 10, label: "x", isOn: false, ask: undefined })
    assert.isNull(Object.getPrototypeOf(options))
  })

  it("takes undefined for an option that is left out, and refuses null", () => {
    assert.strictEqual(read({ size: undefined }).size, 10)
    for (const option of ["size", "label", "isOn", "ask"]) {
      assert.match(
        complaint(() => read({ [option]: null })),
        new RegExp(`^Shop.make: ${option} must be .*, but is null$`)
      )
    }
  })

  const misspelt: ReadonlyArray<readonly [string, string]> = [
    ["siz", "Shop.make: siz is not an option: did you mean size?"],
    ["Size", "Shop.make: Size is not an option: did you mean size?"],
    ["is-on", "Shop.make: is-on is not an option: did you mean isOn?"],
    ["lable", "Shop.make: lable is not an option: did you mean label?"],
    ["colour", "Shop.make: colour is not an option; the options are size, label, isOn, ask"],
    ["__proto__", "Shop.make: __proto__ is not an option; the options are size, label, isOn, ask"],
    ["two words\n", `Shop.make: "two words\\n" is not an option; the options are size, label, isOn, ask`],
    ["x".repeat(99), "Shop.make: a string of 99 characters is not an option; the options are size, label, isOn, ask"]
  ]
  it.each(misspelt)("refuses the name %j and says what may be meant", (option, message) => {
    const given = JSON.parse(`{ ${JSON.stringify(option)}: 1 }`) as object
    assert.strictEqual(complaint(() => read(given)), message)
  })

  it("takes an unknown name without a value for one that is not there", () => {
    assert.strictEqual(read({ colour: undefined, size: 2 }).size, 2)
  })

  it("takes getters and methods of a class, and a method keeps its object", () => {
    class Base {
      get size() {
        return 3
      }
    }
    class Given extends Base {
      readonly #answer = "yes"
      readonly isOn = true
      ask() {
        return this.#answer
      }
      helper() {}
    }
    const { ask, isOn, size } = read(new Given())
    assert.deepStrictEqual([size, isOn, ask?.()], [3, true, "yes"])
    class Misspelt {
      get siz() {
        return 3
      }
    }
    assert.include(complaint(() => read(new Misspelt())), "siz is not an option: did you mean size?")
  })

  it("takes objects of Effect's that have options, and of other realms", () => {
    class Given extends Schema.Class<Given>("Given")({ size: Schema.Number }) {}
    class Plain extends Data.Class<{ readonly size: number }> {}
    const given = [
      new Given({ size: 4 }),
      new Plain({ size: 4 }),
      vm.runInNewContext("({ size: 4 })"),
      Object.assign(Object.create(null), { size: 4 }),
      new Proxy({}, { get: (_target, name) => name === "size" ? 4 : undefined })
    ]
    assert.deepStrictEqual(given.map((one) => read(one).size), [4, 4, 4, 4, 4])
  })

  it("takes nothing from a polluted prototype, nor from one that JSON has named", () => {
    const prototype = Object.prototype as Record<string, unknown>
    try {
      Object.defineProperty(prototype, "size", {
        configurable: true,
        get: () => {
          throw new Error("polluted")
        }
      })
      prototype.label = "polluted"
      const { label, size } = read({})
      assert.deepStrictEqual([size, label], [10, undefined])
    } finally {
      delete prototype.size
      delete prototype.label
    }
    assert.strictEqual(read(Object.assign({}, JSON.parse(`{ "__proto__": { "size": 1 } }`))).size, 10)
  })

  it("says so when a value throws", () => {
    const given = {
      get size() {
        throw new Error("secret")
      }
    }
    assert.strictEqual(
      complaint(() => read(given)),
      "Shop.make: size must be a value that can be read, but is one that throws"
    )
  })

  it("names the part of an option", () => {
    const shops = new Checks.Table({
      shop: optional(struct(table)),
      sizes: optional(list(count(1), "an array of sizes")),
      hours: optional(record(duration("more than 0"), "an object of durations"))
    })
    const said = (given: object) => complaint(() => shops.read("Mall", given))
    assert.strictEqual(said({ shop: { size: 0 } }), "Mall: shop.size must be a whole number of at least 1, but is 0")
    assert.strictEqual(said({ shop: { siz: 1 } }), "Mall: shop.siz is not an option: did you mean size?")
    assert.strictEqual(said({ shop: 5 }), "Mall: shop must be an object, but is 5")
    assert.strictEqual(said({ sizes: [1, 0] }), "Mall: sizes[1] must be a whole number of at least 1, but is 0")
    assert.strictEqual(
      said({ hours: { day: "soon" } }),
      `Mall: hours["day"] must be a duration of more than 0, but is "soon"`
    )
    assert.strictEqual(
      said({ hours: { "a\nb": 1 } }),
      `Mall: a name in hours must be a string without control characters, but is "a\\nb"`
    )
  })

  it("checks what comes as an argument of the same call, which is no option", () => {
    const set = { size: 2 }
    assert.strictEqual(table.read("Shop", {}, set).size, 2)
    assert.include(complaint(() => table.read("Shop", {}, { size: 0 })), "Shop: size must be")
    assert.include(complaint(() => table.read("Shop", { size: 3 }, set)), "Shop: size is not an option")
  })
})

describe("a value in a message", () => {
  const shown: ReadonlyArray<readonly [unknown, string]> = [
    ["soon", `"soon"`],
    ["a\0b\u001b[2J\u009b\u2028\u202e", `"a\\u0000b\\u001b[2J\\u009b\\u2028\\u202e"`],
    ["x".repeat(65), "a string of 65 characters"],
    ["user:hunter2@localhost", `"<redacted>@localhost"`],
    ["redis://user:hunter@2@db/0?password=hunter2", `"<redacted>@db/0?<redacted>"`],
    ["-----BEGIN CERTIFICATE-----", "<redacted>"],
    [Redacted.make("hunter2"), "<redacted>"],
    [5n, "5n"],
    [2n ** 70n, "a large bigint"],
    [Symbol("hunter2"), "a symbol"],
    [() => "hunter2", "a function"],
    [[NaN, 0], "[NaN, 0]"],
    [["hunter2"], "an array"],
    [Duration.seconds(90), "Duration(1m 30s)"],
    [new Uint8Array(3), "bytes"],
    [Effect.void, "an object"],
    [null, "null"]
  ]
  it.each(shown)("is short, on one line, and no secret (%#)", (value, text) => {
    assert.strictEqual(show(value), text)
  })
})

describe("a name", () => {
  const said = (value: unknown) => complaint(() => Checks.argument("Shop", "name", name, value))

  it("may hold an @, but no password", () => {
    for (
      const right of ["orders@eu", "redis://app@db:6379", "unix:/run/user@1000/db.sock", "unix:a@b", "tcp://[::1]:1"]
    ) {
      assert.strictEqual(said(right), "nothing")
    }
    for (const wrong of ["user:hunter2@db", "redis://user:hunter2@db", "redis://:hunter2@db"]) {
      assert.match(said(wrong), /^Shop: name must be a string without a password, but is "<redacted>@db"$/)
    }
  })
})
