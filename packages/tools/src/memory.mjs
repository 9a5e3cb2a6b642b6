// F25. Measures what a pool keeps of the work that it has done: after 10 % of it and after all of it, each time after
// garbage collection. Run by `npm run memory`; it needs `node --expose-gc` and what `npm run build` has built.
import { Effect, Exit, Fiber, Scope } from "effect"
import * as path from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { root } from "./workspace.mjs"

const { Pool } = await import(pathToFileURL(path.join(root, "packages/core/dist/esm/index.js")).href)

/** How much more may be in use after all the work than after a tenth of it. */
const bound = 2 * 1024 * 1024

const collectGarbage = globalThis.gc
if (collectGarbage === undefined) {
  console.error("memory: start node with --expose-gc")
  process.exit(2)
}

/** Bytes in use, once everything that is of no use any more has gone. */
const heap = async () => {
  // Finalization callbacks and what they let go of take some turns.
  for (let round = 0; round < 5; round++) {
    await turn()
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

const repeat = (times, effect) => Effect.forEach(Array.from({ length: times }), () => effect)
const repeatDiscard = (times, effect) => Effect.asVoid(Effect.repeatN(effect, times - 1))

/** Borrows from a server of which every other open fails: a pool slows down while all do. */
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

/** Has borrowers come to wait for the only connection, and go away again. */
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

/** Makes pools of no name, uses them, and closes them. */
const shortLivedPools = {
  options: connected,
  work: () => (times) =>
    repeatDiscard(times, Effect.scoped(Effect.flatMap(Pool.make(connected), (pool) => pool.use(() => Effect.void))))
}

/** What is leaked on purpose: a measurement that does not find this would not find a leak of the pool's either. */
const kept = []

/** Gives `job` the work of one scenario on a pool of its own, which is there until the job is done. */
const withPool = async ({ options, work }, job) => {
  const scope = await Effect.runPromise(Scope.make())
  const pool = await Effect.runPromise(Scope.extend(Pool.make(options), scope))
  const run = work(pool)
  const result = await job((times) => Effect.runPromise(run(times)))
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return result
}

/** Does the work of one scenario; how many bytes more are in use at its end than after its first tenth. */
const measure = async (scenario, times, warmUp) => {
  // While code is hot for the first time V8 grows tables of its own, by some MiB, whatever the code keeps.
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
  {
    name: "failed opens, leaking on purpose",
    scenario: failedOpens((error) => kept.push(error)),
    times: 20_000,
    leaks: true
  }
]

const mebibytes = (bytes) => `${(bytes / 1024 / 1024).toFixed(3)} MiB`

console.log(`what is kept between 10 % and 100 % of the work; at most ${mebibytes(bound)}\n`)
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
