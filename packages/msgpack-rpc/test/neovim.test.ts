// A real server: Neovim, on a Unix socket.
import { MsgpackRpc } from "@socketpool/msgpack-rpc"
import { fork, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { directory, isMissing, patiently, run } from "../../node/test/fixtures/realServer.js"

const installed = spawnSync("nvim", ["--version"]).status === 0

const neovim = Effect.gen(function*() {
  const socket = path.join(yield* directory("neovim"), "nvim.sock")
  yield* patiently(run({
    command: "nvim",
    // It runs the command once it listens.
    args: ["--headless", "--clean", "--listen", socket, "-c", "echo 'listening'"],
    ready: "listening",
    stopWith: "SIGKILL"
  }))
  return yield* MsgpackRpc.make({ path: socket, maxConnections: 2 })
})

describe.skipIf(isMissing("neovim", installed))("a client of Neovim", () => {
  it.scopedLive("calls, with a schema and with large results", () =>
    Effect.gen(function*() {
      const rpc = yield* neovim
      expect(yield* rpc.call("nvim_eval", ["6 * 7"], { schema: Schema.Number })).toBe(42)
      expect(yield* rpc.call("nvim_eval", ["1099511627776"])).toBe(1_099_511_627_776)
      expect(yield* rpc.call("nvim_eval", ["9223372036854775807"])).toBe(9_223_372_036_854_775_807n)
      const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i} ü`)
      yield* rpc.call("nvim_buf_set_lines", [0, 0, -1, true, lines])
      expect(yield* rpc.call("nvim_buf_get_lines", [0, 0, -1, true])).toEqual(lines)
      // Neovim refuses a float where it wants an integer.
      yield* rpc.call("nvim_set_var", ["large", 1_700_000_000_000])
      expect(yield* rpc.call("nvim_eval", ["type(g:large)"])).toBe(0)
    }))

  it.scopedLive("fails with its errors, and keeps the connection", () =>
    Effect.gen(function*() {
      const rpc = yield* neovim
      for (let i = 0; i < 100; i++) {
        const error = yield* Effect.flip(rpc.call("nvim_command", ["nonsense"]))
        expect(error).toMatchObject({ _tag: "RpcError", error: [0, expect.stringContaining("E492")] })
      }
      expect(yield* rpc.pool.stats).toMatchObject({ opened: 1 })
    }))

  it.scopedLive("gets notifications, and answers calls", () =>
    Effect.gen(function*() {
      const rpc = yield* neovim
      const [channel] = yield* rpc.call("nvim_get_api_info", [], { schema: Schema.Array(Schema.Unknown) })
      const heard = yield* Effect.forkScoped(Stream.runHead(rpc.notifications))
      yield* yieldNow
      yield* rpc.call("nvim_command", [`call rpcnotify(${channel}, "event", 1, "two")`])
      expect(yield* Fiber.join(heard)).toMatchObject({ value: { method: "event", params: [1, "two"] } })

      yield* rpc.handle("double", ([n]) => Effect.succeed((n as number) * 2))
      yield* rpc.handle("refuse", () => Effect.fail("no"))
      expect(yield* rpc.call("nvim_eval", [`rpcrequest(${channel}, "double", 21)`])).toBe(42)
      const refused = yield* Effect.flip(rpc.call("nvim_eval", [`rpcrequest(${channel}, "refuse")`]))
      expect(refused.message).toContain("no")
    }))

  it.scopedLive("returns their own answers to 200 fibers, some of which are interrupted", () =>
    Effect.gen(function*() {
      const rpc = yield* neovim
      const answers = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, i) => i),
        (i) =>
          i % 3 === 0
            ? Effect.as(Effect.flatMap(fork(rpc.call("nvim_eval", [`${i} * 2`])), Fiber.interrupt), i * 2)
            : rpc.call("nvim_eval", [`${i} * 2`]),
        { concurrency: "unbounded" }
      )
      expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => i * 2))
      expect((yield* rpc.pool.stats).opened).toBeLessThanOrEqual(2)
    }))
})
