/** A client, and a server for tests: both call, and both answer. */
import { argument, rules } from "@socketpool/core/Checks"
import * as Client from "@socketpool/core/Client"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { Caller, RpcClient } from "../MsgpackRpc.js"
import { DecodingError, RpcError } from "../RpcError.js"
import * as Codec from "./codec.js"
import { decodeUnknown, laterRunner } from "./effect.js"
import { type Message, type Outgoing, protocol } from "./messages.js"
import { callOptions, type Checked, read } from "./options.js"
import { type RpcSession, Served } from "./served.js"
import { rpcAttributes } from "./tracing.js"

/** A way to send messages: a client, or one session. */
type Sender<E> = {
  readonly request: (request: Outgoing, options?: any) => Effect.Effect<Message, E>
  readonly tell: (request: Outgoing) => Effect.Effect<void, E>
}

/** Reads the answer to a call. Runs in the fiber that has called. */
const resultOf = (method: string, answer: Message): Effect.Effect<unknown, RpcError | DecodingError> => {
  try {
    return answer.isError
      ? Effect.fail(new RpcError({ method, error: answer.error }))
      : Effect.succeed(answer.result)
  } catch (cause) {
    return Effect.fail(new DecodingError({ method, cause }))
  }
}

export const caller = <E>(sender: Sender<E>, address: Readonly<Record<string, string | number>>): Caller<E> => {
  const outgoing = (of: string, _tag: "Call" | "Notification", method: string, params: unknown): Outgoing => ({
    _tag,
    method: argument(of, "method", Codec.method, method),
    params: argument(of, "params", Codec.params, params)
  })
  return {
    call: ((method: string, params: unknown = [], options: object = {}) =>
      Effect.suspend(() => {
        const { schema, timeout } = callOptions.read("MsgpackRpc.call", options)
        const request = outgoing("MsgpackRpc.call", "Call", method, params)
        const answered = Effect.flatMap(
          sender.request(request, timeout === undefined ? undefined : { timeout }),
          (answer) => resultOf(method, answer)
        )
        const result = schema === undefined ?
          answered :
          Effect.flatMap(answered, decodeUnknown(schema as Schema.Schema<any>))
        return Effect.withSpan(result, method, {
          kind: "client",
          attributes: { ...rpcAttributes(method), ...address }
        })
      })) as Caller<E>["call"],
    notify: (method, params = []) =>
      Effect.suspend(() => sender.tell(outgoing("MsgpackRpc.notify", "Notification", method, params)))
  }
}

/** The handlers that a client or a server answers with. */
export const makeServed = (maxHandling: number): Effect.Effect<Served, never, Scope.Scope> =>
  Effect.gen(function*() {
    // Not at once: the caller is in the midst of a read.
    const served = new Served(yield* laterRunner, maxHandling)
    yield* Effect.addFinalizer(() => served.end)
    return served
  })

export const handleIn = (served: Served): RpcClient["handle"] => (method, handler) =>
  Effect.flatMap(Effect.context<any>(), (given) => {
    // The span of this place has ended by the time of a call.
    const context = Context.omit(Tracer.ParentSpan)(given) as Context.Context<any>
    argument("MsgpackRpc.handle", "method", Codec.method, method)
    argument("MsgpackRpc.handle", "handler", rules.callback, handler)
    return served.register(
      method,
      (params) => Effect.provide(handler(params), context) as Effect.Effect<unknown, unknown>
    )
  })

export const makeRpc = (of: string, options: unknown): Effect.Effect<RpcClient<any>, never, any> =>
  Effect.suspend(() => makeChecked(read(of, options)))

export const makeChecked = (checked: Checked): Effect.Effect<RpcClient<any>, never, any> =>
  Effect.suspend(() => {
    const { address, client: own, mapsAsObjects, maxBytes, maxHandling, name, open } = checked
    const speaking = (session: RpcSession) => caller(session as Sender<any>, address)
    const hook = (f: ((caller: Caller<any>) => unknown) | undefined) =>
      f === undefined ? undefined : (session: RpcSession) => f(speaking(session))
    return Effect.gen(function*() {
      const served = yield* makeServed(maxHandling)
      const client = yield* Client.make({
        ...own,
        ...(own.name === undefined && name !== undefined ? { name } : {}),
        attributes: { ...address, ...own.attributes },
        protocol: protocol(Codec.make({ mapsAsObjects }), maxBytes),
        open,
        onPush: served.receive,
        handshake: hook(own.handshake),
        validate: hook(own.validate),
        farewell: hook(own.farewell)
      } as Client.Options<ReturnType<typeof protocol>, ConnectError, any>)
      return {
        ...caller(client as Sender<any>, address),
        handle: handleIn(served),
        notifications: served.notifications,
        stats: client.stats,
        pool: client.pool
      }
    })
  })
