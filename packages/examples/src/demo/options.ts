/** The command line of the demo. */
import { Data, Either } from "effect"
import { parseArgs } from "node:util"

export interface Options {
  /** An echo server of the user's own; without one the demo starts its own. */
  readonly server: { readonly host: string; readonly port: number } | undefined
  readonly seconds: number
  readonly connections: number
  readonly fibers: number
}

export type Command = { readonly _tag: "Help" } | { readonly _tag: "Run"; readonly options: Options }

/** An option whose value breaks its rule. */
export class BadOption extends Data.TaggedError("BadOption")<{
  readonly option: string
  readonly value: string | undefined
  readonly rule: string
}> {
  override get message(): string {
    const value = this.value === undefined ? "is missing" : `is ${JSON.stringify(this.value)}`
    return `${this.option} must be ${this.rule}, but ${value}`
  }
}

/** An argument that the demo does not know. */
export class UnknownArgument extends Data.TaggedError("UnknownArgument")<{ readonly argument: string }> {
  override get message(): string {
    return `${this.argument} is not an option; there are ${names.map((name) => `--${name}`).join(", ")}`
  }
}

export type UsageError = BadOption | UnknownArgument

interface Rule<A> {
  readonly text: string
  readonly read: (value: string) => A | undefined
}

const number = (text: string, pattern: RegExp, least: number, most: number): Rule<number> => ({
  text: `${text} from ${least} to ${most}`,
  read: (value) => pattern.test(value) && Number(value) >= least && Number(value) <= most ? Number(value) : undefined
})

const whole = (least: number, most: number): Rule<number> => number("a whole number", /^\d+$/, least, most)

const rules = {
  host: { text: "a name or an address", read: (value: string) => value.length > 0 ? value : undefined },
  port: whole(1, 65_535),
  seconds: number("a number", /^\d+(\.\d+)?$/, 1, 3600),
  connections: whole(1, 1000),
  fibers: whole(1, 10_000)
}

const names = ["help", ...Object.keys(rules)]

const defaults = { host: "127.0.0.1", seconds: 8, connections: 8, fibers: 300 }

export const usage = `Usage: npm start -- [options]

Fibers share a small pool of TCP connections to an echo server, which is killed
and started again meanwhile.

  --host <name>        an echo server of your own; goes with --port (${defaults.host})
  --port <n>           its port; without it the demo starts a server, and restarts it
  --seconds <n>        how long the fibers go on (${defaults.seconds})
  --connections <n>    the most connections the pool may have (${defaults.connections})
  --fibers <n>         how many fibers share them (${defaults.fibers})
  --help               this text

Exit code: 0 when all went well, 1 when a reply was wrong, the pool did not
recover or its numbers do not add up, 2 for a wrong option, 130 when interrupted.`

/** Reads the arguments that follow the program's name. */
export const parse = (args: ReadonlyArray<string>): Either.Either<Command, UsageError> =>
  Either.gen(function*() {
    const given = new Map<string, string | undefined>()
    const string = { type: "string" } as const
    const { tokens } = parseArgs({
      args: [...args],
      strict: false,
      tokens: true,
      options: {
        help: { type: "boolean", short: "h" },
        host: string,
        port: string,
        seconds: string,
        connections: string,
        fibers: string
      }
    })
    for (const token of tokens) {
      if (token.kind === "positional") yield* Either.left(new UnknownArgument({ argument: token.value }))
      if (token.kind !== "option") continue
      if (!names.includes(token.name)) yield* Either.left(new UnknownArgument({ argument: token.rawName }))
      given.set(token.name, token.value)
    }
    if (given.has("help")) return { _tag: "Help" } as const

    const read = <K extends keyof typeof rules>(name: K) => readOption(given, name)
    const host = yield* read("host")
    const port = yield* read("port")
    if (host !== undefined && port === undefined) {
      return yield* Either.left(new BadOption({ option: "--port", value: undefined, rule: "given when --host is" }))
    }
    const options: Options = {
      server: port === undefined ? undefined : { host: host ?? defaults.host, port },
      seconds: (yield* read("seconds")) ?? defaults.seconds,
      connections: (yield* read("connections")) ?? defaults.connections,
      fibers: (yield* read("fibers")) ?? defaults.fibers
    }
    return { _tag: "Run", options } as const
  })

type Value<K extends keyof typeof rules> = ReturnType<(typeof rules)[K]["read"]>

const readOption = <K extends keyof typeof rules>(
  given: ReadonlyMap<string, string | undefined>,
  name: K
): Either.Either<Value<K>, BadOption> => {
  if (!given.has(name)) return Either.right(undefined as Value<K>)
  const value = given.get(name)
  const { read, text } = rules[name]
  const result = value === undefined ? undefined : read(value)
  return result === undefined ?
    Either.left(new BadOption({ option: `--${name}`, value, rule: text })) :
    Either.right(result as Value<K>)
}
