// Real sockets on loopback: the memory that a peer can make this process use. Linux only.
import { Framing } from "@socketpool/core"
import { fork } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber } from "effect"
import type * as net from "node:net"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { socketsTo } from "./fixtures/census.js"
import { settled, withPool } from "./fixtures/faults.js"
import { eventually, serve, untilStuck } from "./fixtures/server.js"

v8.setFlagsFromString("--expose-gc")
const collect = vm.runInNewContext("gc") as () => void
const say = (line: string) => void process.stdout.write(`${line}\n`)
const megabyte = 1_048_576

/** Measures the memory in use after a garbage collection, on the heap and outside of it. */
const inUse = (): number => {
  collect()
  collect()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** The bytes that everything else may use, such as the test's own server and the tools. */
const slack = 16 * megabyte

const chunk = Buffer.alloc(65_536, "x")

/** Sends `start` and then one chunk without end, as fast as it is read. The chunk is shared, so it costs nothing. */
const endless = (total: number, start: Uint8Array = chunk) => {
  const count = { written: 0 }
  const behave = (socket: net.Socket) => {
    socket.write(start)
    const more = () => {
      while (count.written < total && !socket.destroyed) {
        count.written += chunk.length
        if (!socket.write(chunk)) return void socket.once("drain", more)
      }
    }
    more()
  }
  return { behave, count }
}

describe("the memory in use", () => {
  const limit = 8 * megabyte
  const prefix = Buffer.from([0x7f, 0xff, 0xff, 0xff])
  const framings = {
    "of data without a delimiter": [Framing.delimited("\n", { maxBytes: limit }), chunk],
    "of a frame that says it has 2 GiB": [Framing.lengthPrefixed({ bytes: 4, maxBytes: limit }), prefix]
  } as const

  for (const [what, [framing, start]] of Object.entries(framings)) {
    it.scopedLive(`${what} stays below twice maxBytes; the read fails with TooLarge and the connection closes`, () =>
      Effect.gen(function*() {
        const { behave, count } = endless(1_000 * megabyte, start)
        const server = yield* serve(behave)
        yield* withPool({ port: server.port, left: () => server.sockets.size }, {}, (pool) =>
          Effect.gen(function*() {
            const before = inUse()
            yield* pool.use((connection) =>
              Effect.gen(function*() {
                const error = yield* Effect.flip(Framing.over(connection, framing).recv)
                expect(error).toMatchObject({ _tag: "ConnectionError", operation: "read", reason: "TooLarge" })
                yield* untilStuck(() => count.written)
                const grown = inUse() - before
                say(`${what}: ${(grown / megabyte).toFixed(1)} MiB with maxBytes ${limit / megabyte} MiB`)
                expect(grown).toBeLessThan(2 * limit + slack)
                expect(count.written).toBeLessThan(100 * megabyte)
              })
            )
            expect(yield* settled(pool)).toMatchObject({ opened: 1, idle: 0, closed: { Discarded: 1 } })
            yield* eventually("the server has none left", () => server.sockets.size === 0)
            const next = yield* pool.use((connection) => connection.recvExactly(4))
            expect([...next]).toEqual([...start.subarray(0, 4)])
          }))
      }))
  }

  it.scopedLive("of a sending peer is a few chunks if the holder does not read, and more arrives once it does", () =>
    Effect.gen(function*() {
      const total = 1_024 * megabyte
      const { behave, count } = endless(total, new Uint8Array(0))
      const server = yield* serve(behave)
      yield* withPool({ port: server.port, left: () => server.sockets.size }, {}, (pool) =>
        Effect.gen(function*() {
          const before = inUse()
          yield* pool.use((connection) =>
            Effect.gen(function*() {
              yield* untilStuck(() => count.written)
              const { readableHighWaterMark, readableLength } = connection.socket
              const grown = inUse() - before
              say(`a slow reader: ${(grown / megabyte).toFixed(1)} MiB, ${readableLength} bytes in the socket`)
              expect(count.written).toBeLessThan(100 * megabyte)
              expect(readableLength).toBeLessThanOrEqual(readableHighWaterMark + 65_536)
              expect(grown).toBeLessThan(slack)
              let got = 0
              for (; got < 200 * megabyte;) got += (yield* connection.recv(1_000_000)).length
              expect(count.written).toBeGreaterThanOrEqual(got)
              const afterwards = inUse() - before
              expect(afterwards).toBeLessThan(slack)
            })
          )
          // The rest may have arrived before the lease ended or after.
          yield* eventually("the server has none left", () => server.sockets.size === 0)
          const { closed, idle, opened } = yield* settled(pool)
          // Discarded because of bytes read ahead, or Desync if the next chunk found the connection idle.
          expect([opened, idle, closed.Discarded + closed.Desync]).toEqual([1, 0, 1])
        }))
    }))

  it.scopedLive("of a sending holder is one send at a time if the peer does not read, and interrupts end sends", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => void socket.pause())
      const size = 4 * megabyte
      yield* withPool({ port: server.port }, { maxConnections: 2 }, (pool) =>
        Effect.gen(function*() {
          const before = inUse()
          let current: net.Socket | undefined
          let made = 0
          const holder = yield* fork(pool.use((connection) => {
            current = connection.socket
            // Each fiber creates its data only when it is its turn to send.
            const sending = Effect.forever(Effect.suspend(() => {
              made++
              return connection.send(new Uint8Array(size))
            }))
            return Effect.all(Array.from({ length: 8 }, () => sending), { concurrency: "unbounded" })
          }))
          yield* eventually("the sends wait", () => current?.writableNeedDrain === true)
          yield* untilStuck(() => made)
          const grown = inUse() - before
          say(`a slow peer: ${(grown / megabyte).toFixed(1)} MiB for 8 writers of ${size / megabyte} MiB each`)
          // One per fiber, and none twice.
          expect(grown).toBeLessThan(8 * size + slack)
          expect(current!.writableLength).toBeLessThanOrEqual(size)
          yield* Fiber.interrupt(holder)
          expect(yield* settled(pool)).toMatchObject({ opened: 1, idle: 0, leased: 0, closed: { Discarded: 1 } })
          expect(socketsTo(server.port)).toEqual({})
          current = undefined
          expect(inUse() - before).toBeLessThan(slack)
          yield* pool.use(() => Effect.void)
          expect((yield* pool.stats).opened).toBe(2)
        }))
    }))
})
