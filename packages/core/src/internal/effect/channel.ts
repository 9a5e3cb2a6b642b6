/**
 * The seam to Effect: streams and sinks, made of the instructions that Effect's channels consist of.
 *
 * `effect/Stream` takes as long to load as everything else that a pool needs, and most programs read no stream. One
 * that does has loaded it: nothing but its functions can run a stream. The instructions are those of Effect 3.22, in
 * `internal/core-stream.ts`; `test/channel.test.ts` compares them.
 */
import type * as Cause from "effect/Cause"
import type * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { pipeArguments } from "effect/Pipeable"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"

/** Any channel, seen from within. */
export type Instruction = Channel.Channel<any, any, any, any, any, any, any>

const ChannelTypeId = Symbol.for("effect/Channel")
const StreamTypeId = Symbol.for("effect/Stream")
const SinkTypeId = Symbol.for("effect/Sink")

/** Nothing reads it at run time. */
const variance = {}

class Pipeable {
  pipe(): unknown {
    return pipeArguments(this, arguments)
  }
}

class Step extends Pipeable {
  readonly [ChannelTypeId] = variance

  constructor(readonly _tag: string, fields: object) {
    super()
    Object.assign(this, fields)
  }
}

const step = (tag: string, fields: object): Instruction => new Step(tag, fields) as unknown as Instruction

type OnHalt = (cause: Cause.Cause<any>) => Instruction

const continuation = (onSuccess: (value: any) => Instruction, onHalt: OnHalt): object => ({
  _tag: "ContinuationK",
  onSuccess,
  onHalt,
  onExit: (exit: Exit.Exit<unknown, unknown>) => Exit.match(exit, { onFailure: onHalt, onSuccess })
})

export const failCause: OnHalt = (cause) => step("Fail", { error: () => cause })

/** Ends the channel. */
export const end: Instruction = step("SucceedNow", { terminal: undefined })

export const suspend = (channel: () => Instruction): Instruction => step("Suspend", { channel })

export const emit = (out: unknown): Instruction => step("Emit", { out })

export const fromEffect = (effect: Effect.Effect<any, any, any>): Instruction =>
  step("FromEffect", { effect: () => effect })

export const andThen = (
  channel: Instruction,
  onSuccess: (value: any) => Instruction,
  onHalt: OnHalt = failCause
): Instruction => step("Fold", { channel, k: continuation(onSuccess, onHalt) })

export const ensuring = (channel: Instruction, finalizer: () => Effect.Effect<unknown>): Instruction =>
  step("Ensuring", { channel, finalizer })

export const read = (more: (input: any) => Instruction): Instruction =>
  step("Read", { more, done: continuation(() => end, failCause) })

/** The consumer of a channel's input. */
export interface Input<In, E> {
  readonly emit: (chunk: In) => Effect.Effect<unknown>
  readonly failed: (cause: Cause.Cause<E>) => Effect.Effect<unknown>
}

/** Gives the input to a consumer, in a fiber of its own, while the channel runs. */
export const embedInput = <In, E>(channel: Instruction, { emit, failed }: Input<In, E>): Instruction =>
  step("Bridge", {
    channel,
    input: { awaitRead: () => Effect.void, emit, error: failed, done: () => Effect.void }
  })

class ChannelStream extends Pipeable {
  readonly [StreamTypeId] = variance

  constructor(readonly channel: Instruction) {
    super()
  }
}

export const stream = <A, E, R = never>(channel: Instruction): Stream.Stream<A, E, R> =>
  new ChannelStream(channel) as unknown as Stream.Stream<A, E, R>

/** An effect is a stream of one value. */
export const channelOf = (stream: Stream.Stream<any, any, any>): Instruction =>
  Effect.isEffect(stream) ?
    andThen(fromEffect(stream), (value) => emit(Chunk.of(value))) :
    (stream as unknown as ChannelStream).channel

class ChannelSink extends Pipeable {
  readonly [SinkTypeId] = variance

  constructor(readonly channel: Instruction) {
    super()
  }
}

export const sink = <In, E>(channel: Instruction): Sink.Sink<void, In, never, E> =>
  new ChannelSink(channel) as unknown as Sink.Sink<void, In, never, E>
