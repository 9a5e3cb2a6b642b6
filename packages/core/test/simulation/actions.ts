/** The actions of a simulated pool's users. A new verb of the pool gets its action here. */
import { reasonOf, wasInterrupted, yieldNow } from "@socketpool/test-seam"
import type { Rng } from "@socketpool/testing"
import { Effect, Exit } from "effect"
import { tick, ticks } from "./options.js"
import type { Connection } from "./target.js"
import type { World } from "./world.js"

/** One thing that a fiber of its own does. */
export interface Action {
  readonly name: string
  readonly run: Effect.Effect<unknown, unknown>
  /** Whether an interrupt must end it at once. */
  readonly yields: boolean
}

type Draw = (world: World, rng: Rng.Rng) => Action

/** The use of a holder: it takes its time, or lets others run, and ends well or not. */
const drawWork = (rng: Rng.Rng): Effect.Effect<void, string> => {
  const while_ = rng.weighted<Effect.Effect<void>>([
    [1, Effect.void],
    [1, yieldNow],
    [3, Effect.sleep(ticks(rng, 1, 8))]
  ])
  const end = rng.weighted<Effect.Effect<void, string>>([
    [8, Effect.void],
    [1, Effect.fail("scripted failure")],
    [1, Effect.die(new Error("scripted defect"))]
  ])
  return Effect.andThen(while_, end)
}

/** One of the connections that there have been so far. */
const anyOf = (world: World, number: number, then: (connection: Connection) => Effect.Effect<unknown, unknown>) =>
  Effect.suspend(() => {
    const { connector } = world
    return connector.opened === 0 ? Effect.void : then(connector.connection(1 + number % connector.opened))
  })

const use: Draw = (world, rng) => {
  const work = drawWork(rng)
  return {
    name: "use",
    yields: true,
    run: world.bounded(
      world.acquireTimeout,
      (got) => world.target.use((connection) => Effect.andThen(got, world.hold(connection, work)))
    )
  }
}

const exclusive: Draw = (world, rng) => {
  const work = drawWork(rng)
  return {
    name: "useExclusive",
    yields: true,
    run: world.bounded(
      world.acquireTimeout,
      (got) => world.target.own!.useExclusive((connection) => Effect.andThen(got, world.hold(connection, work, true)))
    )
  }
}

const get: Draw = (world, rng) => {
  const work = drawWork(rng)
  const early = rng.chance(0.2)
  const borrow = Effect.gen(function*() {
    const connection = yield* world.bounded(world.acquireTimeout, (got) => Effect.tap(world.target.get, got))
    yield* world.hold(connection, work)
    if (early && world.target.own !== undefined) yield* Effect.ignore(world.target.own.release(connection))
  })
  return { name: early ? "get, released early" : "get", yields: true, run: Effect.scoped(borrow) }
}

const acquire: Draw = (world, rng) => {
  const own = world.target.own!
  const work = drawWork(rng)
  const end = rng.weighted([[4, "release"], [1, "drop"]])
  const timeout = rng.chance(0.5) ? undefined : ticks(rng, 0, 10)
  const take = timeout === undefined ? own.acquire : own.acquireWith({ timeout })
  return {
    name: `acquire${timeout === undefined ? "" : ` within ${timeout}`}, ${end}`,
    yields: false,
    run: Effect.acquireUseRelease(
      world.bounded(timeout ?? world.acquireTimeout, (got) => Effect.tap(take, got)),
      (connection) => world.hold(connection, work),
      (connection) => {
        if (end === "drop") world.dropped.add(connection)
        return Effect.ignore(own[end](connection))
      }
    )
  }
}

/** Holds one and wants another: without a timeout such borrowers could wait for each other for ever. */
const nested: Draw = (world, rng) => {
  const own = world.target.own!
  const work = drawWork(rng)
  return {
    name: "use inside use",
    yields: false,
    run: world.target.use((outer) =>
      world.hold(
        outer,
        Effect.ignore(Effect.acquireUseRelease(
          own.acquireWith({ timeout: tick }),
          (inner) => world.hold(inner, Effect.ignore(work)),
          (inner) => Effect.ignore(own.release(inner))
        ))
      )
    )
  }
}

