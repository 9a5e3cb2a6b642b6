/** Load for the demo: many fibers send requests again and again, and check that each answer belongs to its request. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectionPool } from "@socketpool/core/Pool"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { kindOf } from "./failure.js"
import { LastMinute } from "./lastMinute.js"

export interface LoadCounts {
  asked: number
  answered: number
  /** Answers to another request. */
  wrong: number
  /** Requests that were interrupted before their answer had come. */
  interrupted: number
  /** Failed requests by kind of error. */
  readonly failed: Map<string, { readonly count: number; readonly lastAt: number }>
  /** Requests under way, each until the end of the pause after it. */
  inFlight: number
  readonly lastMinute: LastMinute
}

export interface Load {
  /** Sends a request without its end of line. Returns the answer likewise, or nothing if it was interrupted. */
  readonly ask: (request: string) => Effect.Effect<string | undefined, object>
  readonly fibers: number
  /** The least and the most milliseconds that a fiber rests after each request. */
  readonly rest: readonly [least: number, most: number]
  readonly isOver: () => boolean
}

/** Sends a line on a connection of a pool, and returns the line that comes back. */
export const echo = <E extends object>(pool: ConnectionPool<Connection, E>) => (request: string) =>
  Effect.map(
    pool.use((connection) =>
      Effect.andThen(connection.send(`${request}\n`), connection.recvUntil("\n", { maxBytes: 64 }))
    ),
    (answer) => new TextDecoder().decode(answer).trimEnd()
  )

const spans = ["GET /orders", "GET /orders/:id", "POST /orders", "GET /customers/:id", "POST /payments"]

/** Starts the fibers, which run until the scope closes or `isOver` returns true. `done` waits until all have ended. */
export const start = (
  { ask, fibers, isOver, rest: [least, most] }: Load
): Effect.Effect<{ readonly counts: LoadCounts; readonly done: Effect.Effect<void> }, never, Scope.Scope> =>
  Effect.gen(function*() {
    const counts: LoadCounts = {
      asked: 0,
      answered: 0,
      wrong: 0,
      interrupted: 0,
      failed: new Map(),
      inFlight: 0,
      lastMinute: new LastMinute()
    }
    const { lastMinute } = counts
    const call = (fiber: number, turn: number) => {
      const request = `${fiber}:${turn}`
      return ask(request).pipe(
        Effect.match({
          onFailure: (error) => ({ error, answer: undefined }),
          onSuccess: (answer) => ({ error: undefined, answer })
        }),
        Effect.zipWith(Clock.currentTimeMillis, ({ answer, error }, now) => {
          if (error !== undefined) {
            const kind = kindOf(error)
            counts.failed.set(kind, { count: (counts.failed.get(kind)?.count ?? 0) + 1, lastAt: now })
            return lastMinute.failed(now)
          }
          if (answer === undefined) return void counts.interrupted++
          counts.answered++
          lastMinute.answered(now)
          if (answer !== request) counts.wrong++
        }),
        Effect.withSpan(spans[fiber % spans.length]!)
      )
    }
    const borrower = (fiber: number) => {
      let turn = 0
      return Effect.whileLoop({
        while: () => !isOver(),
        body: () => {
          counts.asked++
          counts.inFlight++
          return Effect.andThen(call(fiber, turn++), Effect.sleep(least + Math.random() * (most - least)))
        },
        step: () => {
          counts.inFlight--
        }
      })
    }
    const running = yield* Effect.forkScoped(
      Effect.forEach(Array.from({ length: fibers }), (_, fiber) => borrower(fiber), {
        concurrency: "unbounded",
        discard: true
      })
    )
    return { counts, done: Effect.asVoid(Fiber.await(running)) }
  })
