/** Messages that come from the peer unasked: notifications, and calls that handlers answer. */
import { argument, rules } from "@socketpool/core/Checks"
import type { ConnectionError } from "@socketpool/core/ConnectionError"
import type { FramingError } from "@socketpool/core/Framing"
import type { Session } from "@socketpool/core/Session"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Notification } from "../MsgpackRpc.js"
import { RpcError } from "../RpcError.js"
import { sendable } from "./codec.js"
import { onCause, recover, scopedStream, streamOfQueue } from "./effect.js"
import type { Message, Outgoing } from "./messages.js"
import { rpcAttributes } from "./tracing.js"

export type RpcSession = Session<Outgoing, Message, Message>

export type Handler = (params: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown>

type Answer = Extract<Outgoing, { readonly _tag: "Answer" }>

/** The notifications kept for a slow subscriber. One read can bring as many at once. */
const keptNotifications = 16_384

/** The answer to a call whose handler has died: nobody outside needs to know why. */
const internalError = "internal error"

export class Served {
  private readonly handlers = new Map<string, Handler>()
  private readonly subscribers = new Set<Queue.Queue<Notification>>()
  /** The calls of each session that are being handled. */
  private readonly running = new WeakMap<RpcSession, number>()
  private hasEnded = false

  constructor(
    private readonly fork: (effect: Effect.Effect<void>) => unknown,
    private readonly maxHandling: number
  ) {}

  // --- Handlers -----------------------------------------------------------------------------------------------------

  /** Registers a handler until the scope closes. */
  register(method: string, handler: Handler): Effect.Effect<void, never, Scope.Scope> {
    const { handlers } = this
    return Effect.acquireRelease(
      Effect.sync(() => {
        argument("MsgpackRpc.handle", "method", withoutHandler(handlers), method)
        handlers.set(method, handler)
      }),
      () => Effect.sync(() => handlers.delete(method))
    )
  }

  /** Takes a message that answers no call. */
  readonly receive = (message: Message, session: RpcSession): void => {
    if (message.kind === "Notification") return this.publish(message)
    const running = this.running.get(session) ?? 0
    if (running > this.maxHandling) return
    if (running === this.maxHandling) {
      const text = `MsgpackRpc: more than ${running} calls of the server at once (maxHandling): closing the connection`
      this.running.set(session, running + 1)
      this.fork(Effect.andThen(Effect.logWarning(text), session.discard))
      return
    }
    this.running.set(session, running + 1)
    this.fork(
      Effect.ensuring(
        this.answer(message, session),
        Effect.sync(() => this.running.set(session, this.running.get(session)! - 1))
      )
    )
  }

  private answer(message: Message, session: RpcSession): Effect.Effect<void> {
    const { id } = message
    return Effect.suspend(() => {
      const { method } = message
      const handler = this.handlers.get(method)
      if (handler === undefined) return Effect.succeed(failed(id, `unknown method ${method}`))
      return Effect.suspend(() => handler(message.params)).pipe(
        Effect.map((result): Answer => ({ _tag: "Answer", id, error: null, result: sendable(result) })),
        recover((error) => Effect.sync(() => failed(id, errorOf(error)))),
        Effect.withSpan(method, { kind: "server", root: true, attributes: rpcAttributes(method) })
      )
    }).pipe(
      onCause((cause) => Effect.as(logged(message, cause), failed(id, internalError))),
      Effect.flatMap((answer) =>
        Effect.catchTag(
          session.tell(answer),
          "FramingError",
          (error) => Effect.andThen(logged(message, Cause.fail(error)), session.tell(failed(id, internalError)))
        )
      ),
      // The caller has gone with its connection.
      recover((error: ConnectionError | FramingError) => Effect.logDebug("MsgpackRpc: no answer was sent", error))
    )
  }

  // --- Notifications ------------------------------------------------------------------------------------------------

  private publish(message: Message): void {
    if (this.subscribers.size === 0) return
    const { method } = message
    let params: ReadonlyArray<unknown>
    try {
      params = message.params
    } catch (error) {
      this.fork(Effect.logWarning(`MsgpackRpc: dropped a notification that cannot be decoded`, error))
      return
    }
    for (const queue of this.subscribers) Effect.runSync(Queue.offer(queue, { method, params }))
  }

  /** The notifications from the moment of subscription on. */
  readonly notifications: Stream.Stream<Notification> = scopedStream(
    Effect.map(
      Effect.acquireRelease(
        Effect.tap(Queue.sliding<Notification>(keptNotifications), (queue) => {
          if (this.hasEnded) return Queue.shutdown(queue)
          this.subscribers.add(queue)
          return Effect.void
        }),
        (queue) => Effect.andThen(Effect.sync(() => this.subscribers.delete(queue)), Queue.shutdown(queue))
      ),
      streamOfQueue
    )
  )

  /** Ends the streams of all subscribers. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.hasEnded = true
    return Effect.forEach([...this.subscribers], Queue.shutdown, { discard: true })
  })
}

const withoutHandler = (handlers: ReadonlyMap<string, unknown>) =>
  rules.that((method) => !handlers.has(method), "one without a handler")

const failed = (id: unknown, error: unknown): Answer => ({ _tag: "Answer", id, error, result: null })

/**
 * The error that a caller gets for a failure of a handler. `null` would mean a success. Throws if it cannot be sent.
 */
const errorOf = (failure: unknown): unknown => {
  const error = failure instanceof RpcError ? failure.error : failure instanceof Error ? failure.message : failure
  return sendable(error) ?? "failed"
}

const logged = (message: Message, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logError(`MsgpackRpc: the handler of a call has failed`, cause).pipe(
    Effect.annotateLogs("rpc.method", message.method)
  )
