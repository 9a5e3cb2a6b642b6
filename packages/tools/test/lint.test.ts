import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = path.resolve(import.meta.dirname, "../../..")
const plainTest = "socketpool(no-effect-in-plain-test)"
const restrictedGlobal = "eslint(no-restricted-globals)"
const restrictedImport = "eslint(no-restricted-imports)"
const nodeModule = "import(no-nodejs-modules)"
const cycle = "import(no-cycle)"
const consoleUse = "eslint(no-console)"
const seam = "socketpool(seam)"
const lostRace = "socketpool(no-lost-race)"

interface Fixture {
  readonly file: string
  readonly code: string
}

interface Bad extends Fixture {
  readonly rule: string
}

const inTest = (code: string): Fixture => ({ file: "packages/core/test", code })
const inCore = (code: string): Fixture => ({ file: "packages/core/src", code })
const inNode = (code: string): Fixture => ({ file: "packages/node/src", code })
const inTesting = (code: string): Fixture => ({ file: "packages/testing/src", code })
const inExamples = (code: string): Fixture => ({ file: "packages/examples/src", code })

const violate = (rule: string, fixtures: ReadonlyArray<Fixture>): ReadonlyArray<Bad> =>
  fixtures.map((fixture) => ({ ...fixture, rule }))

/** The packages that have an edition for another version of Effect. */
const seamed = ["core", "testing", "node", "redis", "msgpack-rpc", "sql", "fleet", "dashboard", "cli"]

const bad: ReadonlyArray<Bad> = [
  ...violate(
    seam,
    [
      `import * as FiberId from "effect/FiberId"; export const a = FiberId.none`,
      `import * as Effect from "effect/Effect"; export const a = Effect.async`,
      `import * as Cause from "effect/Cause"; export const a = Cause.isDie`,
      `import type { Clock } from "effect/Clock"; export const a = (clock: Clock) => clock.unsafeCurrentTimeMillis()`
    ].flatMap((code) => seamed.map((name) => ({ file: `packages/${name}/src`, code })))
  ),
  ...violate(
    seam,
    [
      `import { it } from "@effect/vitest"; export const a = it`,
      `import { Effect, TestClock } from "effect"; export const a = [Effect, TestClock]`,
      `import { Effect } from "effect"; export const a = Effect.fork`,
      `import type { Fiber } from "effect"; export const a = (fiber: Fiber.RuntimeFiber<void>) => fiber.id().id`,
      `import type { Exit } from "effect"; export const a = (exit: Exit.Failure<void, void>) => exit.cause._tag`,
      `import type { Cause } from "effect"; export const a = (cause: Cause.Cause<void>) => cause._tag`
    ].flatMap((code) => seamed.map((name) => ({ file: `packages/${name}/test`, code })))
  ),
  ...violate(
    plainTest,
    [
      `it("a", () => Effect.void)`,
      `it("a", () => { return Effect.void })`,
      `it("a", () => { if (ready) { return Effect.void } })`,
      `it("a", function() { return Effect.void })`,
      `it("a", function*() { yield* Effect.void })`,
      `it("a", async () => Effect.void)`,
      `it("a", async () => { return Effect.void })`,
      `it("a", { timeout: 1 }, () => Effect.void)`,
      `it("a", () => Effect.void, 1000)`,
      `it("a", body)`,
      `it("a", Effect.fn(function*() { yield* Effect.void }))`,
      `it.only("a", () => Effect.void)`,
      `it["only"]("a", () => Effect.void)`,
      `it.skip("a", () => Effect.void)`,
      `it.concurrent("a", () => Effect.void)`,
      `it.each([1])("a", () => Effect.void)`,
      "it.each`x`(\"a\", () => Effect.void)",
      `it.skipIf(ready)("a", () => Effect.void)`,
      `it.prop("a", [], () => Effect.void)`,
      `test("a", () => Effect.void)`,
      `test.each([1])("a", () => { return Effect.void })`
    ].map(inTest)
  ),
  ...violate(
    restrictedGlobal,
    [
      `export const a = () => Date.now()`,
      `export const a = () => new Date()`,
      `export const a = () => performance.now()`,
      `setTimeout(() => {}, 1)`,
      `setInterval(() => {}, 1)`,
      `setImmediate(() => {})`,
      `queueMicrotask(() => {})`,
      `process.exit(1)`,
      `globalThis.setTimeout(() => {}, 1)`,
      `globalThis["setTimeout"](() => {}, 1)`,
      `export const { setTimeout: later } = globalThis`,
      `global.setTimeout(() => {}, 1)`
    ].map(inCore)
  ),
  ...violate(nodeModule, [`import "node:timers/promises"`, `export * as a from "node:net"`].map(inCore)),
  ...violate(
    restrictedImport,
    [inCore, inNode, inTesting].flatMap((place) =>
      [
        `import { Effect } from "effect"; export const a = Effect`,
        `import type { Effect } from "effect"; export type A = Effect.Effect<void>`,
        `export { Effect } from "effect"`,
        `export const a = () => import("effect")`,
        `import { Socket } from "@effect/platform"; export const a = Socket`,
        `import { NodeSocket } from "@effect/platform-node"; export const a = NodeSocket`,
        `import { Pool } from "@socketpool/core"; export const a = Pool`,
        `import { a } from "./index.js"; export const b = a`,
        `import { a } from "../index.js"; export const b = a`,
        `import { a } from "."; export const b = a`
      ].map(place)
    )
  ),
  ...violate(
    lostRace,
    [inCore, inNode, inTesting].flatMap((place) =>
      ["race", "raceFirst", "raceWith"]
        .map((name) => place(`import * as Effect from "effect/Effect"; export const a = Effect.${name}`))
    )
  ),
  ...violate(consoleUse, [inCore, inNode, inTesting, inTest].map((place) => place(`console.log(1)`)))
]

