import type { ConnectionPool, PoolEvent } from "@socketpool/core"
import { fork } from "@socketpool/test-seam"
import { Effect, Stream } from "effect"
import { settled } from "./setup.js"

/** Subscribes to a pool's events; what has come so far, and the fiber that listens until the pool has closed. */
export const listen = <C, E>(pool: ConnectionPool<C, E>) =>
  Effect.gen(function*() {
    const events: Array<PoolEvent> = []
    const listener = yield* fork(
      Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event)))
    )
    yield* settled
    return { events, listener }
  })

/** The tags of events, in order. */
export const tags = (events: ReadonlyArray<PoolEvent>): ReadonlyArray<PoolEvent["_tag"]> =>
  events.map((event) => event._tag)