/** Wants another connection in the middle of its lease. */
const reconnect: Draw = (world, rng) => {
  const own = world.target.own!
  const [before, after] = [drawWork(rng), drawWork(rng)]
  const anew = (connection: Connection) =>
    Effect.flatMap(
      world.bounded(world.acquireTimeout, (got) => Effect.tap(own.reconnect(connection), got)),
      (next) => world.hold(next, after)
    )
  const first = world.bounded(
    world.acquireTimeout,
    (got) =>
      world.target.use((connection) =>
        Effect.andThen(Effect.andThen(got, world.hold(connection, before)), anew(connection))
      )
  )
  return { name: "use, and reconnect", yields: true, run: first }
}

const ready: Draw = (world) => ({ name: "awaitReady", yields: true, run: world.target.own!.awaitReady })

const clear: Draw = (world) => ({ name: "clear", yields: true, run: world.clear })

const resize: Draw = (world, rng) => {
  const max = rng.between(1, 5)
  const min = rng.chance(0.5) ? 0 : rng.between(0, max)
  return { name: `resize to ${min} … ${max}`, yields: true, run: world.resize(min, max) }
}

const invalidate: Draw = (world, rng) => ({
  name: "invalidate",
  yields: true,
  run: anyOf(world, rng.between(0, 30), (connection) => world.target.invalidate(connection))
})

const drop: Draw = (world, rng) => ({
  name: "drop",
  yields: true,
  run: anyOf(world, rng.between(0, 30), (connection) => {
    world.dropped.add(connection)
    return Effect.ignore(world.target.own!.drop(connection))
  })
})

const dropExpired: Draw = (world) => ({ name: "dropExpired", yields: true, run: world.target.own!.dropExpired })

const kill: Draw = (world, rng) => ({
  name: "the peer goes away",
  yields: true,
  run: anyOf(world, rng.between(0, 30), (connection) => world.kill(connection))
})

const close: Draw = (world) => ({ name: "close", yields: false, run: world.close })

/** With what weight each is drawn, and whether it needs more than an `effect` pool can do. */
const borrowing: ReadonlyArray<readonly [number, Draw, "any" | "own"]> = [
  [4, use, "any"],
  [3, get, "any"],
  [4, acquire, "own"],
  [1, nested, "own"],
  [1, reconnect, "own"],
  [2, exclusive, "own"]
]

const meddling: ReadonlyArray<readonly [number, Draw, "any" | "own"]> = [
  [3, invalidate, "any"],
  [3, drop, "own"],
  [1, dropExpired, "own"],
  [1, ready, "own"],
  [1, clear, "own"],
  [2, resize, "own"],
  [2, kill, "own"],
  [0.3, close, "any"]
]

const drawOne = (world: World, rng: Rng.Rng, from: typeof borrowing): Action => {
  const [first, ...others] = from
    .filter(([, , needs]) => needs === "any" || world.target.own !== undefined)
    .map(([weight, draw]) => [weight, draw] as const)
  return rng.weighted([first!, ...others])(world, rng)
}

/** Something that happens at a moment, and perhaps is interrupted later. */
export interface Planned {
  readonly action: Action
  readonly at: number
  readonly interruptedAfter: number | undefined
}

export const drawPlan = (world: World, rng: Rng.Rng): ReadonlyArray<Planned> => {
  const plan = (from: typeof borrowing, isInterrupted: number): Planned => ({
    action: drawOne(world, rng, from),
    at: ticks(rng, 0, 12),
    interruptedAfter: rng.chance(isInterrupted) ? ticks(rng, 0, 10) : undefined
  })
  return [
    ...Array.from({ length: rng.between(5, 8) }, () => plan(borrowing, 0.3)),
    ...Array.from({ length: rng.between(0, 3) }, () => plan(meddling, 0))
  ]
}

/** The fault in the end of an action: a defect that nobody scripted, or an interruption that nobody asked for. */
export const misbehaviour = (planned: Planned, exit: Exit.Exit<unknown, unknown>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const text = String(exit.cause)
  if (reasonOf(exit.cause) === "Die" && !text.includes("scripted defect")) return `${planned.action.name} died: ${text}`
  if (wasInterrupted(exit) && planned.interruptedAfter === undefined) {
    return `${planned.action.name} was interrupted, though nobody had asked for that`
  }
  return undefined
}
