/** Fibers that share one pool: each asks for a line of its own again and again, and checks that it gets that line. */
import { Pool } from "@socketpool/core"
import { Effect, Fiber, Option, Random, Schedule } from "effect"
import type { Meter } from "./meter.js"

const decoder = new TextDecoder()

/** How long a fiber rests between two requests, in milliseconds: from 0 to this. */
const longestRest = 30

/** How long a fiber rests after a failure: 20 ms at first, 250 ms at most. */
const backoff = Schedule.exponential("20 millis").pipe(Schedule.union(Schedule.spaced("250 millis")), Schedule.jittered)

/** Sends a line that nobody else sends, and reads the answer. */
const ask = (line: string, meter: Meter) =>
  Effect.clockWith((clock) => {
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const asked = now()
    return Pool.use((connection) => {
      meter.leased(now() - asked)
      return connection.send(line).pipe(
        Effect.andThen(connection.recvUntil("\n")),
        Effect.tapError(() => Effect.sync(() => meter.failedInUse++)),
        Effect.ensuring(Effect.sync(() => meter.released()))
      )
    })
  }).pipe(
    Effect.tap((reply) => Effect.sync(() => decoder.decode(reply) === line ? meter.served++ : meter.wrong++)),
    Effect.tapError((error) => Effect.sync(() => meter.fail(error)))
  )

const worker = (name: string, meter: Meter, isOver: () => boolean) =>
  Effect.gen(function*() {
    for (let n = 1; !isOver(); n++) {
      yield* Effect.sleep(yield* Random.nextIntBetween(0, longestRest))
      yield* Effect.retry(ask(`${name}-${n}\n`, meter), { schedule: backoff, until: isOver }).pipe(Effect.ignore)
    }
  })

/**
 * Runs so many fibers until `time` ends. Then each finishes what it has begun, for which they have 10 seconds.
 * Succeeds with what `time` gave, and with whether all fibers ended.
 */
export const load = <A, E, R>(fibers: number, meter: Meter, time: Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.gen(function*() {
    const run = (yield* Random.nextIntBetween(0, 2 ** 32)).toString(36)
    let over = false
    const workers = yield* Effect.forEach(
      Array.from({ length: fibers }, (_, index) => `${run}-${index}`),
      (name) => Effect.forkScoped(worker(name, meter, () => over))
    )
    const result = yield* time
    over = true
    const ended = yield* Effect.timeoutOption(Fiber.awaitAll(workers), "10 seconds")
    return { result, ended: Option.isSome(ended) }
  }))
