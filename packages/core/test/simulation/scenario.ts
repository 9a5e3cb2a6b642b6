/** A pool's whole life under one seed: borrowers and meddlers at random, then calm, and then the close. */
import { fork, unlogged } from "@socketpool/test-seam"
import { Rng, Simulation } from "@socketpool/testing"
import { Effect, Exit, Fiber, Schedule } from "effect"
import { drawPlan, misbehaviour, type Planned } from "./actions.js"
import { drawConnector, drawOptions } from "./options.js"
import { drawRival } from "./rival.js"
import { effectPool, lendsTwice, losesReleases, sharesExclusives, socketpool } from "./target.js"
import { timed, World } from "./world.js"

export const targets = { socketpool, effectPool, losesReleases, lendsTwice, sharesExclusives }

/** Runs one action in a fiber of its own, at its moment, and interrupts it at another. */
const perform = (world: World, planned: Planned) =>
  Effect.gen(function*() {
    const { action, at, interruptedAfter } = planned
    const fiber = yield* fork(Effect.delay(action.run, at))
    const strike = Effect.delay(
      timed(Fiber.interrupt(fiber), (took) =>
        world.expect(!action.yields || took === 0, `${action.name} was interrupted and ended only ${took} ms later`)),
      at + (interruptedAfter ?? 0)
    )
    const striker = interruptedAfter === undefined ? undefined : yield* fork(strike)
    return Effect.gen(function*() {
      const misbehaved = misbehaviour(planned, yield* Fiber.await(fiber))
      if (misbehaved !== undefined) {
        world.problems.push(misbehaved)
      }
      if (striker !== undefined) {
        yield* Fiber.interrupt(striker)
      }
    })
  })

/** Everything that may be open can be lent at once, by a pool whose connector works again. */
const lendAll = (world: World, maxConnections: number) =>
  Effect.gen(function*() {
    const own = world.target.own!
    // An act that was under way before may still fail or die, and where nobody may wait one has to ask again. New
    // connections that do not answer `validate` count as failed opens, so that one may have to ask for long.
    const acquire = Effect.retry(Effect.sandbox(own.acquireWith({ timeout: "10 seconds" })), {
      schedule: Schedule.spaced("1 milli"),
      times: 3_000
    })
    const exits = yield* Effect.forEach(
      Array.from({ length: maxConnections }),
      () => Effect.exit(acquire),
      { concurrency: "unbounded" }
    )
    const lent = exits.filter(Exit.isSuccess).map((exit) => exit.value)
    world.expect(lent.length === maxConnections, `only ${lent.length} of ${maxConnections} can be lent again`)
    yield* Effect.forEach(lent, (connection) => Effect.ignore(own.release(connection)))
  })

const story = (seed: number, target: keyof typeof targets) => {
  const rng = Rng.make(seed)
  const options = drawOptions(rng, Rng.make(seed + 1))
  const { born, calm, connector, open } = drawConnector(rng, options)
  const yieldProbability = rng.pick([0, 0.02, 0.1, 0.3])
  let world: World | undefined
  let plan: ReadonlyArray<Planned> = []
  const program = Effect.gen(function*() {
    const rival = target === "effectPool" ? undefined : yield* drawRival(Rng.make(seed + 2))
    const shared = rival === undefined ? options : { ...options, pool: { ...options.pool, budget: rival.budget } }
    const here = new World(connector, born, yield* targets[target](open, shared), options, rival)
    world = here
    plan = drawPlan(here, rng)
    const endings = yield* Effect.forEach(plan, (planned) => perform(here, planned))
    yield* Effect.forEach(endings, (ending) => ending)
    yield* calm
    if (rival !== undefined) yield* rival.isDone
    if (options.slowRelease) yield* Effect.sleep(options.pool.closeTimeout + 1)
    here.atRest()
    if (here.target.own !== undefined && !here.isClosing) {
      yield* lendAll(here, Math.min(here.target.own.stats().maxConnections, rival?.limit ?? Infinity))
    }
    yield* here.close
    here.atEnd()
    if (rival !== undefined) here.problems.push(...yield* rival.close)
  })
  return {
    simulate: () =>
      Simulation.simulate(seed, unlogged(program), {
        observe: () => world?.observe() ?? [],
        yieldProbability,
        maxMillis: 600_000
      }),
    tell: () => ({ options: options.pool, plan, log: connector.log })
  }
}

/** The outcome of one seed. */
export interface Outcome {
  readonly seed: number
  readonly hash: number
  readonly steps: number
  readonly problems: ReadonlyArray<string>
}

/** Plays one seed; the seed alone determines everything that happens. */
export const play = (seed: number, target: keyof typeof targets): Outcome => {
  const report = story(seed, target).simulate()
  return { seed, hash: report.hash, steps: report.steps, problems: judge(report) }
}

const judge = (report: Simulation.Report<void, never>): ReadonlyArray<string> => {
  if (report.end === "Violated") return report.problems
  if (report.end !== "Done") {
    return [`it is ${report.end.toLowerCase()} after ${report.steps} steps and ${report.now} ms`]
  }
  return Exit.isFailure(report.exit!) ? [`it died: ${String(report.exit.cause)}`] : []
}

/** All that one needs to see what happened under a seed. */
export const explain = (seed: number, target: keyof typeof targets): string => {
  const { simulate, tell } = story(seed, target)
  const report = simulate()
  const { log, options, plan } = tell()
  const actions = plan.map(({ action, at, interruptedAfter }) =>
    `${at} ms: ${action.name}${interruptedAfter === undefined ? "" : `, interrupted after ${interruptedAfter} ms`}`
  )
  return [
    `seed ${seed} over ${target}, ended after ${report.steps} steps and ${report.now} ms: ${judge(report).join("; ")}`,
    JSON.stringify(options),
    ...actions,
    log.join(", ")
  ].join("\n  ")
}
