// A random life of a pool of endpoints, under an interleaving that its seed determines.
import { exitOf, fork, provideScope, result, unlogged } from "@socketpool/test-seam"
import { Rng, Simulation } from "@socketpool/testing"
import { Effect, Exit, Fiber, Scope } from "effect"
import { makePool, type Mode, published, type Server, World } from "./world.js"

const names = ["a", "b", "c", "d"] as const

const badRoles = ["fails", "hangs", "dies", "nonsense"] as const

export interface Life {
  readonly problems: ReadonlyArray<string>
  readonly steps: number
  readonly hash: number
}

export const play = (seed: number): Life => {
  const rng = Rng.make(seed)
  const world = new World()
  const maxConnections = rng.between(1, 6)
  const acquireTimeout = rng.pick([200, 2_000, 20_000])
  let observed: (() => ReadonlyArray<string>) | undefined
  const endless: Array<string> = []
  // With haste, time passes although fibers can run: then nobody can be expected to be done by a certain time.
  const haste = rng.pick([0, 0, 0, 0.01])
  const hasRoles = rng.chance(0.5)

  const program = Effect.gen(function*() {
    const { endpoints, fail, publish } = published()
    const scope = yield* Scope.make()
    const pool = yield* provideScope(
      makePool(world, [], {
        endpoints,
        maxConnections,
        acquireTimeout,
        connectTimeout: 300,
        drainTimeout: 500,
        closeTimeout: 500,
        ejectionTime: rng.pick([100, 1_000]),
        slowStart: rng.pick([0, 500]),
        rebalance: rng.pick([50, 1_000]),
        maxEjected: rng.pick([0.5, 1]),
        minConnections: rng.pick([0, 0, 1]),
        ...(rng.chance(0.3) ? { maxConnectionsPerEndpoint: 1 } : {}),
        ...(rng.chance(0.3) ? { idleTimeout: 100 } : {}),
        ...(hasRoles ? { probe: world.probe, probeInterval: rng.pick([200, 1_000, 20_000]) } : {})
      }),
      scope
    )
    observed = () => {
      const found = [...world.problems]
      if (world.open > maxConnections) found.push(`${world.open} connections are open, and ${maxConnections} may be`)
      return found
    }
    // One server always works, so that nobody has a reason to fail but its own deadline.
    let safe: typeof names[number] = rng.pick(names)
    let isSafe = haste === 0
    const set = (): ReadonlyArray<string> => [...new Set<string>([safe, ...names.filter(() => rng.chance(0.5))])]
    for (const name of names) {
      const server = world.server(name)
      server.openMillis = rng.pick([0, 1, 20])
      server.work = rng.pick([0, 1, 30])
      server.role = rng.between(0, 1)
      server.probeMillis = rng.pick([0, 1, 20])
    }
    const troubles = Effect.gen(function*() {
      yield* Effect.sleep(rng.between(0, 30))
      publish(...set())
      for (let i = 0; i < 12; i++) {
        yield* Effect.sleep(rng.between(0, 120))
        const name = rng.pick(names)
        if (name !== safe) {
          const mode: Mode = rng.pick(["up", "refuses", "hangs", "resets", "up"])
          world.server(name).mode = mode
          if (hasRoles && rng.chance(0.3)) world.server(name).role = rng.pick<Server["role"]>(badRoles)
        }
        if (hasRoles && rng.chance(0.4)) {
          for (const name of names) if (rng.chance(0.5)) world.server(name).role = rng.between(0, 1)
        }
        if (rng.chance(0.5)) publish(...set())
        if (rng.chance(0.1)) fail("the discovery fails")
        if (rng.chance(0.1)) publish()
        if (rng.chance(0.1)) yield* pool.clear
        if (rng.chance(0.1)) {
          safe = rng.pick(names)
          isSafe = false
          world.server(safe).mode = "up"
          world.server(safe).role = rng.between(0, 1)
          publish(...set())
        }
      }
    })
    const borrower = Effect.gen(function*() {
      yield* Effect.sleep(rng.between(0, 800))
      const tier = hasRoles && rng.chance(0.5) ? rng.between(0, 1) : undefined
      const part = tier === undefined ? pool : pool.tier(tier)
      const work = Effect.gen(function*() {
        let runs = 0
        const once = (line: Parameters<typeof world.request>[0]) => {
          if (++runs > 1) world.problems.push("an effect ran twice")
          if (tier !== undefined && line.answered !== tier) {
            world.problems.push(`a connection that answered ${line.answered} was lent for tier ${tier}`)
          }
          return world.request(line)
        }
        switch (rng.between(0, 3)) {
          case 0:
            return yield* Effect.scoped(Effect.flatMap(part.get, once))
          case 1:
            return yield* Effect.acquireUseRelease(part.acquire, once, (line) => Effect.ignore(part.release(line)))
          case 2:
            return yield* Effect.acquireUseRelease(
              part.acquireWith({ timeout: rng.pick([0, 50, 5_000]) }),
              once,
              (line) => Effect.ignore(part.drop(line))
            )
          default:
            return yield* part.use(once)
        }
      })
      const running = yield* fork(result(work))
      if (rng.chance(0.3)) {
        yield* Effect.sleep(rng.between(0, 100))
        yield* Fiber.interrupt(running)
        return
      }
      const outcome = yield* Fiber.join(running)
      if (outcome._tag === "Failure") {
        const { _tag, reason } = outcome.failure as { readonly _tag: string; readonly reason?: string }
        // A server that works was in every set.
        const isOfOpen = _tag === "Refused" || _tag === "ConnectTimeoutError" || reason === "ProbeFailed"
        if (isSafe && tier === undefined && isOfOpen) {
          world.problems.push(`a borrower failed with ${_tag} although a server works`)
        }
        if (_tag === "PoolClosedError") world.problems.push("a borrower heard that the pool has closed")
      }
    })
    const busy = yield* fork(Effect.all(Array.from({ length: 25 }, () => borrower), { concurrency: "unbounded" }))
    yield* troubles
    // From now on all servers work: everybody must come through.
    for (const [index, name] of names.entries()) {
      world.server(name).mode = "up"
      world.server(name).role = index % 2
    }
    publish(...(hasRoles ? names : set()))
    yield* Effect.sleep(hasRoles ? 15_000 : 3_000)
    if (exitOf(busy) === undefined) {
      if (haste > 0) yield* Fiber.await(busy)
      else endless.push(`borrowers wait for ever: ${JSON.stringify(yield* pool.endpoints)}`)
      yield* Fiber.interrupt(busy)
    }
    yield* Effect.sleep(2_000)
    const late = yield* result(pool.use(world.request))
    if (late._tag === "Failure" && haste === 0) {
      endless.push(`it does not lend any more: ${String(late.failure)} ${JSON.stringify(yield* pool.endpoints)}`)
    }
    if (hasRoles && haste === 0) {
      for (const tier of [0, 1]) {
        const line = yield* result(pool.tier(tier).use((line) => Effect.succeed(line)))
        if (line._tag === "Failure" || line.success.answered !== tier) {
          endless.push(`tier ${tier} does not lend: ${JSON.stringify(yield* pool.endpoints)}`)
        }
      }
    }
    const stats = yield* pool.stats
    const closed = Object.values(stats.closed).reduce((a, b) => a + b)
    const { closing, idle, inUse, leased, opened, pending } = stats
    if (opened - closed !== idle + inUse + closing) endless.push(`the counts do not add up: ${JSON.stringify(stats)}`)
    // The pool itself may be asking its endpoints.
    if (leased + pending > (hasRoles ? names.length : 0)) {
      endless.push(`${leased} leases and ${pending} waiters are left`)
    }
    yield* Scope.close(scope, Exit.void)
    yield* Effect.sleep(2_000)
    if (world.open !== 0) endless.push(`${world.open} connections are left`)
    if (world.opened !== world.closed) endless.push(`${world.opened} were opened, ${world.closed} closed`)
  })

  const report = Simulation.simulate(seed, unlogged(program), {
    observe: () => observed?.() ?? [],
    haste,
    yieldProbability: rng.pick([0, 0.02, 0.2]),
    maxSteps: 400_000
  })
  const problems = [...report.problems, ...endless]
  if (report.end !== "Done") problems.push(`it ended ${report.end} after ${report.steps} steps and ${report.now} ms`)
  if (report.exit !== undefined && Exit.isFailure(report.exit)) problems.push(String(report.exit.cause))
  return { problems, steps: report.steps, hash: report.hash }
}
