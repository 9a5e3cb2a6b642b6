// Real sockets on a random loopback port, and the watcher by itself.
import { Dashboard } from "@socketpool/dashboard"
import { TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Deferred, Effect, Stream } from "effect"
import * as net from "node:net"
import * as Listen from "../src/internal/listen.js"
import { resolve } from "../src/internal/options.js"
import { maxReaders, type Watch, watch } from "../src/internal/watch.js"
import { Backend } from "./fixtures/backend.js"
import { ask, follow, until } from "./fixtures/http.js"

/** Opens raw connections, each of which sends `head` and reads nothing. */
const connections = (url: string, count: number, head = "") =>
  Effect.acquireRelease(
    Effect.sync(() =>
      Array.from({ length: count }, () => {
        const socket = net.connect(Number(new URL(url).port), "127.0.0.1")
        socket.on("error", () => {}).once("connect", () => socket.write(head))
        if (head !== "") socket.pause()
        return socket
      })
    ),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  )

describe("connections", () => {
  const heads = [
    ["that send nothing", ""],
    ["whose heads do not end", "GET / HTTP/1.1\r\nhost: localhost\r\n"],
    ["whose bodies do not end", "POST /api/pools/1/clear HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{"]
  ] as const

  it.scopedLive.each(heads)(
    "%s take at most 128 descriptors and shut nobody out",
    ([, head]) =>
      Effect.gen(function*() {
        const { url } = yield* Dashboard.serve({ port: 0 })
        const sockets = yield* connections(url, 400, head)
        sockets.forEach((socket) => socket.resume())
        yield* until(() => sockets.filter(({ destroyed, readableEnded }) => !destroyed && !readableEnded).length <= 128)
        expect((yield* ask(`${url}api/pools`)).status).toBe(200)
      })
  )

  it.scopedLive("take no more, also when each of them waits for an answer", () =>
    Effect.gen(function*() {
      const options = resolve({ port: 0 })
      const server = yield* Listen.server(options)
      const url = yield* Listen.listen(server, options, Effect.never)
      let requests = 0
      server.on("request", () => requests++)
      // One after the other, so that none waits without a request.
      for (let i = 1; i <= 128; i++) {
        yield* connections(url, 1, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        yield* until(() => requests === i)
      }
      const [last] = yield* connections(url, 1)
      yield* until(() => last!.destroyed || last!.readableEnded)
    }))
})

/** Adds a reader that goes on reading, or stops after its first frame. */
const reader = (watch: Watch, cut: () => void, isStuck = false) =>
  Effect.gen(function*() {
    const frames = yield* watch.subscribe(cut)
    if (frames === undefined) return false
    const hasRead = yield* Deferred.make<void>()
    yield* Effect.forkScoped(
      Stream.runForEach(frames, () =>
        Effect.andThen(Deferred.succeed(hasRead, undefined), isStuck ? Effect.never : Effect.void))
    )
    yield* Deferred.await(hasRead)
    return true
  })

const full = (stuck: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const watching = yield* watch(resolve({ interval: "50 millis" }))
    const cut: Array<number> = []
    for (let i = 0; i < maxReaders; i++) yield* reader(watching, () => cut.push(i), stuck.includes(i))
    return { cut, watching }
  })

describe("a stream with as many readers as it serves", () => {
  it.scopedLive("cuts the one that has read nothing for longest, and no other", () =>
    Effect.gen(function*() {
      yield* new Backend().pool()
      const { cut, watching } = yield* full([9, 40])
      yield* Effect.repeat(reader(watching, () => {}), { until: (isAdded) => isAdded })
      expect(cut).toEqual([9])
      yield* Effect.repeat(reader(watching, () => {}), { until: (isAdded) => isAdded })
      expect(cut).toEqual([9, 40])
      expect(yield* reader(watching, () => {})).toBe(false)
    }))

  it.scoped("cuts the one of longest standing after a minute, for the system may hide that it reads nothing", () =>
    Effect.gen(function*() {
      const { cut, watching } = yield* full([])
      yield* TestClock.adjust("59 seconds")
      expect(yield* reader(watching, () => {})).toBe(false)
      yield* TestClock.adjust("1 second")
      expect(yield* reader(watching, () => {})).toBe(true)
      expect(cut).toEqual([0])
    }))

  it.scoped("cuts the connection of that one", () =>
    Effect.gen(function*() {
      const { url } = yield* Dashboard.serve({ port: 0 })
      const [oldest] = yield* Effect.all(Array.from({ length: maxReaders }, () => follow(`${url}api/stream`)))
      expect((yield* ask(`${url}api/stream`)).status).toBe(503)
      yield* TestClock.adjust("1 minute")
      expect((yield* follow(`${url}api/stream`)).status).toBe(200)
      yield* Effect.promise(() => oldest!.closed)
    }))
})
