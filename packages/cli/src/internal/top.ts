/** `socketpool top`: the pools of a process, live. */
import { Snapshot } from "@socketpool/dashboard/Snapshot"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Failure } from "./failure.js"
import { type Order, orders, poolTable, rowsOf } from "./pools.js"
import { paint, pictures, print, printJson, Screen } from "./screen.js"
import * as Server from "./server.js"

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
    const url = yield* Server.parse(options.url)
    const look = Server.snapshot(url, token)
    const screen = yield* Screen
    const first = yield* look
    if (json) {
      yield* printJson(encode(first))
      return once
        ? undefined
        : yield* Effect.forever(
          Effect.zipRight(Effect.sleep(interval), Effect.flatMap(look, (next) => printJson(encode(next))))
        )
    }
    if (once || !screen.isTerminal) {
      return yield* print(...poolTable(rowsOf(first), "name", screen.isTerminal ? screen.columns() : undefined))
    }
    yield* Effect.scoped(live(url, look, first, interval))
  })

const live = (url: URL, look: Effect.Effect<Snapshot, Failure>, first: Snapshot, interval: Duration.Duration) =>
  Effect.gen(function*() {
    const screen = yield* Screen
    const draw = yield* pictures
    const order = yield* Ref.make<Order>("name")
    const seen = yield* Ref.make({ now: first, before: undefined as Snapshot | undefined, trouble: "" })
    const show = Effect.gen(function*() {
      const { before, now, trouble } = yield* Ref.get(seen)
      const by = yield* Ref.get(order)
      const [head, ...rows] = poolTable(rowsOf(now, before), by, screen.columns())
      yield* draw([
        paint(screen, `socketpool top  ${url.href}  ${new Date(now.at).toTimeString().slice(0, 8)}`, "bold"),
        trouble === "" ? `sorted by ${by}; s: another order, q: quit` : paint(screen, trouble, "bad"),
        "",
        paint(screen, head!.padEnd(screen.columns()), "inverse"),
        ...(rows.length === 0 ? ["no pool is running"] : rows)
      ])
    })
    const refresh = Effect.matchEffect(look, {
      onFailure: ({ message }) => Ref.update(seen, (last) => ({ ...last, trouble: message })),
      onSuccess: (now) => Ref.update(seen, (last) => ({ now, before: last.now, trouble: "" }))
    })
    yield* show
    yield* Effect.forkScoped(
      Effect.forever(Effect.sleep(interval).pipe(Effect.zipRight(refresh), Effect.zipRight(show)))
    )
    const keys = yield* screen.keys
    yield* Stream.runForEach(
      Stream.takeUntil(keys, (key) => key === "q" || key === "\x03"),
      (key) =>
        key === "s"
          ? Effect.zipRight(Ref.update(order, (by) => orders[(orders.indexOf(by) + 1) % orders.length]!), show)
          : Effect.void
    )
  })
