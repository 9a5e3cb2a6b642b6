/** Plays one life of a door under a seed, which alone determines it. */
import { Rng } from "@socketpool/testing"
import { Effect } from "effect"
import { plants } from "./plants.js"
import { reactions, tick, World } from "./world.js"

type Act = (world: World, rng: Rng.Rng) => void | Promise<void>

const options = (world: World, rng: Rng.Rng) => {
  const timeout = rng.pick([undefined, undefined, 0, 2 * tick, 8 * tick])
  const borrower = world.newcomer(timeout)
  return [borrower, { timeout, signal: borrower.controller?.signal }] as const
}

const acquire: Act = (world, rng) => {
  const [borrower, given] = options(world, rng)
  world.acquire(borrower, given, rng.pick(["release", "release", "dispose", "drop"]))
}

const use: Act = (world, rng) => {
  const [borrower, given] = options(world, rng)
  world.use(borrower, given, rng.pick(["well", "well", "badly"]))
}

const one = <A>(rng: Rng.Rng, of: ReadonlyArray<A>): A | undefined => of[rng.between(0, Math.max(0, of.length - 1))]

const end: Act = (world, rng) => one(rng, world.borrowers.filter(({ state }) => state === "holds"))?.end!()

const abort: Act = (world, rng) =>
  one(rng, world.borrowers.filter(({ controller, state }) => state !== "is done" && controller !== undefined))
    ?.controller!.abort(new Error("aborted"))

/** A lease ends and a waiter is aborted some reactions later: before, in or after its turn. */
const endAndAbort: Act = async (world, rng) => {
  end(world, rng)
  world.look()
  await reactions(rng.between(0, 5))
  abort(world, rng)
}

const fiber: Act = (world, rng) => {
  world.others++
  const held = tick * rng.between(0, 3)
  world.timeline.fork(
    Effect.ensuring(
      Effect.ignore(world.pool.use((connection) => {
        world.expect(!connection.held, () => `connection ${connection.id} has a fiber and another holder`)
        connection.held = true
        return Effect.ensuring(Effect.sleep(held), Effect.sync(() => connection.held = false))
      })),
      Effect.sync(() => world.others--)
    )
  )
}

const anyConnection = ({ connector }: World, rng: Rng.Rng) =>
  connector.opened === 0 ? undefined : connector.connection(rng.between(1, connector.opened))

const kill: Act = (world, rng) => anyConnection(world, rng)?.kill()

const drop: Act = (world, rng) => {
  const connection = anyConnection(world, rng)
  if (connection === undefined) return
  world.dropped.add(connection)
  world.do(Effect.ignore(world.pool.drop(connection)))
}

const resize: Act = (world, rng) => {
  const max = rng.between(1, 4)
  world.most = Math.max(world.most, max)
  world.do(world.pool.resize({ min: 0, max }))
}

/** Time goes on, and no timer rings: hand-offs are held back. */
const stall: Act = (world) => {
  world.stalled += 10 * tick
  world.timeline.now += 10 * tick
}

const close: Act = (world) => {
  world.isClosing = true
  void world.door.close()
}

const acts: Parameters<Rng.Rng["weighted"]>[0] = [
  [6, acquire],
  [5, use],
  [5, end],
  [3, abort],
  [4, endAndAbort],
  [2, fiber],
  [1, kill],
  [1, drop],
  [0.5, (world: World) => world.do(world.pool.clear)],
  [0.7, resize],
  [0.15, close],
  [1, stall],
  [4, (_: World, rng: Rng.Rng) => reactions(rng.between(1, 4))],
  [3, (world: World) => world.timeline.settle()],
  [3, (world: World, rng: Rng.Rng) => world.pass(rng.between(1, 3))]
]

/** Returns what went wrong, and the story. */
export const play = async (seed: number, plant: keyof typeof plants) => {
  const rng = Rng.make(seed)
  const world = new World(rng, plants[plant])
  const steps = rng.between(10, 60)
  for (let step = 0; step < steps && world.problems.length === 0; step++) {
    await (rng.weighted(acts) as Act)(world, rng)
    world.look()
  }
  if (world.problems.length === 0) await world.conclude()
  return { problems: world.problems, story: world.story }
}
