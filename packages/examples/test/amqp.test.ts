// A real broker: RabbitMQ, on a random loopback port.
import { assert, describe, it } from "@effect/vitest"
import { connect } from "amqplib"
import { Effect } from "effect"
import { isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { makePublisher } from "../src/amqp.js"
import { installed, rabbitmq } from "./fixtures/rabbitmq.js"

describe.skipIf(isMissing("rabbitmq-server", installed))("channels of AMQP on a pool", { timeout: 120_000 }, () => {
  const url = shared(rabbitmq)
  const bytes = (text: string) => new TextEncoder().encode(text)

  /** A queue, and the messages that are in it. */
  const queue = (name: string) =>
    Effect.gen(function*() {
      const connection = yield* Effect.acquireRelease(
        Effect.promise(() => connect(url())),
        (connection) => Effect.promise(() => connection.close())
      )
      const channel = yield* Effect.promise(() => connection.createChannel())
      yield* Effect.promise(() => channel.assertQueue(name, { durable: false }))
      return Effect.map(Effect.promise(() => channel.checkQueue(name)), ({ messageCount }) => messageCount)
    })

  it.scopedLive("publishes many messages on few channels of one connection", () =>
    Effect.gen(function*() {
      const messages = yield* queue("orders")
      const { channels, connections, publish } = yield* makePublisher(url(), 4)
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, n) => n),
        (n) => publish("orders", bytes(`order ${n}`)),
        { concurrency: 20, discard: true }
      )
      assert.strictEqual(yield* messages, 100)
      assert.isAtMost((yield* channels.stats).opened, 4)
      assert.strictEqual((yield* connections.stats).opened, 1)
    }))

  it.scopedLive("replaces a channel that the broker has closed, and keeps the connection", () =>
    Effect.gen(function*() {
      const messages = yield* queue("present")
      const { channels, connections, publish } = yield* makePublisher(url(), 1)
      const error = yield* Effect.flip(publish("absent", bytes("lost")))
      assert.match(error.message, /NOT_FOUND/)
      yield* publish("present", bytes("kept"))
      assert.strictEqual(yield* messages, 1)
      assert.strictEqual((yield* channels.stats).opened, 2)
      assert.strictEqual((yield* connections.stats).opened, 1)
    }))

  it.scopedLive("connects again when the connection is lost", () =>
    Effect.gen(function*() {
      const messages = yield* queue("later")
      const { channels, connections, publish } = yield* makePublisher(url(), 2)
      yield* publish("later", bytes("before"))
      yield* connections.use(({ of }) => Effect.promise(() => of.close()))
      yield* publish("later", bytes("after"))
      assert.strictEqual(yield* messages, 2)
      assert.strictEqual((yield* connections.stats).opened, 2)
      assert.strictEqual((yield* channels.stats).opened, 2)
    }))
})
