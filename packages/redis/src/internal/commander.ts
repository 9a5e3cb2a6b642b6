/** Sends commands and reads their replies, wherever they are sent. */
import { argument, rules, Table } from "@socketpool/core/Checks"
import type { ConnectionError } from "@socketpool/core/ConnectionError"
import type { FramingError } from "@socketpool/core/Framing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import type { Command, CommandOptions, Failure, RedisCommander, Reply } from "../RedisClient.js"
import { isRedisError, RedisConflictError } from "../RedisError.js"
import { words } from "./arguments.js"
import { Commands } from "./commands.js"
import { decodeUnknown, isTraced, recover, withFiber } from "./effect.js"
import { ErrorReply, type Message } from "./message.js"
import { checkAllowed, waitOf } from "./names.js"
import { bytesReply, errorOf, type Shape, textReply } from "./replies.js"
import { type Argument, commandName, type Request, request, requests } from "./request.js"
import { type Attributes, traced } from "./tracing.js"

/** The server, as all commands of a client know it. */
export interface Server {
  readonly attributes: Attributes
  readonly database: number
  /** In milliseconds. */
  readonly stallTimeout: number
}

export type Answer = Message | ReadonlyArray<Message> | undefined

/** The errors of requests. A request is encoded already, so that it always can be sent. */
type Unsent = FramingError | ConnectionError | Failure

export const sending = <A, E>(effect: Effect.Effect<A, E | Unsent>): Effect.Effect<A, E | Failure> =>
  effect as Effect.Effect<A, E | Failure>

/** The server cannot serve any more, as in a failover. */
const cannotServe: ReadonlySet<string> = new Set(["READONLY", "LOADING"])

const { duration, flag, optional, orElse, that } = rules

const commandOptions = new Table(
  {
    bytes: orElse(flag, false),
    schema: optional(that<Schema.Schema<any, any, any>>(Schema.isSchema, "a Schema")),
    timeout: optional(duration("more than 0"))
  },
  [
    ({ bytes, schema }, refuse) => {
      if (bytes && schema !== undefined) refuse("bytes", true, "false where schema is set")
    }
  ]
)

/** The services of a schema are in the type of `commandWith`. */
const decoderOf = (
  schema: Schema.Schema<any, any, any>
): (reply: unknown) => Effect.Effect<any, ParseResult.ParseError> => decodeUnknown(schema as Schema.Schema<any>)

/** Its arguments may be secret. */
const commandsRule = rules.secret(
  that(
    (value) => Array.isArray(value) && value.every((one) => Array.isArray(one) && one.length > 0),
    "an array of commands, such as [\"SET\", key, value]"
  )
)

export abstract class Commander extends Commands implements RedisCommander {
  constructor(protected readonly server: Server) {
    super()
  }

  /** Whether others use the same connection. */
  protected abstract readonly isShared: boolean
  /** Sends a request, and continues with what is made of the answer. A blocking one must have a whole connection. */
  protected abstract send<A, E>(
    request: Request,
    isBlocking: boolean,
    read: (answer: Answer) => Effect.Effect<A, E>,
    options: CommandOptions | undefined
  ): Effect.Effect<A, E | Failure>
  /** Sees to it that the connection serves nobody any more. */
  protected abstract readonly condemn: Effect.Effect<void>
  /** A command is about to be sent. */
  protected abstract note(name: string, args: ReadonlyArray<unknown>): void

  protected override ask<A>(
    of: string,
    name: string,
    args: ReadonlyArray<Argument> | (() => ReadonlyArray<Argument>),
    shape: Shape<A>,
    options?: CommandOptions
  ): Effect.Effect<A, Failure> {
    return withFiber((fiber) => {
      const words = typeof args === "function" ? args() : args
      const wait = waitOf(name, words)
      const silence = wait === undefined ? undefined : wait + this.server.stallTimeout
      const encoded = request(of, name, words, silence)
      this.note(name, words)
      const answered = this.send(
        encoded,
        wait !== undefined,
        (message) => this.shaped(message as Message, name, shape),
        options
      )
      return isTraced(fiber) ? traced(answered, name, words.length, this.server.attributes) : answered
    })
  }