const good: ReadonlyArray<Fixture> = [
  // Types follow the edition, the seam has the rest, and other packages are free.
  inCore(`import type * as FiberId from "effect/FiberId"; export type A = FiberId.FiberId`),
  inExamples(`import * as Effect from "effect/Effect"; export const a = Effect.async`),
  ...["core", "testing"].map((name) => ({
    file: `packages/${name}/src/internal/effect`,
    code: `import * as Cause from "effect/Cause"; export const a = Cause.isDie`
  })),
  ...[
    `it.effect("a", () => Effect.void)`,
    `it.scoped("a", () => Effect.void)`,
    `it.live("a", () => Effect.void)`,
    `it.scopedLive("a", () => Effect.void)`,
    `it.effect.each([1])("a", () => Effect.void)`,
    `it.effect.prop("a", [], () => Effect.void)`,
    `it.scoped("a", () => Effect.gen(function*() { yield* Effect.void; return 1 }))`,
    `it("a", () => { check() })`,
    `it("a", async () => { await check() })`,
    `it("a", { timeout: 1 }, () => { check() })`,
    `it("a", () => { check() }, 1000)`,
    `it("a", () => { if (done) return; check() })`,
    `it("a", () => { check(() => 1); const f = () => { return 2 }; check(f) })`,
    `it.each([1])("a", (n) => { check(n) })`,
    `it.layer(live)("a", (it) => { it.effect("b", () => Effect.void) })`,
    `layer(live)("a", (it) => { it.effect("b", () => Effect.void) })`,
    `describe("a", () => { it.effect("b", () => Effect.void) })`,
    `export const a = /x/.test("x")`,
    `import { fork } from "@socketpool/test-seam"; export const a = fork`,
    `import { type FiberId, Fiber } from "effect"; export const a: FiberId.FiberId | undefined = void Fiber`,
    `export const a = (event: { readonly _tag: string; readonly id: () => number }) => [event._tag, event.id()]`
  ].map(inTest),
  ...[
    `import * as Clock from "effect/Clock"; export const now = Clock.currentTimeMillis`,
    `import type * as Effect from "effect/Effect"; export type A = Effect.Effect<Date>`,
    `import { a } from "./Pool.js"; export const b = a`,
    `import { a } from "./internal/index.js"; export const b = a`,
    `export * from "./Pool.js"`,
    `export const a = (self: { readonly _tag: string }) => self._tag`,
    `export const a = (timer: { readonly setTimeout: () => void }) => timer.setTimeout()`
  ].map(inCore),
  ...[
    `import * as net from "node:net"; export const a = net`,
    `export const a = setTimeout`
  ].map(inNode),
  ...[
    `import { Effect } from "effect"; export const a = Effect`,
    `import { Pool } from "@socketpool/core"; console.log(Pool, Date.now())`
  ].map(inExamples)
]

const pathOf = (kind: string, fixture: Fixture, index: number): string => `${fixture.file}/${kind}${index}.test.ts`

describe("the linter", () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "socketpool-lint-"))
  /** The reports, by file. */
  const reported = new Map<string, ReadonlyArray<string>>()

  const write = (file: string, text: string): void => {
    fs.mkdirSync(path.join(dir, path.dirname(file)), { recursive: true })
    fs.writeFileSync(path.join(dir, file), `${text}\n`)
  }

  beforeAll(() => {
    const config = JSON.parse(fs.readFileSync(path.join(root, ".oxlintrc.json"), "utf8"))
    for (const plugin of config.jsPlugins) plugin.specifier = path.resolve(root, plugin.specifier)
    write(".oxlintrc.json", JSON.stringify(config))
    for (const [index, fixture] of bad.entries()) write(pathOf("bad", fixture, index), fixture.code)
    for (const [index, fixture] of good.entries()) write(pathOf("good", fixture, index), fixture.code)
    write("packages/node/src/one.ts", `import { two } from "./two.js"; export const one = () => two`)
    write("packages/node/src/two.ts", `import { one } from "./one.js"; export const two = () => one`)

    const oxlint = path.join(root, "node_modules/oxlint/bin/oxlint")
    const { stdout } = spawnSync(process.execPath, [oxlint, "--format", "json"], {
      cwd: dir,
      encoding: "utf8",
      maxBuffer: 2 ** 26
    })
    for (const { code, filename } of JSON.parse(stdout).diagnostics) {
      reported.set(filename, [...reported.get(filename) ?? [], code])
    }
  })

  afterAll(() => {
    fs.rmSync(dir, { recursive: true, force: true })
  })

  for (const [index, fixture] of bad.entries()) {
    it(`reports ${fixture.rule} in ${fixture.file}: ${fixture.code}`, () => {
      expect(reported.get(pathOf("bad", fixture, index)) ?? []).toContain(fixture.rule)
    })
  }

  for (const [index, fixture] of good.entries()) {
    it(`accepts in ${fixture.file}: ${fixture.code}`, () => {
      expect(reported.get(pathOf("good", fixture, index)) ?? []).toEqual([])
    })
  }

  it(`reports ${cycle} for two modules that import each other`, () => {
    expect(reported.get("packages/node/src/one.ts")).toEqual([cycle])
  })
})
