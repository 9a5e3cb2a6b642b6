/** The streams of pools consist of the instructions of Effect's channels, and are run by Effect's functions. */
import { collect, exitOf, fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Cause, Channel, Chunk, Effect, Exit, Fiber, Stream } from "effect"
import * as Ours from "../src/internal/effect/channel.js"
import { streamOf, streamUntil } from "../src/internal/effect/stream.js"
import { settled } from "./setup.js"

const effect = Effect.succeed(1)
const cause = Cause.fail("why")
const next = () => Ours.end
const input = {
  awaitRead: () => Effect.void,
  emit: () => Effect.void,
  error: () => Effect.void,
  done: () => Effect.void
}

const instructions: ReadonlyArray<readonly [string, unknown, unknown]> = [
  ["fails", Ours.failCause(cause), Channel.failCause(cause)],
  ["ends", Ours.end, Channel.void],
  ["suspends", Ours.suspend(next), Channel.suspend(next)],
  ["emits", Ours.emit("a"), Channel.write("a")],
  ["runs an effect", Ours.fromEffect(effect), Channel.fromEffect(effect)],
  ["continues", Ours.andThen(Ours.end, next), Channel.flatMap(Channel.void, next)],
  ["ensures", Ours.ensuring(Ours.end, () => effect), Channel.ensuring(Channel.void, effect)],
  [
    "reads",
    Ours.read(next),
    Channel.readWithCause({ onInput: next, onFailure: Channel.failCause, onDone: () => Channel.void })
  ],
  [
    "embeds input",
    Ours.embedInput(Ours.end, { emit: input.emit, failed: input.error }),
    // This file is about the shapes of one version of Effect.
    // oxlint-disable-next-line socketpool/seam
    Channel.embedInput(Channel.void, input)
  ]
]

/** The kinds of everything in an instruction, down to its last field. */
const shape = (value: unknown): unknown =>
  typeof value !== "object" || value === null || Effect.isEffect(value) ?
    typeof value === "function" ? "function" : Effect.isEffect(value) ? "effect" : value :
    Object.fromEntries(
      Reflect.ownKeys(value)
        .filter((key) => typeof key === "string")
        .concat("onExit" in value ? ["onExit"] : [])
        .map((key) => [key, shape((value as Record<PropertyKey, unknown>)[key])])
        .sort(([a], [b]) => String(a) < String(b) ? -1 : 1)
    )

describe("an instruction has the shape of Effect's", () => {
  it.each(instructions)("that %s", (_, ours, theirs) => {
    assert.deepStrictEqual(shape(ours), shape(theirs))
    assert.isTrue(Channel.ChannelTypeId in (ours as object))
  })
})

describe("a stream of ours", () => {
  const counting = () => {
    let n = 0
    return Effect.suspend(() => ++n > 3 ? Effect.fail("end") : Effect.succeed(n))
  }

  it.effect("emits until the end, and works with the functions of Effect", () =>
    Effect.gen(function*() {
      const stream = streamUntil(counting(), (error) => error === "end")
      assert.deepStrictEqual(yield* collect(stream), [1, 2, 3])
      assert.isTrue(Stream.StreamTypeId in stream)
      const tens = Stream.map(Stream.take(streamUntil(counting(), () => false), 2), (n) => 10 * n)
      assert.deepStrictEqual(yield* collect(tens), [10, 20])
    }))

  it.effect("fails and dies as its effect does", () =>
    Effect.gen(function*() {
      const failing = streamUntil(Effect.fail("why"), () => false)
      assert.deepStrictEqual(yield* Effect.exit(Stream.runDrain(failing)), Exit.fail("why"))
      const dying = streamUntil(Effect.die("defect"), () => true)
      assert.deepStrictEqual(yield* Effect.exit(Stream.runDrain(dying)), Exit.die("defect"))
    }))

  it.effect("can be interrupted, and runs its finalizer once", () =>
    Effect.gen(function*() {
      let ended = 0
      const stream = Ours.stream<number, never>(
        Ours.ensuring(
          Ours.andThen(Ours.emit(Chunk.of(1)), () => Ours.fromEffect(Effect.never)),
          () => Effect.sync(() => ended++)
        )
      )
      const seen: Array<number> = []
      const reader = yield* fork(Stream.runForEach(stream, (n) => Effect.sync(() => seen.push(n))))
      yield* TestClock.adjust(1)
      yield* settled
      assert.deepStrictEqual([seen, ended, exitOf(reader)], [[1], 0, undefined])
      yield* Fiber.interrupt(reader)
      assert.strictEqual(ended, 1)
      assert.deepStrictEqual(yield* collect(Stream.take(stream, 1)), [1])
      assert.strictEqual(ended, 2)
    }))

  it.effect("of a service is the one that the service has: Effect's, ours, or an effect", () =>
    Effect.gen(function*() {
      for (const made of [Stream.make(1), streamUntil(counting(), (error) => error === "end"), Effect.succeed(1)]) {
        const [first] = yield* collect(Stream.take(streamOf(Effect.succeed(made as Stream.Stream<number, string>)), 1))
        assert.strictEqual(first, 1)
      }
    }))
})
