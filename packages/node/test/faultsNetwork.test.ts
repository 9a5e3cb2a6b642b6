// Real sockets in networks of their own, with real faults. Needs Linux and the permission to create networks.
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { isLong } from "../../core/test/search.js"
import { bundled } from "../../tools/bundled/bundled.js"
import { ended } from "./fixtures/ended.js"

const program = path.join(import.meta.dirname, "fixtures", "networkFaults.ts")

/** Creates a network and a view of the file system for one process, in which any user is root. */
const apart = process.getuid?.() === 0 ? ["-nm"] : ["-nmr"]

const probe = `
  ip link set lo up
  ip link add here type veth peer name there
  mount --bind /etc/hosts /etc/resolv.conf
  nsenter -t $$ -n true
`

const isImpossible = ((): boolean => {
  const { error, status, stderr } = spawnSync("unshare", [...apart, "sh", "-ec", probe], { encoding: "utf8" })
  if (status === 0) return false
  process.stdout.write(`No network can be made here, its tests are SKIPPED: ${String(error ?? stderr).trim()}\n`)
  return true
})()

/** Runs a program in a network of its own. Returns its exit code and the lines that it has printed. */
const run = (what: string) =>
  Effect.gen(function*() {
    const bundle = yield* Effect.promise(() => bundled(program))
    const { code, output } = yield* ended("unshare", [...apart, process.execPath, bundle, what], 300_000)
    return { code, said: output.trim().split("\n") }
  })

// All at once, because most of the time is spent on waiting for kernels. The longest comes first.
describe.skipIf(isImpossible)("a pool in a network", { concurrent: true, timeout: 360_000 }, () => {
  it.live.runIf(isLong)(
    "whose middlebox drops every flow notices by timeout, by the kernel or by keepAlive, and reopens",
    () =>
      Effect.gen(function*() {
        expect(yield* run("middlebox")).toEqual({
          code: 0,
          said: [
            "limited: ConnectionError Timeout without a code, read" +
            "; then ConnectError Timeout without a code; then ConnectError Timeout ETIMEDOUT",
            "reader: ConnectionError Timeout ETIMEDOUT, read",
            "writer: ConnectionError Timeout ETIMEDOUT, write",
            "asked: opened 1, failed 0, in use 0, idle 0, pending 0, Disconnected 1",
            // Nobody ever notices.
            "unasked: opened 1, failed 0, in use 0, idle 1, pending 0",
            "heard: before",
            "limited: after, opened 2, failed 1, in use 0, idle 1, pending 0, Discarded 1",
            "reader: after, opened 2, failed 0, in use 0, idle 1, pending 0, Disconnected 1",
            "writer: after, opened 2, failed 0, in use 0, idle 1, pending 0, Disconnected 1",
            "asked: after, opened 2, failed 0, in use 0, idle 1, pending 0, Disconnected 1",
            "unasked: after, opened 1, failed 0, in use 0, idle 1, pending 0",
            "unopened: after, opened 1, failed 1, in use 0, idle 1, pending 0"
          ]
        })
      })
  )

  it.live.runIf(isLong)(
    "that loses the answers fails at the timeout, and the server has executed each request once",
    () =>
      Effect.gen(function*() {
        expect(yield* run("answers")).toEqual({
          code: 0,
          said: [
            "order 1",
            "ConnectionError Timeout without a code, read",
            "ConnectionError Timeout without a code, read",
            "ConnectError Timeout without a code",
            "order 5",
            "the server has done order 1, order 2, order 3, order 5",
            "opened 3, failed 1, in use 0, idle 1, pending 0, Discarded 2"
          ]
        })
      })
  )

  it.live.runIf(isLong)(
    "whose resolver is silent or dead fails with Dns or at connectTimeout, and needs none for an address",
    () =>
      Effect.gen(function*() {
        expect(yield* run("names")).toEqual({
          code: 0,
          said: [
            "silent: ConnectError Timeout without a code",
            "needs no name: opened 1, failed 0, in use 0, idle 1, pending 0",
            "the other one waits",
            "without help: ConnectError Dns EAI_AGAIN",
            "no such name: ConnectError Dns ENOTFOUND",
            "dead: ConnectError Dns EAI_AGAIN",
            "silent for longer than the system waits: ConnectError Dns EAI_AGAIN",
            "found: opened 1, failed 4, in use 0, idle 1, pending 0",
            "found: opened 1, failed 1, in use 0, idle 1, pending 0"
          ]
        })
      })
  )

  it.live("without a route to the server fails with Unreachable and the code, until there is one", () =>
    Effect.gen(function*() {
      expect(yield* run("unreachable")).toEqual({
        code: 0,
        said: [
          "ConnectError Unreachable EHOSTUNREACH" +
          ", 198.51.100.7:9000 EHOSTUNREACH, 203.0.113.7:9000 EACCES, 192.0.2.7:9000 ENETUNREACH",
          "by the last address: opened 1, failed 0, in use 0, idle 1, pending 0",
          "ConnectError Unreachable EHOSTUNREACH",
          "there again: opened 1, failed 3, in use 0, idle 1, pending 0",
          "ConnectError Unreachable EACCES",
          "there again: opened 1, failed 3, in use 0, idle 1, pending 0",
          "ConnectError Unreachable ENETUNREACH",
          "there again: opened 1, failed 3, in use 0, idle 1, pending 0"
        ]
      })
    }))

  it.live.runIf(isLong)(
    "whose router cannot reach the server fails with Unreachable, or uses another address",
    () =>
      Effect.gen(function*() {
        expect(yield* run("router")).toEqual({
          code: 0,
          said: [
            "ConnectError Unreachable EHOSTUNREACH",
            "opened 0, failed 1, in use 0, idle 0, pending 0",
            "by the last address: opened 1, failed 0, in use 0, idle 1, pending 0"
          ]
        })
      })
  )

  it.live("without a free port fails with LocalResources, harms no holder, and recovers once there are ports", () =>
    Effect.gen(function*() {
      expect(yield* run("ports")).toEqual({
        code: 0,
        said: [
          "ConnectError LocalResources EADDRNOTAVAIL",
          "opened 4, failed 4, in use 4, idle 0, pending 0",
          "unharmed, unharmed, unharmed, unharmed",
          "served, served",
          "opened 6, failed 4, in use 0, idle 6, pending 0"
        ]
      })
    }))
})
