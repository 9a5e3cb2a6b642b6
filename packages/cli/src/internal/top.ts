/** `socketpool top`: a live table of the pools of a process. */
import { Snapshot } from "@socketpool/dashboard/Snapshot"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as DashboardClient from "./dashboardClient.js"
import type { Failure } from "./failure.js"
import { poolTable, type Readings, rowsOf, type SortKey, sortKeys, withoutBudgets, withReading } from "./pools.js"
import { fullScreen, paint, print, printJson, Screen } from "./screen.js"

export interface Options {
  readonly url: string
  readonly interval: Duration.Duration
  readonly once: boolean
  readonly json: boolean
  readonly token: Redacted.Redacted<string> | undefined
}

const encode = Schema.encodeSync(Snapshot)

export const run = (options: Options): Effect.Effect<void, Failure, Screen> =>
  Effect.gen(function*() {
    const { interval, json, once, token } = options
    const url = yield* DashboardClient.parse(options.url)
    const fetchSnapshot = DashboardClient.snapshot(url, token)
    const screen = yield* Screen
    const first = yield* fetchSnapshot
    if (json) {
      yield* printJson(encode(first))
      return once
        ? undefined
        : yield* Effect.forever(
          Effect.andThen(Effect.sleep(interval), Effect.flatMap(fetchSnapshot, (next) => printJson(encode(next))))
        )
    }
    if (once || !screen.isTerminal) {
      // Rates and verdicts need two readings.
      yield* Effect.sleep(interval)
      const rows = rowsOf([first, yield* fetchSnapshot])
      const table = poolTable(rows, "worst", screen.isTerminal ? screen.columns() : undefined)
      return yield* print(table.head, ...table.rows)
    }
    yield* Effect.scoped(live(url, fetchSnapshot, first, interval))
  })

const live = (
  url: URL,
  fetchSnapshot: Effect.Effect<Snapshot, Failure>,
  first: Snapshot,
  interval: Duration.Duration
) =>
  Effect.gen(function*() {
    const screen = yield* Screen
    const draw = yield* fullScreen
    const sortKey = yield* Ref.make<SortKey>("worst")
    const state = yield* Ref.make({ readings: [first] as Readings, problem: "" })
    const show = Effect.gen(function*() {
      const { problem, readings } = yield* Ref.get(state)
      const by = yield* Ref.get(sortKey)
      const rows = rowsOf(readings)
      const table = poolTable(rows, by, screen.columns())
      const pools = withoutBudgets(rows)
      const healthy = pools.filter(({ verdict }) => verdict.tone === "good").length
      yield* draw([
        paint(`socketpool top  ${url.href}  ${new Date(readings.at(-1)!.at).toTimeString().slice(0, 8)}`, "bold"),
        problem === ""
          ? `${healthy} of ${pools.length} healthy   sorted by ${by}   s: next sort order   q: quit`
          : paint(problem, "bad"),
        "",
        paint(table.head.padEnd(screen.columns()), "inverse"),
        ...(rows.length === 0 ? ["no running pools"] : table.rows)
      ])
    })
    const refresh = Effect.matchEffect(fetchSnapshot, {
      onFailure: ({ message }) => Ref.update(state, (last) => ({ ...last, problem: message })),
      onSuccess: (next) => Ref.update(state, ({ readings }) => ({ readings: withReading(readings, next), problem: "" }))
    })
    yield* show
    yield* Effect.forkScoped(
      Effect.forever(Effect.sleep(interval).pipe(Effect.andThen(refresh), Effect.andThen(show)))
    )
    const keys = yield* screen.keys
    yield* Stream.runForEach(
      Stream.takeUntil(keys, (key) => key === "q" || key === "\x03"),
      (key) =>
        key === "s"
          ? Effect.andThen(Ref.update(sortKey, (by) => sortKeys[(sortKeys.indexOf(by) + 1) % sortKeys.length]!), show)
          : Effect.void
    )
  })
