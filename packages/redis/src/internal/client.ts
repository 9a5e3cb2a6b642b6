/** The client: commands on connections that all share, and leases of whole ones. */
import { argument, rules, Table } from "@socketpool/core/Checks"
import type { Client, ClientStats } from "@socketpool/core/Client"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type { ConnectionPool } from "@socketpool/core/ConnectionPool"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type {
  Command,
  CommandOptions,
  Failure,
  RedisClient,
  RedisMessage,
  RedisSession,
  Reply,
  SubscriptionFailure
} from "../RedisClient.js"
import { RedisConflictError, type RedisError } from "../RedisError.js"
import { words } from "./arguments.js"
import { type Answer, Commander, sending, type Server } from "./commander.js"
import { both, scopedStream } from "./effect.js"
import type { Message } from "./message.js"
import type { Argument, Request } from "./request.js"
import { SessionCommander } from "./session.js"

export type RawClient = Client<Request, Answer, ReadonlyArray<Message>, ConnectError | RedisError>

/** Connections are not replaced more often than this, in milliseconds: new ones may meet the same server. */
const clearInterval = 1_000

const watchOptions = new Table({
  retry: rules.orElse(
    rules.schedule,
    both(Schedule.jittered(Schedule.exponential("1 millis")), Schedule.recurs(10))
  )
})

type Messages = Stream.Stream<RedisMessage, SubscriptionFailure>

/** Makes one subscription. Completes when the server has confirmed it. */
export type Subscribe = (
  name: "SUBSCRIBE" | "PSUBSCRIBE",
  channels: ReadonlyArray<string>
) => Effect.Effect<Messages, SubscriptionFailure, Scope.Scope>

export class SharedCommander extends Commander implements RedisClient {
  private clearedAt = -Infinity

  constructor(
    server: Server,
    private readonly client: RawClient,
    private readonly subscription: Subscribe
  ) {
    super(server)
  }

  protected override get isShared(): boolean {
    return true
  }

  protected override note(): void {}

  protected override send<A, E>(
    request: Request,
    isBlocking: boolean,
    read: (answer: Answer) => Effect.Effect<A, E>,
    options: CommandOptions | undefined
  ): Effect.Effect<A, E | Failure> {
    if (!isBlocking) return sending(this.client.requestWith(request, read, options))
    // A request that timed out leaves the server waiting: then nobody else must get the connection.
    const answered = this.client.withExclusive((session) =>
      Effect.onError(session.request(request, options), () => session.discard)
    )
    return sending(Effect.flatMap(answered, read))
  }

  /** The other connections lead to the same server. */
  protected override get condemn(): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now < this.clearedAt + clearInterval) return Effect.void
      this.clearedAt = now
      return this.client.pool.clear
    })
  }

  get exclusive(): Effect.Effect<RedisSession, Failure, Scope.Scope> {
    return Effect.flatMap(this.client.exclusive, (session) =>
      Effect.acquireRelease(
        Effect.sync(() => new SessionCommander(this.server, session)),
        (own, exit) => own.end(exit)
      ))
  }

  withExclusive<A, E, R>(f: (session: RedisSession) => Effect.Effect<A, E, R>): Effect.Effect<A, E | Failure, R> {
    return Effect.suspend(() => {
      argument("redis.withExclusive", "f", rules.callback, f)
      return this.client.withExclusive((session) => {
        const own = new SessionCommander(this.server, session)
        return Effect.onExit(Effect.suspend(() => f(own)), (exit) => own.end(exit))
      })
    })
  }

  watch<E, R>(
    keys: ReadonlyArray<Argument>,
    f: (session: RedisSession) => Effect.Effect<ReadonlyArray<Command>, E, R>,
    options: { readonly retry?: Schedule.Schedule<unknown> } = {}
  ): Effect.Effect<ReadonlyArray<Reply>, E | Failure | RedisConflictError, R> {
    return Effect.suspend(() => {
      const { retry } = watchOptions.read("redis.watch", options)
      const watched = words("redis.watch", "keys", keys)
      argument("redis.watch", "f", rules.callback, f)
      const once = this.withExclusive((session) =>
        Effect.andThen(
          session.command("WATCH", ...watched),
          Effect.flatMap(f(session), (commands) => session.transaction(commands))
        )
      )
      return Effect.retry(once, { schedule: retry, while: (error) => error instanceof RedisConflictError })
    })
  }

  subscribe(...channels: ReadonlyArray<string>): Messages {
    return scopedStream(this.subscription("SUBSCRIBE", channels))
  }

  psubscribe(...patterns: ReadonlyArray<string>): Messages {
    return scopedStream(this.subscription("PSUBSCRIBE", patterns))
  }

  subscribed(...channels: ReadonlyArray<string>): Effect.Effect<Messages, SubscriptionFailure, Scope.Scope> {
    return this.subscription("SUBSCRIBE", channels)
  }

  psubscribed(...patterns: ReadonlyArray<string>): Effect.Effect<Messages, SubscriptionFailure, Scope.Scope> {
    return this.subscription("PSUBSCRIBE", patterns)
  }

  get pool(): ConnectionPool<unknown, ConnectError | RedisError> {
    return this.client.pool
  }

  get stats(): Effect.Effect<ClientStats> {
    return this.client.stats
  }
}
