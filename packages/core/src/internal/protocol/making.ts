/** The beginning and the end of sessions. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Connection } from "../../Connection.js"
import type { Protocol } from "../../Protocol.js"
import { currentClock, type Surroundings, surroundings } from "../effect/fiber.js"
import { takeContext } from "../host.js"
import * as PoolRuntime from "../runtime.js"
import { Figures } from "./figures.js"
import { ProtocolImpl } from "./rules.js"
import { type Limits, SessionCore } from "./session.js"
import { SessionImpl } from "./sessionImpl.js"

/** Speaks a protocol over a connection until the scope closes. The arguments must have been checked. */
export const makeSession = <Request, Response, Push>(
  protocol: Protocol<Request, Response, Push>,
  connection: Connection,
  limits: Limits,
  onPush: ((push: Push, session: SessionImpl<Request, Response, Push>) => void) | undefined,
  figures: Figures = new Figures()
): Effect.Effect<SessionImpl<Request, Response, Push>, never, Scope.Scope> =>
  Effect.flatMap(
    Effect.all([surroundings<never>(), currentClock]),
    ([around, clock]) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const runtime = PoolRuntime.make("session", around as Surroundings<never>, clock, takeContext())
          const core = new SessionCore(ProtocolImpl.rulesOf(protocol)!, connection, limits, runtime, figures)
          figures.sessions.add(core)
          const session = new SessionImpl<Request, Response, Push>(core)
          if (onPush !== undefined) core.onPush = (push) => onPush(push as Push, session)
          return session
        }),
        ({ core }) =>
          Effect.sync(() => {
            figures.sessions.delete(core)
            core.close()
          })
      )
  )
