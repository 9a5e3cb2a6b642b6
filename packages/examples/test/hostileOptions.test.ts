import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { singles } from "./hostile/arguments.js"
import { clients, configuredClients } from "./hostile/clients.js"
import { type Kind, kinds } from "./hostile/kinds.js"
import type { Argument, Subject } from "./hostile/subject.js"
import * as Subjects from "./hostile/subjects.js"
import { type Label, secret, values } from "./hostile/values.js"

const subjects = [...Subjects.subjects, ...clients]
const configured = [...Subjects.configured, ...configuredClients]

// A stack for each of thousands of errors would take most of the time.
Error.stackTraceLimit = 0

/** One of so many values of each option is tried; all of them in a long run. */
const share = (process.env["SOCKETPOOL_SEARCH"] ?? "short") === "short" ? 3 : 1

/** The defect with which it ends; `undefined` if it succeeds, or fails with an error of its type. */
const defectOf = ({ run }: Argument, given: unknown) =>
  Effect.map(
    Effect.exit(Effect.scoped(Effect.suspend(() => run(given)))),
    (exit) => Exit.isFailure(exit) && Cause.isDie(exit.cause) ? Cause.squash(exit.cause) : undefined
  )

/** The fault of a refusal; nothing if it is a `RangeError` that names the option, the value and the rule. */
const flaws = (option: string, defect: unknown): ReadonlyArray<string> => {
  if (!(defect instanceof RangeError)) return [`no RangeError: ${Object.prototype.toString.call(defect)} ${defect}`]
  const { message } = defect
  return [
    ...message.includes(option) ? [] : ["does not name the option"],
    .../ must be .*, but (is|are|begins with|has no) | is not an option; the options are /.test(message)
      ? []
      : ["does not name the rule"],
    ...message.includes(secret.slice(0, 8)) ? ["shows the secret"] : [],
    ...message.length > 300 ? ["is long"] : [],
    .../[\p{Cc}\p{Zl}]/u.test(message) ? ["has control characters"] : []
  ].map((flaw) => `${flaw}: ${message}`)
}

/** Tries one hostile value; returns what went against the list of `kinds`. */
const attack = (subject: Argument, given: unknown, option: string, kind: Kind, label: Label) =>
  Effect.map(defectOf(subject, given), (defect): ReadonlyArray<string> => {
    const isAccepted = (kinds[kind] as ReadonlyArray<Label>).includes(label)
    if (isAccepted && (defect === undefined || kind === "a hook")) return []
    const wrong = isAccepted ?
      [`was refused: ${defect}`] :
      defect === undefined ?
      ["was accepted"] :
      flaws(option, defect)
    return wrong.map((what) => `${subject.of} ${option} (${kind}): ${label} ${what}`)
  })

const labels = Object.keys(values) as Array<Label>

const title = ({ of, options }: Argument, index: number) =>
  `${of} (${index + 1}, ${Object.keys(options).length} options)`

describe("a hostile value", () => {
  let tried = 0

  const attackAll = (subject: Argument, givenWith: (option: string, value: unknown) => unknown) =>
    Effect.gen(function*() {
      const found: Array<string> = []
      for (const [at, [option, kind]] of Object.entries(subject.options).entries()) {
        // The test runner hears from its worker.
        yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
        for (const [i, label] of labels.entries()) {
          if ((at + i) % (subject.passesOn === true ? 7 : share) !== 0) continue
          found.push(...yield* attack(subject, givenWith(option, values[label]()), option, kind, label))
          tried++
        }
      }
      assert.deepStrictEqual(found, [])
    })

  for (const [index, subject] of [...subjects, ...configured].entries()) {
    it.live(
      `of any option is refused by name, value and rule, or known: ${title(subject, index)}`,
      () => attackAll(subject, (option, value) => ({ ...subject.base, [option]: value }))
    )
  }

  for (const [index, subject] of singles.entries()) {
    it.live(
      `as an argument is refused by name, value and rule, or known: ${title(subject, index)}`,
      () => attackAll(subject, (_option, value) => value)
    )
  }

  it("was tried thousands of times", () => {
    assert.isAtLeast(tried, 10_000 / share)
  })
})

/** Its errors name the options of `PoolMetrics.prometheusWith`, to which it is passed on. */
const untried = ["metrics"]

const known = new Set([
  ...untried,
  ...subjects.flatMap(({ base, options }) => [...Object.keys(options), ...Object.keys(base)])
])

/** Values that hold no options, so that a constructor which takes them would ignore them. */
const noOptions = labels.filter((label) => label !== "an object" && label !== "a bare object")

const of = (subject: Subject, index: number) => `${subject.of} (${index + 1})`

describe("options", () => {
  for (const [index, subject] of subjects.entries()) {
    it.live(`that are none are refused: ${of(subject, index)}`, () =>
      Effect.gen(function*() {
        const found: Array<string> = []
        for (const label of noOptions) {
          const defect = yield* defectOf(subject, values[label]())
          if (!(defect instanceof RangeError) || defect.message.includes(secret)) found.push(`${label}: ${defect}`)
        }
        assert.deepStrictEqual(found, [])
      }))

    it.live(`with an unknown name are refused, with the nearest name: ${of(subject, index)}`, () =>
      Effect.gen(function*() {
        for (const option of Object.keys(subject.options)) {
          const misspelt = `${option.slice(0, -1)}`
          const defect = yield* defectOf(subject, { ...subject.base, [misspelt]: 1 })
          assert.include(String(defect), `${misspelt} is not an option: did you mean `)
        }
        const far = String(yield* defectOf(subject, { ...subject.base, [`user:${secret}@`]: 1 }))
        assert.include(far, "is not an option; the options are ")
        // The lists here have every option that there is.
        const listed = far.slice(far.lastIndexOf("the options are ") + "the options are ".length).split(", ")
        assert.deepStrictEqual(listed.filter((name) => !known.has(name)), [])
        assert.notInclude(far, secret)
        assert.isUndefined(yield* defectOf(subject, { ...subject.base, somethingElse: undefined }))
      }))

    it.live(`are read once each, also where a class has them as getters: ${of(subject, index)}`, () =>
      Effect.gen(function*() {
        const reads: Record<string, number> = {}
        class Given {
          readonly somethingElse = undefined
        }
        for (const option of Object.keys(subject.options)) {
          reads[option] = 0
          Object.defineProperty(Given.prototype, option, {
            get: () => {
              reads[option]!++
              return subject.base[option]
            }
          })
        }
        const right = { ...subject.base }
        for (const option of Object.keys(subject.options)) delete right[option]
        assert.isUndefined(yield* defectOf(subject, Object.assign(new Given(), right)))
        assert.deepStrictEqual(new Set(Object.values(reads)), new Set([1]))
      }))
  }
})
