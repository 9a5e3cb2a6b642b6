// Deadlines of operations on connections, and their price if none passes: nearly nothing.
import { ConnectionError } from "@socketpool/core"
import type * as Transport from "@socketpool/core/Transport"
import * as TransportSession from "@socketpool/core/TransportSession"
import {
  clockLike,
  currentClock,
  type DurationInput,
  exitOf,
  fork,
  repeatN,
  TestClock,
  withClock,
  withFiber,
  yieldNow
} from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Clock, Duration, Effect, Fiber } from "effect"
import { sessionOf } from "../src/internal/transport/access.js"
import { Deadlines, type Timed } from "../src/internal/transport/deadlines.js"

const silent = MemoryServer.make(() => Effect.never)

/** Lets every fiber run until it waits. */
const settle = repeatN(yieldNow, 20)

/** A clock like another, but for what `sleep` does besides, or instead. */
const clockOf = (clock: Clock.Clock, onSleep: (millis: number) => Effect.Effect<void> | void): Clock.Clock =>
  clockLike(clock, { sleep: (duration) => onSleep(Duration.toMillis(duration)) ?? clock.sleep(duration) })

describe("the timeouts of many operations", () => {
  it.scoped("take one sleeping fiber for all of the same length, and none when all have ended", () =>
    Effect.gen(function*() {
      const asleep = new Set<object>()
      const clock = clockOf(yield* currentClock, (millis) =>
        Effect.suspend(() => {
          const sleep = { millis }
          asleep.add(sleep)
          return Effect.onInterrupt(Effect.never, () => Effect.sync(() => asleep.delete(sleep)))
        }))
      const server = yield* silent
      const connections = yield* Effect.all(Array.from({ length: 50 }, () => server.connect({ timeout: "1 minute" })))
      const read = (timeout?: DurationInput) =>
        Effect.forEach(
          connections,
          (connection) => fork(withClock(connection.recv(1, timeout === undefined ? {} : { timeout }), clock))
        )
      const readers = yield* read()
      const hasty = yield* read("1 second")
      yield* settle
      expect([...asleep]).toEqual([{ millis: 60_000 }, { millis: 1_000 }])
      yield* Fiber.interruptAll(hasty)
      yield* settle
      expect([...asleep]).toEqual([{ millis: 60_000 }])
      yield* Fiber.interruptAll(readers)
      yield* settle
      expect([...asleep]).toEqual([])
    }))

  it.scoped("start nothing for one who comes again and again", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.flatMap(peer.recv(), (data) => Effect.delay(peer.send(data), "1 second")))
      )
      const connection = yield* server.connect({ timeout: "1 minute" })
      const slept: Array<number> = []
      const clock = clockOf(yield* currentClock, (millis) => void slept.push(millis))
      const exchange = Effect.andThen(connection.send("ping"), connection.recvExactly(4))
      const client = yield* fork(withClock(repeatN(exchange, 29), clock))
      yield* TestClock.adjust("29 seconds")
      expect(exitOf(client)).toBeUndefined()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(client)
      expect(slept).toEqual([60_000])
    }))

  it.scoped("come each at its own moment, whatever ends before", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const connection = yield* server.connect()
      const start = yield* Clock.currentTimeMillis
      const ends: Record<string, number> = {}
      const reader = (millis: number, name = String(millis)) =>
        connection.recv(1, { timeout: millis }).pipe(
          Effect.flip,
          Effect.tap((error) =>
            Effect.map(Clock.currentTimeMillis, (now) => {
              expect(error).toMatchObject({ reason: "Timeout", operation: "read" })
              ends[name] = now - start
            })
          ),
          fork
        )
      yield* reader(300)
      yield* reader(100)
      const interrupted = yield* reader(50)
      yield* settle
      yield* TestClock.adjust(20)
      yield* reader(100, "100 from 20 on")
      yield* settle
      yield* Fiber.interrupt(interrupted)
      for (let i = 0; i < 40; i++) yield* TestClock.adjust(10)
      expect(ends).toEqual({ "100": 100, "100 from 20 on": 120, "300": 300 })
    }))

  it.scoped("end an operation that cannot be interrupted, too", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* silent).connect({ timeout: "1 second" })
      const reader = yield* fork(Effect.uninterruptible(Effect.flip(connection.recv())))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(reader)).toMatchObject({ reason: "Timeout" })
    }))

  it.scoped("are kept by the clock of who waits", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* silent).connect({ timeout: "1 second" })
      const slept: Array<number> = []
      const other = clockOf(yield* currentClock, (millis) => {
        slept.push(millis)
        return Effect.never
      })
      const reader = yield* fork(withClock(Effect.flip(connection.recv()), other))
      const usual = yield* fork(Effect.flip(connection.recv()))
      yield* settle
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(usual)).toMatchObject({ reason: "Timeout" })
      expect(exitOf(reader)).toBeUndefined()
      expect(slept).toEqual([1_000])
      yield* Fiber.interrupt(reader)
    }))

  it.scoped("keep their object for the next operation, but no more than a few that nobody uses", () =>
    withFiber((fiber) =>
      Effect.gen(function*() {
        const timed = (): Timed => ({
          prev: undefined,
          next: undefined,
          list: undefined,
          deadline: 0,
          onTimeout: () => {}
        })
        /** Adds an operation, and ends it by itself or by its deadline. */
        const once = (timeout: number, rings: boolean) =>
          Effect.gen(function*() {
            const deadlines = Deadlines.of(fiber, timeout)
            const operation = timed()
            deadlines.add(operation)
            yield* settle
            expect(Deadlines.of(fiber, timeout)).toBe(deadlines)
            if (rings) yield* TestClock.adjust(timeout)
            else deadlines.remove(operation)
            yield* settle
            return deadlines
          })
        const first = yield* once(12_345, false)
        expect(Deadlines.of(fiber, 12_345)).toBe(first)
        expect(yield* once(12_345, true)).toBe(first)
        expect(Deadlines.of(fiber, 12_345)).toBe(first)

        const timeouts = Array.from({ length: 100 }, (_, i) => 20_000 + i)
        const made = yield* Effect.forEach(timeouts, (timeout) => once(timeout, timeout % 2 === 0))
        const kept = timeouts.filter((timeout, i) => Deadlines.of(fiber, timeout) === made[i])
        expect(kept.length).toBeLessThan(20)
      })
    ))
})

