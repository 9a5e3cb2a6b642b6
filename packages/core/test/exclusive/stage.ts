/** Borrowers with names, which come and go when a line of a scene says so. */
import { fork, forkDaemon, type RunningFiber, TestClock } from "@socketpool/test-seam"
import { assert } from "@socketpool/test-seam/virtual"
import { Deferred, Effect, Fiber } from "effect"
import { type Connection, type Options, type Script, settled, setup } from "../setup.js"

/**
 * The steps, one word after the other, and then the holders of each connection, in the order of arrival.
 *
 * - `+a` comes and shares a connection, `+X` wants one alone; `-a` ends its lease, `!a` is interrupted.
 * - `drop:1`, `invalidate:1`, `kill:1`, `clear`, `resize:1`, `close`, `wait:1000`
 *
 * `a1` has connection 1, `a?` waits, `a:Timeout` has failed.
 */
export type Line = readonly [done: string, then: string]

export type Scene = readonly [name: string, options: Options, lines: ReadonlyArray<Line>]

interface Borrower {
  state: string
  readonly gate: Deferred.Deferred<void>
  readonly fiber: RunningFiber<unknown, unknown>
}

const isExclusive = (name: string): boolean => name === name.toUpperCase()

const reasonOf = (error: { readonly _tag: string; readonly reason?: string }): string => error.reason ?? error._tag

/** A pool of two connections for two borrowers each, and the borrowers that `play` brings on. */
export const stage = (options: Options = {}, script: Script = {}) =>
  Effect.gen(function*() {
    const made = yield* setup({ concurrency: 2, maxConnections: 2, ...options }, script)
    const { connector, pool } = made
    const borrowers = new Map<string, Borrower>()
    yield* Effect.addFinalizer(() => Fiber.interruptAll([...borrowers.values()].map(({ fiber }) => fiber)))

    const arrive = (name: string) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const tell = (state: string) => Effect.sync(() => borrowers.get(name)!.state = state)
        const hold = (connection: Connection) => Effect.andThen(tell(String(connection.id)), Deferred.await(gate))
        const borrow = isExclusive(name) ? pool.useExclusive(hold) : pool.use(hold)
        const fiber = yield* fork(Effect.matchEffect(borrow, {
          onFailure: (error) => tell(`:${reasonOf(error)}`),
          onSuccess: () => Effect.sync(() => borrowers.delete(name))
        }))
        borrowers.set(name, { state: "?", gate, fiber })
      })
    const leave = (name: string) => Deferred.succeed(borrowers.get(name)!.gate, void 0)
    const interrupt = (name: string) =>
      Effect.andThen(Fiber.interrupt(borrowers.get(name)!.fiber), Effect.sync(() => borrowers.delete(name)))

    const verbs: Record<string, (number: number) => Effect.Effect<unknown, unknown>> = {
      drop: (number) => pool.drop(connector.connection(number)),
      invalidate: (number) => pool.invalidate(connector.connection(number)),
      kill: (number) => Effect.sync(() => connector.connection(number).kill()),
      clear: () => pool.clear,
      resize: (max) => pool.resize({ max }),
      close: () => forkDaemon(pool.close),
      wait: (millis) => TestClock.adjust(millis)
    }

    const act = (word: string): Effect.Effect<unknown, unknown> => {
      const name = word.slice(1)
      if (word.startsWith("+")) return arrive(name)
      if (word.startsWith("-")) return leave(name)
      if (word.startsWith("!")) return interrupt(name)
      const [verb, number] = word.split(":")
      return verbs[verb!]!(Number(number))
    }

    const play = (...lines: ReadonlyArray<Line>) =>
      Effect.forEach(lines, ([done, then]) =>
        Effect.gen(function*() {
          for (const word of done.split(" ")) yield* Effect.andThen(act(word), settled)
          const seen = Array.from(borrowers, ([name, { state }]) => `${name}${state}`).join(" ")
          assert.strictEqual(seen, then, `after ${done}`)
        }), { discard: true })

    return { ...made, play }
  })

/** Plays one scene from its beginning. */
export const played = ([_, options, lines]: Scene) => Effect.flatMap(stage(options), ({ play }) => play(...lines))
