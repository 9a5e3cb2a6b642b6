/** Many fibers that each ask their own question again and again, and look whether the answer is theirs. */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectionPool } from "@socketpool/core/Pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { tally } from "./failure.js"

export interface Books {
  asked: number
  answered: number
  /** Answers that were somebody else's. */
  wrong: number
  /** Questions that failed, by what they failed with. */
  readonly failed: Map<string, number>
  /** Questions that are out. */
  out: number
}

const spans = ["GET /orders", "GET /orders/:id", "POST /orders", "GET /customers/:id", "POST /payments"]

/** Starts so many fibers, which go on until the scope closes or `stop` says so. */
export const start = (
  pool: ConnectionPool<Connection, any>,
  fibers: number,
  isOver: () => boolean
): Effect.Effect<{ readonly books: Books; readonly done: Effect.Effect<void> }, never, Scope.Scope> =>
  Effect.gen(function*() {
    const books: Books = { asked: 0, answered: 0, wrong: 0, failed: new Map(), out: 0 }
    const ask = (fiber: number, turn: number) => {
      const question = `${fiber}:${turn}\n`
      return pool.use((connection) =>
        Effect.zipRight(connection.send(question), connection.recvUntil("\n", { maxBytes: 64 }))
      ).pipe(
        Effect.matchEffect({
          onFailure: (error) => Effect.sync(() => tally(books.failed, error)),
          onSuccess: (answer) =>
            Effect.sync(() => {
              books.answered++
              if (`${new TextDecoder().decode(answer).trimEnd()}\n` !== question) books.wrong++
            })
        }),
        Effect.withSpan(spans[fiber % spans.length]!)
      )
    }
    const borrower = (fiber: number) => {
      let turn = 0
      return Effect.whileLoop({
        while: () => !isOver(),
        body: () => {
          books.asked++
          books.out++
          return Effect.zipRight(ask(fiber, turn++), Effect.sleep(5 + Math.random() * 40))
        },
        step: () => {
          books.out--
        }
      })
    }
    const running = yield* Effect.forkScoped(
      Effect.forEach(Array.from({ length: fibers }), (_, fiber) => borrower(fiber), {
        concurrency: "unbounded",
        discard: true
      })
    )
    return { books, done: Effect.asVoid(running.await) }
  })