/** A transport whose input the test gives; what has arrived comes in when it catches up. */
const scripted = () => {
  let receiver: Transport.Receiver | undefined
  let arrived: string | undefined
  const waiting = new Set<() => void>()
  const address = { _tag: "TcpAddress", hostname: "nowhere", port: 1 } as const
  const transport: Transport.Transport = {
    address: "nowhere:1",
    localAddress: address,
    remoteAddress: address,
    start: (given) => {
      receiver = given
    },
    isOpen: true,
    write: () => true,
    isFull: false,
    flushNow: () => true,
    flush: (done) => done(),
    hold: () => {},
    hasUnread: false,
    shutdown: () => {},
    close: (_how, done) => done(),
    catchUp: (done) => {
      waiting.add(done)
      return () => void waiting.delete(done)
    }
  }
  return {
    transport,
    waiting,
    arrive: (text: string) => {
      arrived = text
    },
    /** Reads what has arrived, and then calls back. */
    poll: () => {
      if (arrived !== undefined) receiver!.data(new TextEncoder().encode(arrived))
      for (const done of waiting) done()
    }
  }
}

describe("an operation whose time is over", () => {
  const overdue = Effect.gen(function*() {
    const script = scripted()
    const connection = yield* TransportSession.connection({ transport: script.transport, timeout: "1 second" })
    const reader = yield* fork(Effect.exit(connection.recvExactly(4)))
    yield* settle
    yield* TestClock.adjust("1 second")
    expect(script.waiting.size).toBe(1)
    expect(exitOf(reader)).toBeUndefined()
    return { ...script, connection, reader }
  })

  it.scoped("takes what has arrived by then", () =>
    Effect.gen(function*() {
      const { arrive, poll, reader, waiting } = yield* overdue
      arrive("late")
      poll()
      expect(yield* Effect.flatten(Fiber.join(reader))).toEqual(new TextEncoder().encode("late"))
      expect(waiting.size).toBe(0)
    }))

  it.scoped("fails if that is not enough, says how far it came, and leaves the connection unclean", () =>
    Effect.gen(function*() {
      const { arrive, connection, poll, reader } = yield* overdue
      arrive("la")
      poll()
      const error = yield* Effect.flip(Effect.flatten(Fiber.join(reader)))
      expect(error).toBeInstanceOf(ConnectionError)
      expect(error).toMatchObject({ reason: "Timeout", operation: "read", bytesIntoFrame: 2 })
      expect(sessionOf(connection).isClean).toBe(false)
      expect(sessionOf(connection).reads.hasReaders).toBe(false)
    }))

  it.scoped("can still be interrupted", () =>
    Effect.gen(function*() {
      const { arrive, connection, poll, reader, waiting } = yield* overdue
      yield* Fiber.interrupt(reader)
      expect(waiting.size).toBe(0)
      arrive("late")
      poll()
      expect(sessionOf(connection).isClean).toBe(false)
      expect(sessionOf(connection).reads.unread).toBe(4)
    }))
})
