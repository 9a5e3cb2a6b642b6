// A real server: Python, with Debian's python3-msgpack.
import { MsgpackRpc } from "@socketpool/msgpack-rpc"
import { yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, Stream } from "effect"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { isMissing, patiently, run } from "../../node/test/fixtures/realServer.js"

// Debian's own Python: another one on the path does not see Debian's packages.
const python = "/usr/bin/python3"

const installed = spawnSync(python, ["-c", "import msgpack"]).status === 0

const client = Effect.gen(function*() {
  const printed = yield* patiently(run({
    command: python,
    args: [path.join(import.meta.dirname, "fixtures/server.py")],
    ready: /port \d+\n/,
    stopWith: "SIGKILL"
  }))
  return yield* MsgpackRpc.make({ host: "127.0.0.1", port: Number(/port (\d+)/.exec(printed)![1]), maxConnections: 1 })
})

describe.skipIf(isMissing("python3-msgpack", installed))("a client of a Python server", () => {
  const values = [
    ...[null, true, false, 0, -1, 1.5, 65_536, 4_294_967_296, Number.MAX_SAFE_INTEGER, 2n ** 60n, 2n ** 64n - 1n],
    ...["", "ü€😀", "x".repeat(100_000), [], {}, { a: [{ b: null }] }]
  ]

  it.scopedLive("gets every value back as it was", () =>
    Effect.gen(function*() {
      const rpc = yield* client
      expect(yield* rpc.call("echo", values)).toEqual(values)
      const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 256)
      const [back, date] = (yield* rpc.call("echo", [bytes, new Date(1_234_567_890_123)])) as [Uint8Array, Date]
      expect(Buffer.compare(bytes, back)).toBe(0)
      expect(date).toEqual(new Date(1_234_567_890_123))
      expect(yield* rpc.call("epoch")).toEqual(new Date(0))
    }))

  it.scopedLive("sends whole numbers as integers", () =>
    Effect.gen(function*() {
      const rpc = yield* client
      const types = yield* rpc.call("types", [1, 1_700_000_000_000, -5_000_000_000, 2n ** 63n, 0.5, "", undefined])
      expect(types).toEqual(["int", "int", "int", "int", "float", "str", "NoneType"])
    }))

  it.scopedLive("fails with its structured errors, and answers its calls", () =>
    Effect.gen(function*() {
      const rpc = yield* client
      const error = yield* Effect.flip(rpc.call("nothing"))
      expect(error).toMatchObject({ _tag: "RpcError", error: { unknown: "nothing" } })
      yield* rpc.handle("double", ([n]) => Effect.succeed((n as number) * 2))
      const heard = yield* Effect.forkScoped(Stream.runHead(rpc.notifications))
      yield* yieldNow
      yield* rpc.call("call", ["double", [21]])
      expect(yield* Fiber.join(heard)).toMatchObject({ value: { method: "answered", params: [null, 42] } })
    }))
})
