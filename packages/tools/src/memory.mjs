// F25. Measures how much memory a pool retains: after 10 % of the work and after all of it, each time after garbage
// collection. `npm run memory` runs it. It needs `node --expose-gc` and the output of `npm run build`.
import { Effect, Exit, Fiber, Scope } from "effect"
import * as path from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { root } from "./workspace.mjs"

const { Pool } = await import(pathToFileURL(path.join(root, "packages/core/dist/esm/index.js")).href)

/** The most bytes by which the heap may grow between a tenth of the work and all of it. */
const bound = 2 * 1024 * 1024

const collectGarbage = globalThis.gc
if (collectGarbage === undefined) {
  console.error("memory: start node with --expose-gc")
  process.exit(2)
}

/** Measures the bytes in use after garbage collection. */
const heap = async () => {
  // Finalization callbacks, and the garbage that they leave, take several turns.
  for (let round = 0; round < 5; round++) {
    await turn()
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

const repeat = (times, effect) => Effect.forEach(Array.from({ length: times }), () => effect)
const repeatDiscard = (times, effect) => Effect.asVoid(Effect.repeatN(effect, times - 1))

/** Borrows while every other open fails. If all opens failed, the pool would slow down. */
const failedOpens = (seen) => {
  let attempts = 0
  const error = () => {
    const error = new Error("refused")
    seen(error)
    return error
  }
  return {
    options: {
      open: Effect.suspend(() => attempts++ % 2 === 0 ? Effect.fail(error()) : Effect.succeed({})),
      maxUses: 1
    },
    work: (pool) => (times) => repeatDiscard(2 * times, Effect.exit(pool.use(() => Effect.void)))
  }
}

const connected = { open: Effect.sync(() => ({})) }

/** Lets borrowers queue for the only connection and then interrupts them. */
const cancelledWaiters = {
  options: { ...connected, maxConnections: 1, acquireTimeout: "1 hour" },
  work: (pool) => {
    const crowd = 100
    const comeAndGo = Effect.gen(function*() {
      const waiters = yield* repeat(crowd, Effect.fork(pool.acquire))
      yield* Effect.yieldNow()
      yield* Fiber.interruptAll(waiters)
    })
    return (times) => pool.use(() => repeatDiscard(times / crowd, comeAndGo))
  }
}

const leases = {
  options: connected,
  work: (pool) => (times) => repeatDiscard(times, pool.use(() => Effect.void))
}

const scopedLeases = {
  options: connected,
  work: (pool) => (times) => repeatDiscard(times, Effect.scoped(pool.get))
}

const replacedConnections = {
  options: { ...connected, maxUses: 1 },
  work: leases.work
}

/** Makes pools without a name, uses them, and closes them. */
const shortLivedPools = {
  options: connected,
  work: () => (times) =>
    repeatDiscard(times, Effect.scoped(Effect.flatMap(Pool.make(connected), (pool) => pool.use(() => Effect.void))))
}

let names = 0
const fresh = () => ({ ...connected, name: `pool ${++names}`, attributes: { tenant: names } })

/** Makes pools with a name, attributes and a tag of their own, uses them, and closes them. */
const namedPools = {
  options: connected,
  work: () => (times) =>
    repeatDiscard(
      times,
      Effect.suspend(() =>
        Effect.tagMetrics(
          Effect.scoped(Effect.flatMap(Pool.make(fresh()), (pool) => pool.use(() => Effect.void))),
          "tenant",
          String(names)
        )
      )
    )
}

/** Makes pools in a scope that stays open, and closes each by hand. */
const poolsClosedByHand = {
  options: connected,
  work: (_, scope) => {
    const madeAndClosed = Effect.gen(function*() {
      const pool = yield* Effect.provideService(Pool.make(fresh()), Scope.Scope, scope)
      yield* pool.use(() => Effect.void)
      yield* pool.close
    })
    return (times) => repeatDiscard(times, madeAndClosed)
  }
}

/** Leaks on purpose: a measurement that misses this would also miss a leak of the pool. */
const kept = []

/** Runs `job` with the work of one scenario, on a pool of its own. Closes the pool afterwards. */
const withPool = async ({ options, work }, job) => {
  const scope = await Effect.runPromise(Scope.make())
  const pool = await Effect.runPromise(Scope.extend(Pool.make(options), scope))
  const run = work(pool, scope)
  const result = await job((times) => Effect.runPromise(run(times)))
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return result
}

/** Runs one scenario. Returns by how many bytes the heap grew between its first tenth and its end. */
const measure = async (scenario, times, warmUp) => {
  // When code first gets hot, V8 grows its own tables by some MiB, whatever the code retains.
  await withPool(scenario, (run) => run(warmUp))
  return withPool(scenario, async (run) => {
    await run(times / 10)
    const before = await heap()
    await run(times - times / 10)
    return (await heap()) - before
  })
}

const rows = [
  { name: "failed opens", scenario: failedOpens(() => {}), times: 100_000 },
  { name: "cancelled waiters", scenario: cancelledWaiters, times: 100_000 },
  { name: "leases by use", scenario: leases, times: 1_000_000 },
  { name: "leases by get", scenario: scopedLeases, times: 100_000 },
  { name: "connections opened and closed", scenario: replacedConnections, times: 100_000 },
  { name: "pools made and closed", scenario: shortLivedPools, times: 20_000, warmUp: 2_000 },
  { name: "pools of distinct names and tags", scenario: namedPools, times: 5_000, warmUp: 2_000 },
  { name: "pools closed by hand", scenario: poolsClosedByHand, times: 5_000, warmUp: 2_000 },
  {
    name: "failed opens, leaking on purpose",
    scenario: failedOpens((error) => kept.push(error)),
    times: 20_000,
    leaks: true
  }
]

const mebibytes = (bytes) => `${(bytes / 1024 / 1024).toFixed(3)} MiB`

console.log(`memory retained between 10 % and 100 % of the work; at most ${mebibytes(bound)}\n`)
console.log(`${"work".padEnd(34)}${"times".padStart(9)}${"growth".padStart(14)}${"bytes each".padStart(12)}  verdict`)
let wrong = 0
for (const { leaks = false, name, scenario, times, warmUp = 100_000 } of rows) {
  const growth = await measure(scenario, times, warmUp)
  const found = growth > bound
  if (found !== leaks) wrong++
  const verdict = found ? leaks ? "leak found, as planted" : "LEAK" : leaks ? "PLANTED LEAK NOT FOUND" : "flat"
  const each = (growth / (times * 0.9)).toFixed(2)
  console.log(
    `${name.padEnd(34)}${String(times).padStart(9)}${mebibytes(growth).padStart(14)}${each.padStart(12)}  ${verdict}`
  )
}
process.exitCode = wrong === 0 ? 0 : 1
