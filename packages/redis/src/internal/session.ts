/** A whole connection, for one lease. */
import type { Session } from "@socketpool/core/Session"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Command, CommandOptions, Failure, RedisSession, Reply } from "../RedisClient.js"
import type { RedisConflictError } from "../RedisError.js"
import { type Answer, Commander, sending, type Server } from "./commander.js"
import { isUnexpected } from "./effect.js"
import { ErrorReply, type Message } from "./message.js"
import { traceOf } from "./names.js"
import { type Argument, type Request, request } from "./request.js"

export type RawSession = Session<Request, Answer, ReadonlyArray<Message>>

/** A server that does not answer within this time keeps nobody waiting at the end of a lease. */
const tidyTimeout = "1 second"

export class SessionCommander extends Commander implements RedisSession {
  private isMulti = false
  private isWatching = false
  private hasSelected = false
  private isSpoiled = false

  constructor(server: Server, private readonly session: RawSession) {
    super(server)
  }

  protected override get isShared(): boolean {
    return false
  }

  protected override send<A, E>(
    request: Request,
    _isBlocking: boolean,
    read: (answer: Answer) => Effect.Effect<A, E>,
    options: CommandOptions | undefined
  ): Effect.Effect<A, E | Failure> {
    return sending(Effect.flatMap(this.session.request(request, options), read))
  }

  protected override get condemn(): Effect.Effect<void> {
    return this.session.discard
  }

  get discard(): Effect.Effect<void> {
    return this.session.discard
  }

  get closed(): Effect.Effect<void> {
    return this.session.closed
  }

  protected override note(name: string, args: ReadonlyArray<unknown>): void {
    switch (traceOf(name, args)) {
      case "Multi":
        this.isMulti = true
        break
      case "NoMulti":
        this.isMulti = false
        this.isWatching = false
        break
      case "Watch":
        this.isWatching = true
        break
      case "NoWatch":
        this.isWatching = false
        break
      case "Select":
        this.hasSelected = true
        break
      case "Other":
        this.isSpoiled = true
    }
  }

  override transaction(
    commands: ReadonlyArray<Command>
  ): Effect.Effect<ReadonlyArray<Reply>, Failure | RedisConflictError> {
    return Effect.suspend(() => {
      if (!this.isMulti) return super.transaction(commands)
      throw new RangeError("redis.transaction: the session is within MULTI already; end it with EXEC or DISCARD")
    })
  }

  /** Makes the connection ready for the next borrower, or sees to it that there is none. */
  end(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const { session } = this
    // A reply that is still to come may never come: the server may wait for a list that stays empty.
    const isUnclear = this.isSpoiled || session.inFlight + session.abandoned > 0 ||
      (exit._tag === "Failure" && isUnexpected(exit.cause))
    if (isUnclear) return session.discard
    const commands: ReadonlyArray<readonly [string, ...Array<Argument>]> = [
      ...this.isMulti ? [["DISCARD"] as const] : [],
      ...this.isWatching && !this.isMulti ? [["UNWATCH"] as const] : [],
      ...this.hasSelected ? [["SELECT", this.server.database] as const] : []
    ]
    return Effect.forEach(
      commands,
      ([name, ...args]) =>
        Effect.matchEffect(session.request(request("Redis", name, args), { timeout: tidyTimeout }), {
          onFailure: () => session.discard,
          onSuccess: (reply) => reply instanceof ErrorReply ? session.discard : Effect.void
        }),
      { discard: true }
    )
  }
}
