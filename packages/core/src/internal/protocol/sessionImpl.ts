/** The public interface of a session. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Stream from "effect/Stream"
import { ConnectionError } from "../../ConnectionError.js"
import type { FramingError } from "../../Framing.js"
import { hasDies, hasInterrupts, type Holder } from "../effect/fiber.js"
import { type Guard, guarded } from "../interruption.js"
import { addressOf } from "./address.js"
import { Asking } from "./asking.js"
import type { Encoded } from "./encoding.js"
import { type CallOptions, timeoutOf } from "./options.js"
import type { SessionCore } from "./session.js"

type RequestError = ConnectionError | FramingError

const send = (
  fiber: Holder,
  guard: Guard,
  core: SessionCore,
  encoded: Encoded | FramingError,
  timeout: number
): Effect.Effect<any, RequestError> =>
  "_tag" in encoded ? Effect.fail(encoded) : new Asking(fiber, core, encoded, timeout).run(guard)

const ask = (fiber: Holder, guard: Guard, core: SessionCore, request: unknown, timeout: number) =>
  send(fiber, guard, core, core.encode(request, false), timeout)

const tell = (fiber: Holder, guard: Guard, core: SessionCore, request: unknown) =>
  send(fiber, guard, core, core.encode(request, true), Infinity)

export class SessionImpl<Request, Response, Push> {
  constructor(readonly core: SessionCore) {}

  request(request: Request, options?: CallOptions): Effect.Effect<Response, RequestError> {
    return guarded(ask, this.core, request, timeoutOf("Session.request", options))
  }

  tell(request: Request): Effect.Effect<void, RequestError> {
    return guarded(tell, this.core, request, undefined)
  }

  get pushes(): Stream.Stream<Push> {
    return this.core.pushes.values as Stream.Stream<Push>
  }

  get inFlight(): number {
    return this.core.inFlight
  }

  get abandoned(): number {
    return this.core.abandoned
  }

  get discard(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.core.isDiscarded = true
    })
  }

  get isConnected(): boolean {
    return this.core.isUsable
  }

  get closed(): Effect.Effect<void> {
    return this.core.closed
  }
}

/** A session in the hand of an exclusive borrower, for one lease. */
export class LeasedSession<Request, Response, Push> {
  private isRevoked = false

  constructor(private readonly session: SessionImpl<Request, Response, Push>) {}

  /** Nobody knows the state of the peer after an interruption or a defect. */
  revoke(exit: Exit.Exit<unknown, unknown>): void {
    this.isRevoked = true
    if (exit._tag === "Failure" && (hasInterrupts(exit.cause) || hasDies(exit.cause))) {
      this.session.core.isDiscarded = true
    }
  }

  request(request: Request, options?: CallOptions): Effect.Effect<Response, RequestError> {
    return Effect.suspend(() => this.isRevoked ? this.released : this.session.request(request, options))
  }

  tell(request: Request): Effect.Effect<void, RequestError> {
    return Effect.suspend(() => this.isRevoked ? this.released : this.session.tell(request))
  }

  private get released(): Effect.Effect<never, ConnectionError> {
    const address = addressOf(this.session.core.remoteAddress)
    return Effect.fail(new ConnectionError({ reason: "Released", operation: "write", address, sent: "No" }))
  }

  get pushes(): Stream.Stream<Push> {
    return this.session.pushes
  }

  get inFlight(): number {
    return this.session.inFlight
  }

  get abandoned(): number {
    return this.session.abandoned
  }

  get discard(): Effect.Effect<void> {
    return Effect.suspend(() => this.isRevoked ? Effect.void : this.session.discard)
  }

  get isConnected(): boolean {
    return !this.isRevoked && this.session.isConnected
  }

  get closed(): Effect.Effect<void> {
    return this.session.closed
  }
}
