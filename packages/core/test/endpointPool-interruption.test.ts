// Borrowers of a pool of endpoints that are interrupted at every step, while their endpoint fails or leaves the set.
import { exitOf, fork, isOnlyInterrupted, provideScope, result, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Interruptions } from "@socketpool/testing"
import { Effect, Exit, Scope } from "effect"
import { endpointOf, type Line, makePool, published, World } from "./endpointPool/world.js"
import { settle } from "./explored.js"
import { bySearch } from "./search.js"

/** With few steps at a time, fibers change more often: ten times the runs. */
const budgets = bySearch({ short: [2_048], full: [2_048, 7] })

type Trouble = "refuses" | "is removed" | "is removed while it lends" | "comes late" | "changes its role"

const explored = (how: "use" | "get" | "acquire", trouble: Trouble, budgets: ReadonlyArray<number>) =>
  Interruptions.explore((forkSubject) =>
    Effect.gen(function*() {
      const world = new World()
      for (const name of ["a", "b"]) {
        world.server(name).openMillis = 0
        world.server(name).work = 0
        world.server(name).probeMillis = 0
      }
      world.server("b").role = 1
      const hasRoles = trouble === "changes its role"
      const { endpoints, publish } = published()
      // Nothing closes this scope: the test closes the pool.
      const scope = yield* Scope.make()
      const pool = yield* provideScope(
        makePool(world, [], {
          endpoints,
          maxConnectionsPerEndpoint: 1,
          rebalance: Infinity,
          ...(hasRoles ? { probe: world.probe, probeInterval: "1 hour" } : {})
        }),
        scope
      )
      const old = endpointOf("a")
      const spare = endpointOf("b", { tier: 1 })
      if (trouble !== "comes late") {
        publish(old, spare)
        yield* settle(() => Effect.runSync(pool.endpoints).length === 2)
      }
      if (trouble === "refuses") world.server("a").mode = "refuses"
      if (trouble === "is removed") world.server("a").mode = "hangs"
      const part = hasRoles ? pool.tier(0) : pool
      if (hasRoles) {
        // The next connection to each tells that they have changed places.
        yield* settle(() => Effect.runSync(pool.endpoints).every(({ tier }, index) => tier === index))
        world.server("a").role = 1
        world.server("b").role = 0
        yield* pool.clear
      }
      let runs = 0
      const work = (line: Line) => {
        if (hasRoles && line.answered !== 0) world.problems.push(`${line.server} was lent for tier 0`)
        return world.holding(line, Effect.andThen(yieldNow, Effect.sync(() => ++runs)))
      }
      const subject = how === "use"
        ? part.use(work)
        : how === "get"
        ? Effect.scoped(Effect.flatMap(part.get, work))
        : Effect.acquireUseRelease(part.acquire, work, (line) => Effect.orDie(part.release(line)))
      const fiber = yield* forkSubject(Effect.asVoid(subject))
      const rival = yield* fork(result(part.use(work)))
      yield* yieldNow
      if (trouble === "comes late") publish(old)
      if (trouble === "is removed" || trouble === "is removed while it lends") publish(spare)
      if (!(yield* settle(() => exitOf(fiber) !== undefined && exitOf(rival) !== undefined))) {
        world.problems.push(`it never ends: ${JSON.stringify(yield* pool.endpoints)}`)
      }
      const exit = exitOf(fiber)
      if (exit !== undefined && Exit.isFailure(exit) && !isOnlyInterrupted(exit.cause)) {
        world.problems.push(String(exit.cause))
      }
      if (runs > 2) world.problems.push("an effect ran twice")
      yield* settle(() => Effect.runSync(pool.leases).length === 0)
      const stats = yield* pool.stats
      if (stats.leased + stats.pending > 0) world.problems.push(`something is lost: ${JSON.stringify(stats)}`)
      const { acquired, cancelled, failed } = stats
      const ended = acquired + cancelled + Object.values(failed).reduce((a, b) => a + b)
      // With roles, the pool asks on leases of its own.
      if (!hasRoles && ended > 2) world.problems.push(`two borrowers are counted ${ended} times`)
      // In any case it lends again.
      const again = yield* fork(result(part.use(work)))
      if (!(yield* settle(() => exitOf(again) !== undefined))) world.problems.push("it does not lend again")
      const closing = yield* fork(pool.close)
      if (!(yield* settle(() => exitOf(closing) !== undefined))) world.problems.push("it does not close")
      if (world.open !== 0) world.problems.push(`${world.open} connections are left`)
      if (world.opened !== world.closed) world.problems.push(`${world.opened} were opened, ${world.closed} closed`)
      return world.problems
    }), { budgets })

const troubles: ReadonlyArray<Trouble> = [
  "refuses",
  "is removed",
  "is removed while it lends",
  "comes late",
  "changes its role"
]

describe("an interruption at any step loses nothing", { timeout: 100_000 }, () => {
  for (const how of ["use", "get", "acquire"] as const) {
    it.effect.each(troubles)(`of ${how}, whose endpoint %s`, (trouble) =>
      Effect.gen(function*() {
        const report = yield* explored(how, trouble, budgets)
        expect(report.violations).toEqual([])
        expect(report.steps).toBeGreaterThanOrEqual(8)
      }))
  }
})
