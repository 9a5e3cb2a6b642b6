/** A stream and a sink as one channel. */
import type * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/**
 * Sends the channel's input and emits the stream. An error of either ends the channel; the end of the input does not.
 */
export const duplex = <E, IE>(
  stream: Stream.Stream<Uint8Array, E>,
  send: (data: Uint8Array | string) => Effect.Effect<void, E>
): Channel.Channel<
  Chunk.Chunk<Uint8Array>,
  Chunk.Chunk<Uint8Array | string>,
  E | IE,
  IE,
  void,
  unknown
> =>
  Channel.unwrap(Effect.map(Deferred.make<never, E | IE>(), (broken) => {
    const sendAll = (chunk: Chunk.Chunk<Uint8Array | string>) => Effect.forEach(chunk, send, { discard: true })
    const failWith = (cause: Cause.Cause<E | IE>) => Deferred.failCause(broken, cause)
    return Channel.embedInput(
      Channel.interruptWhen(
        Stream.toChannel(stream as Stream.Stream<Uint8Array, E | IE>),
        Deferred.await(broken)
      ) as Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, E | IE, unknown, void, unknown>,
      {
        awaitRead: () => Effect.void,
        emit: (chunk: Chunk.Chunk<Uint8Array | string>) => Effect.catchAllCause(sendAll(chunk), failWith),
        error: failWith,
        done: () => Effect.void
      }
    )
  }))
