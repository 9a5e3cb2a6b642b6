// Servers that hang, are slow, flap or die, as borrowers see them, on virtual time.
import { Pool } from "@socketpool/core"
import { fork, provideScope, TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Rng } from "@socketpool/testing"
import { Effect, Exit, Fiber, Scope } from "effect"
import { load } from "./endpointPool/load.js"
import { endpointOf, type Line, makePool, type Refused, World } from "./endpointPool/world.js"

/** Plays load on a pool of four servers and closes it. In any case nothing must be left. */
const played = (
  prepare: (world: World) => void,
  options: {
    readonly perSecond?: number
    readonly millis?: number
    readonly seed?: number
    readonly onTime?: (world: World, now: number) => void
    readonly names?: ReadonlyArray<string>
  } = {}
) =>
  Effect.gen(function*() {
    const world = new World()
    for (const name of "abcd") world.server(name)
    prepare(world)
    const scope = yield* Scope.make()
    const pool = yield* provideScope(
      makePool(world, options.names ?? ["a", "b", "c", "d"], { maxConnections: 40 }),
      scope
    )
    const outcome = yield* load(pool.use.bind(pool) as any, world.request, {
      perSecond: options.perSecond ?? 300,
      millis: options.millis ?? 20_000,
      seed: options.seed ?? 1,
      onTime: (now) => options.onTime?.(world, now)
    })
    const stats = yield* pool.stats
    const closed = Object.values(stats.closed).reduce((a, b) => a + b)
    expect(stats.opened - closed).toBe(world.open)
    expect([stats.pending, stats.leased]).toEqual([0, 0])
    const closing = yield* fork(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(closing)
    expect([world.open, world.opened - world.closed, world.problems]).toEqual([0, 0, []])
    expect(outcome.calls.repeated).toBe(0)
    return { ...outcome, world }
  })

const say = (line: string) => Effect.sync(() => void process.stdout.write(`${line}\n`))

describe("no borrower waits for a dead server as long as another has room", { timeout: 120_000 }, () => {
  it.effect("one of four is a black hole: no failure, and p99 below 100 ms", () =>
    Effect.gen(function*() {
      for (const seed of [1, 2]) {
        const { calls, waits, world } = yield* played((world) => void (world.server("a").mode = "hangs"), { seed })
        yield* say(
          `black hole, seed ${seed}: wait p99 ${waits.p99} ms, call p50 ${calls.p50} p99 ${calls.p99} ms of ${calls.count}; ${
            world.server("a").attempts
          } attempts`
        )
        expect(calls.failed).toBe(0)
        expect(waits.p99).toBeLessThan(100)
        expect(calls.p99).toBeLessThan(100)
      }
    }))

  it.effect("one becomes a black hole under load", () =>
    Effect.gen(function*() {
      const { calls, waits } = yield* played(() => {}, {
        onTime: (world, now) => {
          if (now === 5_000) world.server("b").mode = "hangs"
        }
      })
      yield* say(`becomes a black hole: wait p99 ${waits.p99} ms, call p99 ${calls.p99} ms`)
      expect([calls.failed, waits.p99 < 100]).toEqual([0, true])
    }))

  it.effect("one is ten times as slow: it gets less", () =>
    Effect.gen(function*() {
      const { calls, waits, world } = yield* played((world) => void (world.server("a").work = 100))
      const share = world.server("a").served / calls.count
      yield* say(`slow: wait p99 ${waits.p99} ms, call p99 ${calls.p99} ms, its share ${(100 * share).toFixed(0)} %`)
      expect([calls.failed, waits.p99 < 100]).toEqual([0, true])
      expect(share).toBeLessThan(0.15)
    }))

  it.effect("one refuses every other second: nobody is left without a connection", () =>
    Effect.gen(function*() {
      const { calls, waits } = yield* played(() => {}, {
        onTime: (world, now) => {
          if (now % 1_000 === 0) world.server("a").mode = now % 2_000 === 0 ? "up" : "refuses"
        }
      })
      // Leases that end with an error are not repeated.
      yield* say(`flapping: wait p99 ${waits.p99} ms, ${calls.failed} of ${calls.count} calls were cut`)
      expect(waits.p99).toBeLessThan(100)
      expect(calls.failed / calls.count).toBeLessThan(0.02)
    }))

  it.effect("one of two dies for good: only what it had been lent is lost", () =>
    Effect.gen(function*() {
      const { calls, waits } = yield* played(() => {}, {
        names: ["a", "b"],
        onTime: (world, now) => {
          if (now === 5_000) world.server("a").mode = "refuses"
        }
      })
      yield* say(`dying: wait p99 ${waits.p99} ms, ${calls.failed} of ${calls.count} calls were cut`)
      expect(waits.p99).toBeLessThan(100)
      expect(calls.failed).toBeLessThanOrEqual(6)
    }))
})

type Choice = "round robin" | "two at random, the one with less" | "the least of all"

/** The same servers without a pool of endpoints: a pool for each, and a choice by hand. */
const byHand = (world: World, choice: Choice, seed: number) =>
  Effect.gen(function*() {
    const rng = Rng.make(seed)
    const pools = yield* Effect.forEach(
      ["a", "b", "c", "d"],
      (name) => Pool.make<Line, Refused>({ open: world.connect(endpointOf(name)), maxConnections: 10, name })
    )
    let turn = 0
    const loadOf = (index: number) => {
      const { inUse, opening, pending } = Effect.runSync(pools[index]!.stats)
      return inUse + opening + pending
    }
    const chosen = (): number => {
      if (choice === "round robin") return turn++ % 4
      const one = rng.between(0, 3)
      const other = (one + rng.between(1, 3)) % 4
      return loadOf(one) <= loadOf(other) ? one : other
    }
    return <A, E2>(f: (line: Line) => Effect.Effect<A, E2>) => Effect.suspend(() => pools[chosen()]!.use(f))
  })

describe("the choice, compared", { timeout: 120_000 }, () => {
  const troubles: ReadonlyArray<readonly [string, number, (world: World) => void]> = [
    ["all equal", 300, () => {}],
    ["one ten times as slow", 300, (world) => void (world.server("a").work = 100)],
    ["one ten times as slow, and three times the load", 900, (world) => void (world.server("a").work = 100)],
    ["one refuses", 300, (world) => void (world.server("a").mode = "refuses")],
    ["one is a black hole", 300, (world) => void (world.server("a").mode = "hangs")]
  ]

  it.effect.each(troubles)("%s", ([name, perSecond, prepare]) =>
    Effect.gen(function*() {
      const found: Record<string, { readonly p99: number; readonly failed: number }> = {}
      for (const choice of ["round robin", "two at random, the one with less", "the least of all"] as const) {
        const world = new World()
        for (const server of "abcd") world.server(server)
        prepare(world)
        const scope = yield* Scope.make()
        const use = choice === "the least of all"
          ? yield* Effect.map(
            provideScope(makePool(world, ["a", "b", "c", "d"], { maxConnections: 40 }), scope),
            (pool) => pool.use.bind(pool)
          )
          : yield* provideScope(byHand(world, choice, 7), scope)
        const { calls } = yield* load(use as any, world.request, { perSecond, millis: 8_000, seed: 3 })
        found[choice] = { p99: calls.p99, failed: calls.failed }
        yield* say(
          `${name}: ${
            choice.padEnd(34)
          } p50 ${calls.p50} ms, p99 ${calls.p99} ms, ${calls.failed} of ${calls.count} failed`
        )
        yield* fork(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("1 minute")
      }
      const ours = found["the least of all"]!
      for (const other of Object.values(found)) expect(ours.p99).toBeLessThanOrEqual(other.p99 + 10)
      expect(ours.failed).toBe(0)
    }))
})
