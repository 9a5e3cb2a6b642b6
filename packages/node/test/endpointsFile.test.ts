import { EndpointsError } from "@socketpool/core"
import { TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Effect, Stream } from "effect"
import type { Options } from "../src/EndpointsFile.js"
import { type Files, watch } from "../src/internal/endpointsFile.js"
import { reading } from "./fixtures/resolvers.js"

const json = (...hosts: ReadonlyArray<string>) => JSON.stringify(hosts.map((host) => ({ host, port: 1 })))

/** A file in memory. `undefined` if there is none. */
const scripted = (first: string | undefined) => {
  const disk = {
    text: first,
    reads: 0,
    /** A step while the file is read, after its text has been taken. */
    meanwhile: () => {},
    canWatch: true,
    /** Watchers that are open, and folders that have been watched. */
    open: 0,
    folders: [] as Array<string>,
    change: () => {},
    fail: () => {}
  }
  const files: Files = {
    read: async () => {
      disk.reads++
      const { text } = disk
      disk.meanwhile()
      if (text === undefined) throw Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" })
      return text
    },
    watch: (folder, changed, failed) => {
      if (!disk.canWatch) throw new Error("no watcher left")
      disk.folders.push(folder)
      disk.open++
      disk.change = changed
      disk.fail = failed
      return { close: () => void disk.open-- }
    }
  }
  return { disk, files }
}

const path = "/etc/app/servers.json"

const discover = (first: string | undefined, options: Options = {}) =>
  Effect.gen(function*() {
    const { disk, files } = scripted(first)
    return { disk, ...yield* reading(watch(files, path, options)) }
  })

const failure = (text: string | undefined) =>
  Effect.gen(function*() {
    const { disk, files } = scripted(text)
    const error = yield* Effect.flip(Stream.runDrain(watch(files, path, {})))
    expect(error).toBeInstanceOf(EndpointsError)
    expect(disk.open).toBe(0)
    return error
  })

