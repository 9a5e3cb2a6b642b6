import { Client, Framing, PoolMetrics, Protocol } from "@socketpool/core"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { MemoryServer } from "@socketpool/testing"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { isMissing } from "../../node/test/fixtures/realServer.js"
import { promtool } from "./fixtures/programs.js"

const folder = path.resolve(import.meta.dirname, "..")
const read = (file: string) => fs.readFileSync(path.join(folder, file), "utf8")

const protocol = Protocol.inOrder({ framing: Framing.strings(Framing.lines()) })

/** The metrics of a client's pool, which has those of sessions too. */
const expositionOf = (name: string) =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* MemoryServer.make((peer) => Effect.flatMap(peer.recvUntil("\n"), (line) => peer.send(line)))
    const client = yield* Client.make({ protocol, open: server.connect(), name })
    yield* client.request("hello")
    return yield* PoolMetrics.prometheusWith({ pools: (other) => other === name })
  }))

const exposition = expositionOf("say \"hi\"\\")

/** The names of all series, for a histogram those of its parts. */
const series = (text: string) => new Set([...text.matchAll(/^([a-z_]+)\{/gm)].map(([, name]) => name!))

/** The names of a collector of OpenTelemetry, where they differ from those of the text. */
const openTelemetry: Readonly<Record<string, string>> = {
  db_client_connections: "db_client_connection_count",
  pool_name: "db_client_connection_pool_name",
  state: "db_client_connection_state",
  reason: "socketpool_close_reason",
  outcome: "socketpool_acquire_outcome"
}

const named = (text: string) =>
  new Set(
    text.match(/\b(db_client|socketpool)_[a-z_]+\b/g)?.filter((name) => !Object.values(openTelemetry).includes(name))
  )

interface Panel {
  readonly id: number
  readonly title: string
  readonly description: string
  readonly datasource: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number }
  readonly targets: ReadonlyArray<{ readonly expr: string }>
}

const board = (): { readonly panels: ReadonlyArray<Panel>; readonly templating: any } =>
  JSON.parse(read("grafana/socketpool.json"))

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
    const { panels, templating } = board()
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size).toBe(panels.length)
    for (const { datasource, description, targets } of panels) {
      expect(datasource.uid).toBe("${datasource}")
      expect(description).not.toBe("")
      for (const { expr } of targets) expect(expr).toMatch(/\$pool_label=~"\$pool"/)
    }
    expect(templating.list.map(({ name }: { name: string }) => name)).toEqual(["datasource", "pool_label", "pool"])
  })
})

describe.skipIf(isMissing(promtool, fs.existsSync(promtool)))("promtool", () => {
  const run = (args: ReadonlyArray<string>, input = "") => {
    const { error, status, stderr, stdout } = spawnSync(promtool, args, { cwd: path.join(folder, "prometheus"), input })
    return { error, status, output: `${stdout}${stderr}` }
  }

  it.effect("accepts the metrics", () =>
    Effect.gen(function*() {
      expect(run(["check", "metrics"], yield* exposition)).toEqual({ error: undefined, status: 0, output: "" })
    }))

  /** The series of a text as promtool's tests take them, each of which grows. */
  const growing = (text: string, translated: Readonly<Record<string, string>>) =>
    text.split("\n").flatMap((line) => {
      const [, name, labels] = /^(\w+)\{(.*)\} \S+$/.exec(line) ?? []
      if (name === undefined) return []
      const pairs = labels!.replace(/(\w+)=("(?:[^"\\]|\\.)*")/g, (_, label, value) =>
        `${translated[label] ?? label}=${value}`)
      return [{ series: `${translated[name] ?? name}{${pairs}}`, values: "0+10x60" }]
    })

  it.effect.each([["pool_name", {}], ["db_client_connection_pool_name", openTelemetry]] as const)(
    "finds figures for every panel where the label of the pool is %s",
    ([label, translated]) =>
      Effect.gen(function*() {
        const text = yield* expositionOf("orders")
        const [, variable] = board().templating.list
        expect(variable.options.map(({ value }: { value: string }) => value)).toContain(label)
        const queries = board().panels.flatMap(({ targets, title }) =>
          targets.map(({ expr }) => ({
            title,
            expr: expr.replaceAll("$pool_label", label).replaceAll("$pool", ".*").replaceAll("$__rate_interval", "5m")
          }))
        )
        const test = {
          evaluation_interval: "30s",
          tests: [{
            interval: "30s",
            input_series: growing(text, translated),
            // A pool with its label is found, and none without.
            promql_expr_test: queries.map(({ expr }) => ({
              expr: `group by (found) (label_replace((${expr}), "found", "yes", "${label}", ".+"))`,
              eval_time: "10m",
              exp_samples: [{ labels: "{found=\"yes\"}", value: 1 }]
            }))
          }]
        }
        // promtool names each query whose result differs.
        const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "socketpool-")), "board.yml")
        fs.writeFileSync(file, JSON.stringify(test))
        const { output, status } = run(["test", "rules", file])
        fs.rmSync(path.dirname(file), { recursive: true })
        expect([status, output]).toEqual([0, expect.stringContaining("SUCCESS")])
      })
  )

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
