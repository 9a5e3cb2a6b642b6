// The pool hears of connections that end by themselves, whenever that is.
import { type Transport, TransportPool, TransportSession } from "@socketpool/core"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Effect } from "effect"
import { settled } from "../setup.js"

const nowhere = { _tag: "UnixAddress", path: "/nowhere" } as const

/** A transport whose peer says nothing. `breaks` is when it ends. */
const makeTransport = (breaks: "AtOnce" | "Later") => {
  let receiver: Transport.Receiver | undefined
  const end = () => receiver!.failed({ reason: "Reset" })
  const transport: Transport.Transport = {
    address: "nowhere",
    localAddress: nowhere,
    remoteAddress: nowhere,
    start: (given) => {
      receiver = given
      if (breaks === "AtOnce") end()
    },
    isOpen: true,
    write: () => true,
    isFull: false,
    flushNow: () => true,
    flush: (done) => done(),
    hold: () => {},
    hasUnread: false,
    shutdown: () => {},
    close: (_how, done) => done()
  }
  return { transport, end }
}

const open = (transport: Transport.Transport) =>
(
  finish: (session: TransportSession.TransportSession<any, any>) => Effect.Effect<any, any>
) =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => TransportSession.make({ transport })),
      (session) => session.close
    ),
    finish
  )

describe("a connection that ends", () => {
  it.scoped("before the pool looks at it closes", () =>
    Effect.gen(function*() {
      const { transport } = makeTransport("AtOnce")
      const pool = yield* TransportPool.make({ open: open(transport), initialConnections: 1 })
      yield* settled
      expect(yield* pool.stats).toMatchObject({ idle: 0, opened: 1, closed: { Disconnected: 1 } })
    }))

  it.scoped("in the middle of somebody's step closes in a later one", () =>
    Effect.gen(function*() {
      const { end, transport } = makeTransport("Later")
      const pool = yield* TransportPool.make({ open: open(transport), initialConnections: 1 })
      yield* settled
      const inThatStep = yield* Effect.sync(() => {
        end()
        return Effect.runSync(pool.stats)
      })
      expect(inThatStep).toMatchObject({ idle: 1, closed: { Disconnected: 0 } })
      yield* settled
      expect(yield* pool.stats).toMatchObject({ idle: 0, closed: { Disconnected: 1 } })
    }))
})