  private shaped<A>(message: Message, name: string, shape: Shape<A>): Effect.Effect<A, Failure> {
    return message instanceof ErrorReply ? this.refused(message, name) : Exit.succeed(shape(message, name))
  }

  private refused(reply: ErrorReply, name: string): Effect.Effect<never, Failure> {
    const error = errorOf(reply, name)
    return cannotServe.has(error.code) ? Effect.andThen(this.condemn, Effect.fail(error)) : Exit.fail(error)
  }

  command(name: string, ...args: ReadonlyArray<Argument>): Effect.Effect<Reply, Failure> {
    return this.generic("redis.command", name, args, textReply)
  }

  private generic<A>(
    of: string,
    name: unknown,
    args: ReadonlyArray<Argument>,
    shape: Shape<A>,
    options?: CommandOptions
  ): Effect.Effect<A, Failure> {
    return Effect.suspend(() => {
      const known = commandName(of, name)
      checkAllowed(of, known, args, this.isShared)
      return this.ask(of, known, args, shape, options)
    })
  }

  commandWith(options: any, name: string, ...args: ReadonlyArray<Argument>): Effect.Effect<any, any> {
    return Effect.suspend(() => {
      const { bytes, schema, timeout } = commandOptions.read("redis.commandWith", options)
      const own = timeout === undefined ? undefined : { timeout }
      const shape: Shape<unknown> = bytes ? bytesReply : textReply
      const reply = this.generic("redis.commandWith", name, args, shape, own)
      return schema === undefined ? reply : Effect.flatMap(reply, decoderOf(schema))
    })
  }

  transaction(commands: ReadonlyArray<Command>): Effect.Effect<ReadonlyArray<Reply>, Failure | RedisConflictError> {
    return withFiber((fiber) => {
      const of = "redis.transaction"
      argument(of, "commands", commandsRule, commands)
      if (commands.length === 0) return Exit.succeed([])
      const named = commands.map(([name, ...args]) => {
        const known = commandName(of, name)
        checkAllowed(of, known, args, true)
        return [known, args] as const
      })
      const all = requests(of, "MULTI", [["MULTI", []], ...named, ["EXEC", []]])
      this.note("EXEC", [])
      const done = this.send(
        all,
        false,
        (answer) => this.executed(answer as ReadonlyArray<Message>, named.map(([name]) => name)),
        undefined
      )
      return isTraced(fiber) ? traced(done, "MULTI", 0, this.server.attributes) : done
    })
  }

  /** Reads the answers to `MULTI`, to each command, and to `EXEC`. */
  private executed(
    answers: ReadonlyArray<Message>,
    names: ReadonlyArray<string>
  ): Effect.Effect<ReadonlyArray<Reply>, Failure | RedisConflictError> {
    const done = answers[answers.length - 1]!
    for (const [at, answer] of answers.entries()) {
      if (answer instanceof ErrorReply) return this.refused(answer, ["MULTI", ...names, "EXEC"][at]!)
    }
    if (done === null) return Effect.fail(new RedisConflictError())
    const replies = (done as ReadonlyArray<Message>).map((reply, at) => textReply(reply, names[at]!))
    return replies.some((reply) => isRedisError(reply, ...cannotServe))
      ? Effect.as(this.condemn, replies)
      : Exit.succeed(replies)
  }

  script(source: string) {
    argument("redis.script", "source", rules.text, source)
    const hash = createHash("sha1").update(source).digest("hex")
    return (keys: ReadonlyArray<Argument>, args: ReadonlyArray<Argument> = []): Effect.Effect<Reply, Failure> => {
      const run = (name: string, script: string) =>
        this.ask("redis.script", name, () => {
          const all = [...words("redis.script", "keys", keys), ...words("redis.script", "args", args)]
          return [script, keys.length, ...all]
        }, textReply)
      return recover(
        run("EVALSHA", hash),
        (error) => isRedisError(error, "NOSCRIPT") ? run("EVAL", source) : Effect.fail(error)
      )
    }
  }
}
