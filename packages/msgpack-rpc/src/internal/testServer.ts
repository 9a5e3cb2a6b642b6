/** A client together with its server in memory. */
import { argument, rules } from "@socketpool/core/Checks"
import * as Session from "@socketpool/core/Session"
import * as MemoryServer from "@socketpool/testing/MemoryServer"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CommonOptions, TestRpc } from "../MsgpackRpc.js"
import * as Codec from "./codec.js"
import { protocol } from "./messages.js"
import { read } from "./options.js"
import { caller, handleIn, makeChecked, makeServed } from "./rpcImpl.js"
import type { RpcSession } from "./served.js"

type Handlers<R> = Readonly<Record<string, (params: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, R>>>

const handlersRule = rules.secret(rules.record(rules.callback, "an object of functions"))

export const makeTest = <R>(
  handlers: Handlers<R>,
  options: CommonOptions
): Effect.Effect<TestRpc, never, R | Scope.Scope> =>
  Effect.gen(function*() {
    const served = yield* makeServed(Number.MAX_SAFE_INTEGER)
    const methods = argument("MsgpackRpc.test", "handlers", handlersRule, handlers) as Handlers<R>
    yield* Effect.forEach(Object.entries(methods), ([method, handler]) => handleIn(served)(method, handler))
    const sessions = new Set<RpcSession>()
    const checked = read("MsgpackRpc.test", options, { open: Effect.suspend(() => server.connect()) })
    const codec = Codec.make(checked)
    const server = yield* MemoryServer.make((peer) =>
      Effect.scoped(Effect.gen(function*() {
        const speaks = protocol(codec, Number.MAX_SAFE_INTEGER)
        const session = yield* Session.make(speaks, peer, { onPush: served.receive })
        yield* Effect.acquireRelease(
          Effect.sync(() => sessions.add(session)),
          () => Effect.sync(() => sessions.delete(session))
        )
        yield* session.closed
      }))
    )
    const rpc = yield* makeChecked(checked) as Effect.Effect<
      Omit<TestRpc, "server">,
      never,
      Scope.Scope
    >
    const callers = () => [...sessions].map((session) => caller(session, {}))
    return {
      ...rpc,
      server: {
        call: ((...args: [any, any, any]) =>
          Effect.suspend(() => {
            const [first] = callers()
            return first === undefined ? Effect.die(new Error(noConnection)) : first.call(...args)
          })) as TestRpc["server"]["call"],
        notify: (method, params) =>
          Effect.suspend(() =>
            Effect.forEach(callers(), (one) => Effect.ignore(one.notify(method, params)), { discard: true })
          ),
        notifications: served.notifications,
        reset: server.reset,
        connections: server.connections
      }
    }
  })

const noConnection = "MsgpackRpc.test: the client has no open connection: call something first, or set minConnections"
