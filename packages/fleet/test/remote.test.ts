// The session of a process with the server of its budget: when the process learns that others may get its places.
import { fork, TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Deferred, Effect, Fiber, Scope } from "effect"
import type { Answer } from "../src/FleetBudget.js"
import { connected, nothing, RemoteStore } from "../src/internal/remote.js"

const answer: Answer = { held: 0, shed: 0, othersWant: 0, limit: 1, holders: [], waitMillis: Infinity }

interface Session {
  readonly closed: Effect.Effect<void>
}

/** A store whose sessions all end at the same moment, and whose calls do what the test says. */
class Scripted extends RemoteStore<Session> {
  opened = 0
  closed = 0
  call: Effect.Effect<Answer, string> = Effect.succeed(answer)

  constructor(private readonly end: Deferred.Deferred<void>, signals: Array<string>) {
    super("A script", "fleet", 1_000, (signal) => void signals.push(signal))
  }

  protected open(scope: Scope.Scope): Effect.Effect<Session> {
    return Effect.gen(this, function*() {
      this.opened++
      yield* Scope.addFinalizer(scope, Effect.sync(() => void this.closed++))
      return { closed: Deferred.await(this.end) }
    })
  }

  protected ask(): Effect.Effect<Answer, string> {
    return this.call
  }

  protected takeOut(): Effect.Effect<void> {
    return Effect.void
  }
}

const start = Effect.gen(function*() {
  const end = yield* Deferred.make<void>()
  const signals: Array<string> = []
  const scope = yield* Scope.make()
  const store = yield* Effect.provideService(connected(() => new Scripted(end, signals)), Scope.Scope, scope)
  return { store, signals, scope, end: Deferred.succeed(end, undefined) }
})

type Started = Effect.Effect.Success<typeof start>

const asks = ({ store }: Started) => Effect.exit(store.sync(nothing))

const ends: Record<string, (started: Started) => Effect.Effect<unknown>> = {
  "that ends while no call runs": ({ end }) => end,
  "that a failed call ends, and nothing else tells of its end": (started) => {
    started.store.call = Effect.fail("the server has ended the session")
    return asks(started)
  },
  "that ends during a call, which fails": (started) => {
    started.store.call = Effect.andThen(started.end, Effect.fail("the server has ended the session"))
    return asks(started)
  },
  "whose call takes too long": (started) => {
    started.store.call = Effect.never
    return Effect.flatMap(fork(asks(started)), (fiber) => Effect.andThen(TestClock.adjust(1), Fiber.interrupt(fiber)))
  }
}

describe("a session of a process", () => {
  it.scoped.each(Object.entries(ends))(
    "%s is closed, and the process is told once",
    ([, ends]) =>
      Effect.gen(function*() {
        const started = yield* start
        const { scope, signals, store } = started
        yield* asks(started)
        expect([signals, store.opened, store.closed]).toEqual([[], 1, 0])
        yield* ends(started)
        yield* TestClock.adjust(1)
        expect([signals, store.opened, store.closed]).toEqual([["Cut"], 1, 1])
        // The next call has another one.
        store.call = Effect.succeed(answer)
        yield* asks(started)
        expect(store.opened).toBe(2)
        yield* Scope.close(scope, yield* Effect.exit(Effect.void))
        expect(store.closed).toBe(2)
      })
  )

  it.scoped("is no cut for the process when its own budget closes", () =>
    Effect.gen(function*() {
      const started = yield* start
      yield* asks(started)
      yield* Scope.close(started.scope, yield* Effect.exit(Effect.void))
      yield* TestClock.adjust(1)
      expect([started.signals, started.store.closed]).toEqual([[], 1])
    }))
})
