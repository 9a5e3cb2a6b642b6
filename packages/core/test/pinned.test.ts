// H8: kept frames keep the chunks alive that they came in
import { ByteBuffer, Framing } from "@socketpool/core"
import { fork } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { MemoryConnection } from "@socketpool/testing"
import { Effect } from "effect"

/** The bytes of memory that arrays keep alive. */
const pinned = (kept: ReadonlyArray<Uint8Array>) =>
  [...new Set(kept.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)

const size = (kept: ReadonlyArray<Uint8Array>) => kept.reduce((sum, { length }) => sum + length, 0)

/** Fills a chunk with frames; returns it and their number. */
const filled = (framing: Framing.Framing, frame: Uint8Array, chunkBytes = 65_536) => {
  const encoded = framing.encode(frame) as Uint8Array
  const count = Math.floor(chunkBytes / encoded.length)
  const chunk = Buffer.allocUnsafeSlow(chunkBytes)
  for (let i = 0; i < count; i++) chunk.set(encoded, i * encoded.length)
  return { chunk, count }
}

const decodeAll = (framing: Framing.Framing, bytes: ByteBuffer.ByteBuffer, count: number) =>
  Array.from({ length: count }, () => framing.decoder().decode(bytes) as Uint8Array)

const framings: ReadonlyArray<readonly [string, (bytes: number) => Framing.Framing]> = [
  ["lines", () => Framing.lines()],
  ["delimited", () => Framing.delimited("\0")],
  ["delimited by a long delimiter", () => Framing.delimited("=".repeat(2_000))],
  ["fixed", (bytes) => Framing.fixed(bytes)],
  ["lengthPrefixed", () => Framing.lengthPrefixed({ bytes: 4 })],
  ["lengthPrefixed by a varint", () => Framing.lengthPrefixed({ bytes: "varint" })]
]

describe("frames that a program keeps", () => {
  it.each(framings)("pin at most four times their own size: %s", (_, make) => {
    for (const bytes of [1, 9, 60, 400, 1_000, 5_000, 16_000, 17_000, 30_000]) {
      const framing = make(bytes)
      const frame = new Uint8Array(bytes).fill(7)
      const { chunk, count } = filled(framing, frame)
      const frames = decodeAll(framing, ByteBuffer.make(chunk), count)
      // One in 60 is kept, as in a cache.
      const kept = frames.filter((_, i) => i % 60 === 0)
      assert.isAtMost(pinned(kept), 4 * size(kept))
      for (const one of frames) {
        assert.strictEqual(one.constructor, Uint8Array)
        assert.deepStrictEqual(one, frame)
      }
    }
  })

  it("are views of their chunk if they are a large part of it", () => {
    const framing = Framing.fixed(16_384)
    const { chunk, count } = filled(framing, new Uint8Array(16_384))
    for (const frame of decodeAll(framing, ByteBuffer.make(chunk), count)) {
      assert.strictEqual(frame.buffer, chunk.buffer)
    }
  })

  it.scoped("pin no more when they come in small pieces, or by recv, recvExactly and recvUntil", () =>
    Effect.gen(function*() {
      const [client, server] = yield* MemoryConnection.pair()
      const line = Framing.over(client, Framing.lines())
      const reads = [client.recv(9), client.recvExactly(9), client.recvUntil("\n"), line.recv]
      const kept: Array<Uint8Array> = []
      yield* fork(server.send("12345678\n".repeat(1_000)))
      for (const read of Array.from({ length: 25 }, () => reads).flat()) kept.push(yield* read)
      assert.isAtMost(pinned(kept), 4 * size(kept))
      yield* client.recvExactly(8_100)
      for (let i = 0; i < 100; i++) {
        yield* server.send("12345678\n")
        kept.push(yield* client.recvUntil("\n"))
      }
      assert.isAtMost(pinned(kept), 4 * size(kept))
    }))
})
