// What Prometheus makes of the metrics, and whether the dashboard and the rules ask for metrics that there are.
import { assert, describe, it } from "@effect/vitest"
import { Pool, PoolMetrics } from "@socketpool/core"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { isMissing } from "./fixtures/programs.js"

const folder = path.resolve(import.meta.dirname, "..")
const rules = path.join(folder, "prometheus/alerts.yml")
const dashboard = fs.readFileSync(path.join(folder, "grafana/socketpool.json"), "utf8")

const promtool = (args: ReadonlyArray<string>, input = "") => {
  const { error, status, stderr, stdout } = spawnSync("promtool", args, { input, encoding: "utf8" })
  if (error !== undefined) throw error
  return { status, output: stdout + stderr }
}

/** The text of a pool that has been used, and of one with an awkward name. */
const metrics = Effect.scoped(Effect.gen(function*() {
  const pool = yield* Pool.make({ open: Effect.succeed({}), name: "orders" })
  yield* Effect.tagMetrics(Pool.make({ open: Effect.succeed({}), name: "a \"b\" \\ \n c" }), "tenant.id", "é")
  yield* Effect.all(Array.from({ length: 20 }, () => pool.use(() => Effect.sleep(1))), { concurrency: 5 })
  return yield* PoolMetrics.prometheus
}))

/** The metrics that a text in Prometheus' language asks for. */
const asked = (text: string) => new Set(text.match(/\b(db_client|socketpool)_[a-z_]+/g))

const given = (text: string) => new Set([...text.matchAll(/^([a-z_]+)\{/gm)].map(([, name]) => name!))

describe("the Grafana dashboard and the alert rules", () => {
  it.live("ask for metrics that there are", () =>
    Effect.gen(function*() {
      const names = given(yield* metrics)
      for (const text of [dashboard, fs.readFileSync(rules, "utf8")]) {
        assert.isAbove(asked(text).size, 4)
        for (const name of asked(text)) assert.include([...names], name)
      }
    }))

  it("are a dashboard that Grafana can import: every panel has a place, a source and an expression", () => {
    const { panels, templating } = JSON.parse(dashboard)
    assert.isAbove(panels.length, 10)
    for (const { datasource, gridPos, id, targets, title } of panels) {
      assert.isString(title)
      assert.isAtMost(gridPos.x + gridPos.w, 24)
      assert.strictEqual(datasource.uid, "${datasource}")
      assert.isAbove(targets.length, 0)
      for (const { expr } of targets) assert.include(expr, "$pool", `panel ${id}`)
    }
    assert.sameMembers(templating.list.map(({ name }: { name: string }) => name), ["datasource", "pool"])
  })
})

describe.skipIf(isMissing("promtool"))("promtool", () => {
  it.live("accepts the metrics", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(promtool(["check", "metrics"], yield* metrics), { status: 0, output: "" })
    }))

  it("accepts the rules, and sees them fire when they should, and only then", () => {
    assert.include(promtool(["check", "rules", rules]).output, "SUCCESS: 6 rules found")
    const { output, status } = promtool(["test", "rules", path.join(folder, "prometheus/alerts.test.yml")])
    assert.strictEqual(status, 0, output)
  })

  it("accepts every expression of the dashboard", () => {
    const expressions = JSON.parse(dashboard).panels.flatMap((panel: any) => panel.targets.map(({ expr }: any) => expr))
    const groups = expressions.map((expr: string, i: number) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$pool", ".*")
    }))
    const file = path.join(fs.mkdtempSync("/tmp/socketpool-"), "panels.yml")
    fs.writeFileSync(file, JSON.stringify({ groups: [{ name: "panels", rules: groups }] }))
    const { output, status } = promtool(["check", "rules", file])
    fs.rmSync(path.dirname(file), { recursive: true })
    assert.strictEqual(status, 0, output)
  })
})
