// Real files, and the watcher of the system.
import type { Endpoint } from "@socketpool/core"
import { EndpointsFile } from "@socketpool/node"
import { fork } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Stream } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { directory } from "./fixtures/realServer.js"
import { eventually } from "./fixtures/server.js"

const json = (...hosts: ReadonlyArray<string>) => JSON.stringify(hosts.map((host) => ({ host, port: 1 })))

/** Reads a file's endpoints. Returns how to wait until the last set has exactly these hosts. */
const reading = (file: string, options?: EndpointsFile.Options) =>
  Effect.gen(function*() {
    const sets: Array<ReadonlyArray<Endpoint>> = []
    yield* fork(Stream.runForEach(EndpointsFile.watch(file, options), (set) => Effect.sync(() => sets.push(set))))
    const last = () => (sets.at(-1) ?? []).map(({ host }) => host).join(" ")
    return { sets, has: (hosts: string) => eventually(`it has ${hosts}`, () => last() === hosts) }
  })

/** Only the watcher can tell of a change. */
const never = { interval: "1 day" } as const

describe("a real file of endpoints", () => {
  it.scopedLive("is read again when it is written, replaced, removed and made anew", () =>
    Effect.gen(function*() {
      const folder = yield* directory("endpoints")
      const file = path.join(folder, "servers.json")
      fs.writeFileSync(file, json("a"))
      const { has, sets } = yield* reading(file, never)
      yield* has("a")
      fs.writeFileSync(file, json("b"))
      yield* has("b")
      fs.writeFileSync(`${file}.new`, json("c"))
      fs.renameSync(`${file}.new`, file)
      yield* has("c")
      fs.rmSync(file)
      fs.writeFileSync(file, json("d"))
      yield* has("d")
      expect(sets).toHaveLength(4)
    }))

  it.scopedLive("is read again when Kubernetes swaps the link to the folder of a ConfigMap", () =>
    Effect.gen(function*() {
      const folder = yield* directory("endpoints")
      const at = (...names: ReadonlyArray<string>) => path.join(folder, ...names)
      const publish = (version: string, text: string) => {
        fs.mkdirSync(at(version))
        fs.writeFileSync(at(version, "servers.json"), text)
        fs.symlinkSync(version, at("..data_tmp"))
        fs.renameSync(at("..data_tmp"), at("..data"))
      }
      publish("..1", json("a"))
      fs.symlinkSync(path.join("..data", "servers.json"), at("servers.json"))
      const { has } = yield* reading(at("servers.json"), never)
      yield* has("a")
      publish("..2", json("b"))
      yield* has("b")
      publish("..3", json("c"))
      yield* has("c")
    }))

  it.scopedLive("is read again every interval if it is a link to a file elsewhere", () =>
    Effect.gen(function*() {
      const [folder, elsewhere] = [yield* directory("endpoints"), yield* directory("endpoints")]
      const target = path.join(elsewhere, "servers.json")
      fs.writeFileSync(target, json("a"))
      fs.symlinkSync(target, path.join(folder, "servers.json"))
      const { has } = yield* reading(path.join(folder, "servers.json"), { interval: "20 millis" })
      yield* has("a")
      fs.writeFileSync(target, json("b"))
      yield* has("b")
    }))

  it.scopedLive("is found again after its folder was removed", () =>
    Effect.gen(function*() {
      const folder = path.join(yield* directory("endpoints"), "conf")
      const file = path.join(folder, "servers.json")
      fs.mkdirSync(folder)
      fs.writeFileSync(file, json("a"))
      const { has } = yield* reading(file, { interval: "20 millis" })
      yield* has("a")
      fs.rmSync(folder, { recursive: true })
      fs.mkdirSync(folder)
      fs.writeFileSync(file, json("b"))
      yield* has("b")
    }))

  it.scopedLive("fails at the start if it is not there", () =>
    Effect.gen(function*() {
      const folder = yield* directory("endpoints")
      const error = yield* Effect.flip(Stream.runDrain(EndpointsFile.watch(path.join(folder, "none.json"))))
      expect(error).toMatchObject({ reason: "Unreadable", code: "ENOENT" })
    }))
})
