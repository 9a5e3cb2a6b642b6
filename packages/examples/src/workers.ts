/** A pool of worker threads: no sockets, but slow to start and worth keeping. */
import { NodeRuntime } from "@effect/platform-node"
import { Pool } from "@socketpool/core"
import { Console, Data, Effect } from "effect"
import { Worker } from "node:worker_threads"

/** A thread ended, or never started. */
export class ThreadError extends Data.TaggedError("ThreadError")<{ readonly cause: unknown }> {}

/** A thread that counts primes, one request at a time. */
export interface PrimeCounter {
  readonly thread: Worker
  readonly primesBelow: (limit: number) => Effect.Effect<number, ThreadError>
}

const code = `
  const { parentPort } = require("node:worker_threads")
  const isPrime = (n) => {
    for (let d = 2; d * d <= n; d++) if (n % d === 0) return false
    return n > 1
  }
  parentPort.on("message", (limit) => {
    let primes = 0
    for (let n = 2; n < limit; n++) if (isPrime(n)) primes++
    parentPort.postMessage(primes)
  })
`

/** Waits for a thread's next message (or its start), and fails if the thread ends first. */
const next = <A>(thread: Worker, event: "message" | "online"): Effect.Effect<A, ThreadError> =>
  Effect.async((resume) => {
    const settle = (result: Effect.Effect<A, ThreadError>) => {
      cleanUp()
      resume(result)
    }
    const onEvent = (value: A) => settle(Effect.succeed(value))
    const onEnd = (cause: unknown) => settle(Effect.fail(new ThreadError({ cause })))
    const cleanUp = () => {
      thread.off(event, onEvent).off("error", onEnd).off("exit", onEnd)
    }
    thread.on(event, onEvent).on("error", onEnd).on("exit", onEnd)
    return Effect.sync(cleanUp)
  })

const ended = (thread: Worker): Effect.Effect<void> =>
  Effect.async((resume) => {
    const onExit = () => resume(Effect.void)
    thread.once("exit", onExit)
    return Effect.sync(() => thread.off("exit", onExit))
  })

const open = Effect.gen(function*() {
  const thread = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(code, { eval: true })),
    (thread) => Effect.promise(() => thread.terminate())
  )
  yield* next(thread, "online")
  const primesBelow = (limit: number) =>
    Effect.suspend(() => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows, not for threads
      thread.postMessage(limit)
      return next<number>(thread, "message")
    })
  const counter: PrimeCounter = { thread, primesBelow }
  return counter
})

/** A tag of its own, so that a program can have this pool and a socket pool. */
export class PrimeCounters extends Pool.Service<PrimeCounters, PrimeCounter, ThreadError>()("examples/PrimeCounters") {}

/**
 * A thread that ends leaves the pool at once. A thread whose borrower was interrupted may still be counting, so the
 * pool closes it. The pool does so with every resource, except sockets, after an interruption or a defect.
 */
export const PrimeCountersLive = PrimeCounters.layer({
  name: "prime counters",
  open,
  // A thread that has ended has the id -1.
  isConnected: ({ thread }) => thread.threadId !== -1,
  closed: ({ thread }) => ended(thread),
  maxConnections: 2,
  acquireTimeout: "1 minute"
})

/** Counts the primes below each limit, on all threads of the pool. */
export const program = Effect.forEach(
  [10_000, 20_000, 30_000, 40_000],
  (limit) => PrimeCounters.use((counter) => counter.primesBelow(limit)),
  { concurrency: "unbounded" }
)

if (process.argv[1] === import.meta.filename) {
  NodeRuntime.runMain(Effect.flatMap(program, Console.log).pipe(Effect.provide(PrimeCountersLive)))
}
