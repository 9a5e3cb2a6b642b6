// Exclusive leases: a connection that nobody else has, in a pool whose connections are shared.
import { describe, it } from "@socketpool/test-seam/virtual"
import { Effect } from "effect"
import { played, type Scene, stage } from "./exclusive/stage.js"

const manual = ["+a +b +c", "a1 b1 c2"] as const

describe("an exclusive borrower", () => {
  const scenes: ReadonlyArray<Scene> = [
    ["takes an idle connection, and shares it with nobody", {}, [
      ["+a +b +c -c", "a1 b1"],
      ["+X", "a1 b1 X2"],
      ["+d", "a1 b1 X2 d?"],
      ["-X", "a1 b1 d2"]
    ]],
    ["has one opened where there is room, although others have places free", {}, [
      ["+a", "a1"],
      ["+X", "a1 X2"],
      ["+b", "a1 X2 b1"]
    ]],
    ["waits for the connection with the fewest leases, which takes no other", { concurrency: 3 }, [
      ["+a +b +c +d -a", "b1 c1 d2"],
      ["+X", "b1 c1 d2 X?"],
      ["+e", "b1 c1 d2 X? e1"],
      ["+f", "b1 c1 d2 X? e1 f?"],
      ["-b", "c1 d2 X? e1 f1"],
      ["-d", "c1 X2 e1 f1"]
    ]],
    ["takes another connection that is free before the reserved one", { concurrency: 3 }, [
      ["+a +b +c +d -a +X", "b1 c1 d2 X?"],
      ["-b -c", "d2 X1"],
      ["+e", "d2 X1 e2"]
    ]],
    ["stands in line with those who share", { maxConnections: 1, concurrency: 3 }, [
      ["+W +a +X +b +c", "W1 a? X? b? c?"],
      ["-W", "a1 X? b? c?"],
      ["-a", "X1 b? c?"],
      ["-X", "b1 c1"]
    ]],
    ["lets those behind it have the places of another connection as soon as they are free", {}, [
      ["+a +b +c +d +X +e", "a1 b1 c2 d2 X? e?"],
      ["-c", "a1 b1 d2 X? e2"],
      ["-a", "b1 d2 X? e2"],
      ["-b", "d2 X1 e2"]
    ]],
    ["has as many beside it as there are connections", {}, [
      ["+a +b +c +d +X +Y +Z +e", "a1 b1 c2 d2 X? Y? Z? e?"],
      ["-a -c", "b1 d2 X? Y? Z? e?"],
      ["-d", "b1 X2 Y? Z? e?"],
      ["-b", "X2 Y1 Z? e?"],
      ["-Y", "X2 Z1 e?"],
      ["-X", "Z1 e2"]
    ]],
    ["behind one who shares has nothing reserved", { maxConnections: 1, concurrency: 3 }, [
      ["+a +b +c +d +X", "a1 b1 c1 d? X?"],
      ["-a", "b1 c1 d1 X?"],
      ["-b", "c1 d1 X?"],
      ["+e", "c1 d1 X? e?"],
      ["-c -d", "X1 e?"],
      ["-X", "e1"]
    ]],
    ["is served by a connection that may be lent once more", { maxConnections: 1, maxUses: 3 }, [
      ["+a +b +X", "a1 b1 X?"],
      ["-a -b", "X1"],
      ["-X +c", "c2"]
    ]],
    ["is served by the next where the last lease was the last use", { maxConnections: 1, maxUses: 2 }, [
      ["+a +b +X +c", "a1 b1 X? c?"],
      ["-a", "b1 X? c?"],
      ["-b", "X2 c?"],
      ["-X", "c2"]
    ]],
    ["gets a connection once onRelease has decided", {
      maxConnections: 1,
      onRelease: () => Effect.as(Effect.sleep("1 second"), "keep")
    }, [
      ["+a +X -a", "X?"],
      ["wait:999", "X?"],
      ["wait:1", "X1"],
      ["-X wait:1000", ""]
    ]],
    ["gets another if onRelease discards what was reserved", {
      maxConnections: 1,
      onRelease: () => Effect.succeed("discard")
    }, [
      ["+a +X -a", "X2"]
    ]],
    ["gets an idle connection only if it answers", {
      maxConnections: 1,
      validateAfterIdle: 0,
      validate: ({ id }) => Effect.succeed(id > 1)
    }, [
      ["+a -a +X", "X2"],
      ["-X +Y", "Y2"]
    ]],
    ["in a pool without concurrency is like any other", { concurrency: 1, maxConnections: 1 }, [
      ["+a +X +b +Y", "a1 X? b? Y?"],
      ["-a", "X1 b? Y?"],
      ["-X", "b1 Y?"],
      ["-b", "Y1"]
    ]]
  ]
  it.scoped.each(scenes)("%s", played)
})

it.scoped("an exclusive borrower leaves the places of others to those behind it while one is opened for it", () =>
  Effect.gen(function*() {
    const { play } = yield* stage({}, { open: (attempt) => attempt === 1 ? "ok" : { slow: "1 second" } })
    yield* play(["+a +X +b +c", "a1 X? b1 c?"], ["-b", "a1 X? c1"], ["wait:1000", "a1 X2 c1"])
  }))

