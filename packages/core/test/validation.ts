import { fork, type RunningFiber, TestClock } from "@socketpool/test-seam"
import { Effect } from "effect"
import { type Connection, id, type Options, type Script, settled, setup, type TestPool, warmUp } from "./setup.js"

type Answer = Effect.Effect<boolean, unknown>

/** A pool that asks its connections whether they still work, over a connector whose books are audited. */
export const setupAsking = (
  answer: (connection: Connection) => Answer = () => Effect.succeed(true),
  options: Options = {},
  script: Script = {}
) => {
  const asked: Array<number> = []
  const validate = (connection: Connection): Answer => {
    asked.push(connection.id)
    return answer(connection)
  }
  return Effect.map(setup({ validate, ...options }, script), (made) => ({ ...made, asked }))
}

/** Leaves so many connections idle for long enough to be asked before they are lent. */
export const leaveIdle = (pool: TestPool, connections: number) =>
  Effect.andThen(warmUp(pool, connections), TestClock.adjust("1 second"))

/** The answer of a connection that hangs as long as its number is among these. */
export const hanging = (numbers: ReadonlyArray<number>) => (connection: Connection): Answer =>
  numbers.includes(connection.id) ? Effect.never : Effect.succeed(true)

/** Forks a borrower and lets it run until it is served or waits, for instance for an answer. */
export const borrow = (pool: TestPool): Effect.Effect<RunningFiber<number, unknown>> =>
  Effect.tap(fork(pool.use(id)), () => settled)
