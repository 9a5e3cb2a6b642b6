import { describe, expect, it } from "@effect/vitest"
import { Pool, PoolMetrics } from "@socketpool/core"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { isMissing, promtool } from "./fixtures/programs.js"

const folder = path.resolve(import.meta.dirname, "..")
const read = (file: string) => fs.readFileSync(path.join(folder, file), "utf8")

const exposition = Effect.scoped(Effect.gen(function*() {
  const pool = yield* Pool.make({ open: Effect.succeed("a connection"), name: "say \"hi\"\\" })
  yield* pool.use(() => Effect.void)
  return yield* PoolMetrics.prometheus
}))

/** The names of all series, for a histogram those of its parts. */
const series = (text: string) => new Set([...text.matchAll(/^([a-z_]+)\{/gm)].map(([, name]) => name!))

const named = (text: string) => new Set(text.match(/\b(db_client|socketpool)_[a-z_]+\b/g))

describe("names", () => {
  it.effect.each(["prometheus/alerts.yml", "prometheus/alerts.test.yml", "grafana/socketpool.json"])(
    "every metric in %s is one that the pools export",
    (file) =>
      Effect.gen(function*() {
        const known = series(yield* exposition)
        const used = [...named(read(file))]
        expect(used.length).toBeGreaterThanOrEqual(5)
        expect(used.filter((name) => !known.has(name))).toEqual([])
      })
  )

  it("the panels have unique ids and places and query the selected data source", () => {
    const { panels, templating } = JSON.parse(read("grafana/socketpool.json"))
    expect(new Set(panels.map(({ id }: { id: number }) => id)).size).toBe(panels.length)
    expect(new Set(panels.map(({ gridPos: { x, y } }: any) => `${x} ${y}`)).size).toBe(panels.length)
    for (const { datasource, description, targets } of panels) {
      expect(datasource.uid).toBe("${datasource}")
      expect(description).not.toBe("")
      for (const { expr } of targets) expect(expr).toMatch(/pool_name=~"\$pool"/)
    }
    expect(templating.list.map(({ name }: { name: string }) => name)).toEqual(["datasource", "pool"])
  })
})

describe.skipIf(isMissing(promtool))("promtool", () => {
  const run = (args: ReadonlyArray<string>, input = "") => {
    const { error, status, stderr, stdout } = spawnSync(promtool, args, { cwd: path.join(folder, "prometheus"), input })
    return { error, status, output: `${stdout}${stderr}` }
  }

  it.effect("accepts the metrics", () =>
    Effect.gen(function*() {
      expect(run(["check", "metrics"], yield* exposition)).toEqual({ error: undefined, status: 0, output: "" })
    }))

  it("accepts the alert rules", () => {
    expect(run(["check", "rules", "--lint-fatal", "alerts.yml"])).toMatchObject({ status: 0, error: undefined })
  })

  it("passes the tests of the alert rules", () => {
    const { output, status } = run(["test", "rules", "alerts.test.yml"])
    expect([status, output]).toEqual([0, expect.stringContaining("SUCCESS")])
  })

  it("every alert has a test in which it fires, a summary, a description and a severity", () => {
    const rules = read("prometheus/alerts.yml").split("- alert: ").slice(1)
    const tests = read("prometheus/alerts.test.yml")
    for (const rule of rules) {
      const [name] = rule.split("\n")
      expect(tests).toMatch(new RegExp(`alertname: ${name}\\n\\s+exp_alerts`))
      for (const key of ["severity:", "summary:", "description:"]) expect(rule).toContain(key)
    }
  })
})
