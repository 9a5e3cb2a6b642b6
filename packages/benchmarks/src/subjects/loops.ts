/** The borrowers of a load that asks a server: each makes its requests one after another, and times them. */
import { Effect } from "effect"
import type { EchoLoad } from "../echo.js"

/** Borrowers that are loops of promises. */
export const promiseLoops = async (
  { borrowers, requests, took }: EchoLoad,
  request: (i: number, borrower: number) => Promise<unknown>
): Promise<void> => {
  const borrower = async (_: unknown, n: number) => {
    for (let i = 0; i < requests; i++) {
      const start = performance.now()
      await request(i, n)
      took(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: borrowers }, borrower))
}

/** Borrowers that are fibers. */
export const fiberLoops = (
  { borrowers, requests, took }: EchoLoad,
  request: (i: number) => Effect.Effect<unknown, unknown>
): Promise<void> => {
  const borrower = Effect.suspend(() => {
    let i = 0
    let start = 0
    return Effect.whileLoop({
      while: () => i < requests,
      body: () => {
        start = performance.now()
        return request(i)
      },
      step: () => {
        i++
        took(performance.now() - start)
      }
    })
  })
  const all = Effect.all(Array.from({ length: borrowers }, () => borrower), {
    concurrency: "unbounded",
    discard: true
  })
  return Effect.runPromise(all as Effect.Effect<void>)
}