describe("EndpointsFile.watch", () => {
  it.scoped("emits the endpoints of the file, with the defaults filled in", () =>
    Effect.gen(function*() {
      const { disk, sets } = yield* discover("[{ \"host\": \"10.0.0.1\", \"port\": 6379, \"zone\": \"a\" }]")
      expect(sets).toEqual([[{ host: "10.0.0.1", port: 6379, weight: 1, tier: 0, zone: "a", id: "10.0.0.1:6379" }]])
      expect(disk.folders).toEqual(["/etc/app"])
    }))

  for (
    const [what, options, millis] of [["5 seconds", {}, 5_000], [
      "the interval",
      { interval: "1 minute" },
      60_000
    ]] as const
  ) {
    it.scoped(`reads again after ${what}, although nothing has told of a change`, () =>
      Effect.gen(function*() {
        const { disk, hosts } = yield* discover(json("a"), options)
        disk.text = json("a", "b")
        yield* TestClock.adjust(millis - 1)
        expect(disk.reads).toBe(1)
        yield* TestClock.adjust(1)
        expect(hosts()).toEqual([["a"], ["a", "b"]])
        yield* TestClock.adjust(millis)
        expect(disk.reads).toBe(3)
        expect(hosts()).toHaveLength(2)
      }))
  }

  it.scoped("reads again 50 milliseconds after a change", () =>
    Effect.gen(function*() {
      const { disk, hosts } = yield* discover(json("a"), { interval: "1 hour" })
      disk.text = json("b")
      disk.change()
      disk.change()
      yield* TestClock.adjust(49)
      expect(disk.reads).toBe(1)
      yield* TestClock.adjust(1)
      expect(hosts()).toEqual([["a"], ["b"]])
      yield* TestClock.adjust("59 minutes")
      expect(disk.reads).toBe(2)
      disk.text = json("c")
      disk.change()
      yield* TestClock.adjust(50)
      expect(hosts()).toEqual([["a"], ["b"], ["c"]])
    }))

  it.scoped("reads again after a change that comes while it reads", () =>
    Effect.gen(function*() {
      const { disk, hosts } = yield* discover(json("a"), { interval: "1 hour" })
      disk.meanwhile = () => {
        disk.meanwhile = () => {}
        disk.text = json("c")
        disk.change()
      }
      disk.text = json("b")
      disk.change()
      yield* TestClock.adjust("1 second")
      expect(hosts()).toEqual([["a"], ["b"], ["c"]])
    }))

  it.scoped("emits nothing if the same endpoints come in another order", () =>
    Effect.gen(function*() {
      const { disk, hosts } = yield* discover(json("a", "b"))
      disk.text = ` ${json("b", "a")}`
      yield* TestClock.adjust("1 minute")
      expect(hosts()).toEqual([["a", "b"]])
    }))

  it.scoped("emits an empty set", () =>
    Effect.gen(function*() {
      const { disk, sets } = yield* discover(json("a"))
      disk.text = "[]"
      yield* TestClock.adjust("5 seconds")
      expect(sets).toHaveLength(2)
      expect(sets[1]).toEqual([])
    }))

  it.scoped("keeps the last set while the file is of no use, and warns once of each reason", () =>
    Effect.gen(function*() {
      const { disk, hosts, logged, warnings } = yield* discover(json("a"))
      for (const text of [undefined, "{", "[{}]"]) {
        disk.text = text
        yield* TestClock.adjust("1 minute")
      }
      expect(hosts()).toEqual([["a"]])
      expect(warnings().map((line) => line.replace(/ See https.*/, ""))).toEqual([
        "WARN EndpointsFile.watch of /etc/app/servers.json: the last endpoints stay in use. Endpoints of the file " +
        "/etc/app/servers.json: Unreadable: ENOENT: no such file. Does it exist, and may this process read it?",
        "WARN EndpointsFile.watch of /etc/app/servers.json: the last endpoints stay in use. Endpoints of the file " +
        `/etc/app/servers.json: Malformed: ${syntaxError("{")}. Write a JSON array of endpoints, such as ` +
        "[{ \"host\": \"10.0.0.1\", \"port\": 6379 }].",
        "WARN EndpointsFile.watch of /etc/app/servers.json: the last endpoints stay in use. Endpoints of the file " +
        "/etc/app/servers.json: Invalid: endpoints[0].host must be a string that is not empty, but is undefined. " +
        "Correct that endpoint, and publish the whole set again."
      ])
      disk.text = json("b")
      yield* TestClock.adjust("5 seconds")
      expect(hosts()).toEqual([["a"], ["b"]])
      expect(logged.at(-1)).toBe("INFO EndpointsFile.watch of /etc/app/servers.json: found again")
    }))

  it.scoped("reads every interval if the folder cannot be watched, and watches it once it can", () =>
    Effect.gen(function*() {
      const { disk, files } = scripted(json("a"))
      disk.canWatch = false
      const { hosts } = yield* reading(watch(files, path, {}))
      disk.text = json("b")
      yield* TestClock.adjust("5 seconds")
      expect(hosts()).toEqual([["a"], ["b"]])
      disk.canWatch = true
      yield* TestClock.adjust("5 seconds")
      expect(disk.open).toBe(1)
      disk.text = json("c")
      disk.change()
      yield* TestClock.adjust(50)
      expect(hosts()).toHaveLength(3)
    }))

  it.scoped("watches the folder anew after the watcher has failed", () =>
    Effect.gen(function*() {
      const { disk } = yield* discover(json("a"))
      disk.fail()
      expect(disk.open).toBe(0)
      yield* TestClock.adjust("5 seconds")
      expect(disk.open).toBe(1)
    }))

  it.scoped("closes the watcher when it is interrupted", () =>
    Effect.gen(function*() {
      const { disk, stop } = yield* discover(json("a"))
      expect(disk.open).toBe(1)
      yield* stop
      expect(disk.open).toBe(0)
    }))

  it.effect("fails at the start if there is no file", () =>
    Effect.gen(function*() {
      expect({ ...yield* failure(undefined) }).toEqual({
        _tag: "EndpointsError",
        reason: "Unreadable",
        source: "the file /etc/app/servers.json",
        detail: "ENOENT: no such file",
        code: "ENOENT"
      })
    }))

  it.effect("fails at the start if the file has no JSON, and does not show what it has", () =>
    Effect.gen(function*() {
      for (const text of ["hunter2", "[hunter2]", "\"hunter2\"hunter2", ""]) {
        const error = yield* failure(text)
        expect(error.reason).toBe("Malformed")
        expect(error.message).not.toContain("unter")
      }
    }))

  it.effect("fails at the start if the file has no endpoints, and says what is wrong", () =>
    Effect.gen(function*() {
      expect(yield* failure("{}")).toMatchObject({
        reason: "Malformed",
        detail: "endpoints must be an array of endpoints, but is an object"
      })
      expect(yield* failure("[{ \"host\": \"a\", \"prot\": 1 }]")).toMatchObject({
        reason: "Invalid",
        detail: "endpoints[0].prot is not an option: did you mean port?"
      })
    }))
})

/** As this version of Node says it. */
const syntaxError = (text: string): string => {
  try {
    JSON.parse(text)
    return ""
  } catch (error) {
    return (error as SyntaxError).message
  }
}
