import { type Connection, ConnectionError } from "@socketpool/core"
import { exitOf, fork, forkDaemon, timeoutFail, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { ConnectionContract, MemoryConnection } from "@socketpool/testing"
import { Effect, Exit, Fiber } from "effect"

describe("a pair of connections in memory", () => {
  for (const { name, run } of ConnectionContract.checks({ pair: MemoryConnection.pair() })) {
    it.effect(name, () => run)
  }

  it.scoped("has a buffer of at least one byte", () =>
    Effect.gen(function*() {
      const [one, other] = yield* MemoryConnection.pair({ highWaterMark: 1 })
      yield* one.send("hello ")
      const sending = yield* fork(one.send("world"))
      yield* yieldNow
      expect(exitOf(sending)).toBeUndefined()
      yield* other.recvExactly(11)
      yield* Fiber.join(sending)
      const exit = yield* Effect.exit(Effect.scoped(MemoryConnection.pair({ highWaterMark: 0 })))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain(
        "highWaterMark must be a whole number of at least 1, but is 0"
      )
    }))
})

describe("the contract", () => {
  type Change = (connection: Connection) => Partial<Connection>
  const failure = (reason: ConnectionError["reason"]) =>
    new ConnectionError({ reason, operation: "read", address: "planted" })

  const defects: Record<string, Change> = {
    "cuts what it sends": ({ send }) => ({ send: (data, options) => send(data.slice(0, 200_000), options) }),
    "sends text as Latin-1": ({ send }) => ({
      send: (data, options) => send(typeof data === "string" ? Buffer.from(data, "latin1") : data, options)
    }),
    "returns more than maxBytes": ({ recv }) => ({ recv: (_, options) => recv(65_536, options) }),
    "returns fewer bytes than requested": ({ recv }) => ({
      recvExactly: (bytes, options) => recv(bytes, options)
    }),
    "ignores maxBytes of recvUntil": ({ recvUntil }) => ({
      recvUntil: (delimiter, options) => recvUntil(delimiter, { ...options, maxBytes: 1_000 })
    }),
    "loses bytes that arrive after a read was interrupted": ({ recv }) => ({
      recv: (bytes, options) => Effect.flatMap(forkDaemon(recv(bytes, options)), Fiber.join)
    }),
    "ignores the timeout of an operation": ({ recvExactly }) => ({
      recvExactly: (bytes) => timeoutFail(recvExactly(bytes), { duration: 50, onTimeout: () => failure("Reset") })
    }),
    "reports an end as a break": ({ recv, recvUntil }) => ({
      recv: (bytes, options) => Effect.mapError(recv(bytes, options), () => failure("Reset")),
      recvUntil: (delimiter, options) => Effect.mapError(recvUntil(delimiter, options), () => failure("Reset"))
    }),
    "accepts everything at once": ({ send }) => ({
      send: (data, options) => Effect.asVoid(forkDaemon(Effect.ignore(send(data, options))))
    }),
    "does not end its stream": () => ({ shutdown: Effect.void }),
    "is always connected": () => ({ isConnected: true })
  }

  /** Makes a connection that behaves like another one, except for a change. */
  const altered = (connection: Connection, change: Change): Connection => {
    const bound = new Proxy(connection, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === "function" ? value.bind(target) : value
      }
    })
    const changes = change(bound)
    return new Proxy(bound, { get: (target, name) => Reflect.get(name in changes ? changes : target, name) })
  }

  for (const [defect, change] of Object.entries(defects)) {
    it.live(`detects a connection that ${defect}`, () =>
      Effect.gen(function*() {
        const pair = Effect.map(
          MemoryConnection.pair(),
          ([one, other]) => [altered(one, change), altered(other, change)] as const
        )
        let found: string | undefined = undefined
        for (const { name, run } of ConnectionContract.checks({ pair })) {
          const exit = yield* Effect.exit(Effect.timeout(run, "1 second"))
          if (Exit.isFailure(exit)) found = name
          if (found !== undefined) break
        }
        expect(found).toBeDefined()
      }))
  }

  it("skips the checks for abilities that a transport lacks", () => {
    const names = (lacks: ReadonlyArray<ConnectionContract.Ability>) =>
      ConnectionContract.checks({ pair: MemoryConnection.pair(), lacks }).map(({ name }) => name)
    expect(names([]).filter((name) => !names(["BackPressure"]).includes(name))).toEqual([
      "holds a sender back while its peer does not read"
    ])
  })
})
