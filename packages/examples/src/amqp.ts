/**
 * AMQP 0-9-1 (RabbitMQ) through `amqplib`: a pool of channels over a pool of one connection.
 *
 * A channel is the unit that one borrower holds: an error closes it. A channel holds a lease of its connection, so that
 * a connection that is lost takes its channels along, and the next channel opens a new one.
 */
import { type ConnectionPool, Pool } from "@socketpool/core"
import { type ChannelModel, type ConfirmChannel, connect } from "amqplib"
import { Data, Effect } from "effect"

/** The broker has refused something, or the connection is lost. */
export class AmqpError extends Data.TaggedError("AmqpError")<{ readonly message: string; readonly cause: unknown }> {}

const attempt = <A>(about: string, run: () => Promise<A>): Effect.Effect<A, AmqpError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new AmqpError({ message: `${about}: ${cause instanceof Error ? cause.message : cause}`, cause })
  })

/** A connection or a channel, and whether it has ended. */
interface Open<A> {
  readonly of: A
  readonly isOpen: () => boolean
  readonly ended: Promise<void>
}

/** Watches for the end. Without a listener for errors, one would end the process. */
const watched = <A extends ChannelModel | ConfirmChannel>(of: A): Open<A> => {
  let isOpen = true
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      isOpen = false
      resolve()
    }
    of.on("error", end)
    of.on("close", end)
  })
  return { of, isOpen: () => isOpen, ended }
}

/** Opens a connection or a channel, and closes it unless it has ended by itself. */
const opened = <A extends ChannelModel | ConfirmChannel>(about: string, open: () => Promise<A>) =>
  Effect.acquireRelease(
    Effect.map(attempt(about, open), watched),
    ({ isOpen, of }) => isOpen() ? Effect.ignore(attempt("close", () => of.close())) : Effect.void
  )

const openChannel = (connections: ConnectionPool<Open<ChannelModel>, AmqpError>) =>
  Effect.flatMap(connections.get, ({ of }) => opened("channel", () => of.createConfirmChannel()))

/** Publishes messages, and returns once the broker has them. */
export const makePublisher = (url: string, maxChannels = 8) =>
  Effect.gen(function*() {
    const connections = yield* Pool.make({
      name: "amqp",
      maxConnections: 1,
      concurrency: maxChannels,
      open: opened("connect", () => connect(url)),
      isConnected: ({ isOpen }) => isOpen(),
      closed: ({ ended }) => Effect.promise(() => ended)
    })
    const channels = yield* Pool.make({
      name: "amqp-channels",
      maxConnections: maxChannels,
      open: openChannel(connections),
      isConnected: ({ isOpen }) => isOpen(),
      closed: ({ ended }) => Effect.promise(() => ended)
    })
    return {
      connections,
      channels,
      publish: (queue: string, message: Uint8Array) =>
        channels.use(({ of: channel }) =>
          attempt("publish", async () => {
            await channel.checkQueue(queue)
            channel.sendToQueue(queue, Buffer.from(message), { persistent: true })
            await channel.waitForConfirms()
          })
        )
    }
  })