describe("a reservation", () => {
  const scenes: ReadonlyArray<Scene> = [
    ["ends with an interruption", { maxConnections: 1 }, [
      ["+a +X +b", "a1 X? b?"],
      ["!X", "a1 b1"]
    ]],
    ["ends with a timeout", { maxConnections: 1, acquireTimeout: "1 second" }, [
      ["+a +X wait:500 +b", "a1 X? b?"],
      ["wait:500", "a1 X:Timeout b1"]
    ]],
    ["is for the next when the first gives up", { maxConnections: 1 }, [
      ["+a +X +b +Y +c", "a1 X? b? Y? c?"],
      ["!X", "a1 b1 Y? c?"],
      ["-b", "a1 Y? c?"],
      ["-a", "Y1 c?"]
    ]],
    ["stays for one of two when the other gives up", {}, [
      ["+a +b +c +X +Y +d", "a1 b1 c2 X? Y? d?"],
      ["!X", "a1 b1 c2 Y? d?"],
      ["-a", "b1 c2 Y? d1"],
      ["-c", "b1 Y2 d1"]
    ]],
    ["ends when another connection has room", {}, [
      ["+a +b +c +X +d", "a1 b1 c2 X? d?"],
      ["resize:3", "a1 b1 c2 X3 d2"]
    ]],
    ["ends with a drop, whose place is for another connection", {}, [
      [...manual],
      ["+X drop:2", "a1 b1 c2 X3"],
      ["+d", "a1 b1 c2 X3 d?"],
      ["-a", "b1 c2 X3 d1"]
    ]],
    ["goes to another connection if its own is invalidated", {}, [
      [...manual],
      ["+X invalidate:2 -a +d", "b1 c2 X? d?"],
      ["-b", "c2 X1 d?"],
      ["-c", "X1 d3"]
    ]],
    ["goes to another connection if the peer of its own has gone", { closed: ({ closed }) => closed }, [
      [...manual],
      ["+X kill:2 -a +d", "b1 c2 X? d?"],
      ["-b", "c2 X1 d?"],
      ["-c", "X1 d3"]
    ]],
    ["gives way to the connection that is opened for what was lost", { closed: ({ closed }) => closed }, [
      [...manual],
      ["+X kill:2 -a +d", "b1 c2 X? d?"],
      ["-c", "b1 X3 d1"]
    ]],
    ["is as good as none after a clear: one of a new generation is opened for it", {}, [
      [...manual],
      ["+X +d clear", "a1 b1 c2 X? d?"],
      ["-c", "a1 b1 X3 d?"],
      ["-a -b", "X3 d4"]
    ]],
    ["goes to another connection if its own is too many after a resize", {}, [
      [...manual],
      ["+X resize:1 -c +d", "a1 b1 X? d?"],
      ["-a", "b1 X? d?"],
      ["-b", "X1 d?"],
      ["resize:2", "X1 d3"]
    ]],
    ["ends when the pool closes", {}, [
      [...manual],
      ["+X +d close", "a1 b1 c2 X:PoolClosedError d:PoolClosedError"]
    ]],
    ["counts for those that are asked again because another connection did not answer", {
      validateAfterIdle: 0,
      validate: ({ id }) => Effect.succeed(id > 2),
      maxConnections: 3
    }, [
      ["+a +b +c -c", "a1 b1"],
      ["+X", "a1 b1 X3"],
      ["+Y", "a1 b1 X3 Y4"],
      ["-a -b", "X3 Y4"]
    ]]
  ]
  it.scoped.each(scenes)("%s", played)

  it.scoped("ends when the open for another has failed and one succeeds", () =>
    Effect.gen(function*() {
      const { play } = yield* stage({ maxConnecting: 1, connectTimeout: "1 second" }, {
        open: (attempt) => attempt === 2 ? "never" : "ok"
      })
      yield* play(["+a +X +Y +b", "a1 X? Y? b?"], ["wait:1000", "a1 X:ConnectTimeoutError Y2 b1"])
    }))
})

describe("a failed open", () => {
  const orders: ReadonlyArray<readonly [arrivals: string, then: string]> = [
    ["+X +a", "X:ConnectTimeoutError a1"],
    ["+a +X", "a:ConnectTimeoutError X1"],
    ["+X +Y +a", "X:ConnectTimeoutError Y1 a2"]
  ]
  it.scoped.each(orders)("fails the oldest of %s", ([arrivals, then]) =>
    Effect.gen(function*() {
      const { play } = yield* stage({ maxConnecting: 1, connectTimeout: "1 second" }, {
        open: (attempt) => attempt === 1 ? "never" : "ok"
      })
      yield* play([`${arrivals} wait:1000`, then])
    }))

  // N17
  it.scoped("after which opens pause leaves it a connection that others have", () =>
    Effect.gen(function*() {
      const { play } = yield* stage({ isFatal: () => true }, { open: (attempt) => attempt === 2 ? "fail" : "ok" })
      yield* play(["+a +X", "a1 X:ScriptedOpenError"], ["+Y +b", "a1 X:ScriptedOpenError Y? b?"])
      yield* play(["-a", "X:ScriptedOpenError Y1 b?"], ["-Y", "X:ScriptedOpenError b1"])
    }))
})
