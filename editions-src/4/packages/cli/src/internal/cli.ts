/** The seam to the command line of Effect 4: flags, arguments, commands, their help, and the process that they run in. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"

// --- Flags ----------------------------------------------------------------------------------------------------------

export type Flag<A> = Flags.Flag<A>

/** A flag with a text. The help calls the text `metavar`. */
export const text = (name: string, metavar?: string): Flag<string> =>
  metavar === undefined ? Flags.String(name) : Flags.withMetavar(Flags.String(name), metavar)

/** A flag that is there or not. */
export const toggle = (name: string, about: string): Flag<boolean> =>
  Flags.withDescription(Flags.withDefault(Flags.withoutNegation(Flags.Boolean(name)), false), about)

export const optional: <A>(flag: Flag<A>) => Flag<Option.Option<A>> = Flags.optional

export const withDefault = <A>(flag: Flag<A>, value: A): Flag<A> => Flags.withDefault(flag, value)

export const withDescription: <A>(flag: Flag<A>, about: string) => Flag<A> = Flags.withDescription

export const map: <A, B>(flag: Flag<A>, f: (value: A) => B) => Flag<B> = Flags.map

/** Replaces the value, or fails with a message. */
export const parse = <A, B>(
  flag: Flag<A>,
  f: (value: A) => { readonly value: B } | { readonly problem: string }
): Flag<B> =>
  Flags.mapEffect(flag, (given) => {
    const found = f(given)
    return "value" in found
      ? Effect.succeed(found.value)
      : Effect.fail(new CliError.ValidationError({ message: found.problem }))
  })

// --- Commands -------------------------------------------------------------------------------------------------------

export { make as command, withDescription as withAbout, withSubcommands } from "effect/cli/Command"

export const argument = (name: string, about: string): Argument.Argument<string> =>
  Argument.withDescription(Argument.String(name), about)

/** The command above all others, with paragraphs about it. */
export const root = <Name extends string>(name: Name, ...paragraphs: readonly [string, ...Array<string>]) =>
  Command.withDescription(Command.make(name), paragraphs.join("\n\n  "))

/** Whether somebody asked for nothing, and has been shown the help. */
const isHelp = (error: unknown): error is CliError.ShowHelp =>
  CliError.isCliError(error) && error._tag === "ShowHelp" && error.errors.length === 0

/** Prints the version alone, and of wrong arguments what is wrong with them, without the help. */
const presenter: CliOutput.Presenter = {
  present: (event) => {
    switch (event._tag) {
      case "Version":
        return Console.log(event.version)
      case "InvalidInvocation":
        return Console.error(event.errors.map(({ message }) => message).join("\n"))
      case "Help":
        return CliOutput.defaultPresenter.present(event)
    }
  }
}

/** The arguments, with a value such as `-1s` joined to its flag: Effect would read flags of one letter in it. */
const joined = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all: Array<string> = []
  for (const arg of args) {
    const last = all.at(-1)
    if (/^-\d/.test(arg) && last !== undefined && /^--[^=]+$/.test(last)) all[all.length - 1] = `${last}=${arg}`
    else all.push(arg)
  }
  return all
}

/**
 * Runs the command that the arguments name: those of `process.argv`, the first two included. The version is that of the
 * edition for Effect 3.
 */
export const runnerOf = <Name extends string, Input, ContextInput, E, R>(
  command: Command.Command<Name, Input, ContextInput, E, R>,
  { version }: { readonly version: string }
) => {
  const run = Command.runWith(command, { version: version.replace(/^\d+/, "4") })
  return (argv: ReadonlyArray<string>) =>
    Effect.catchIf(run(joined(argv.slice(2))), isHelp, () => Effect.void).pipe(
      Effect.provideService(CliOutput.Presenter, presenter)
    )
}

// --- The process ----------------------------------------------------------------------------------------------------

/** The services of Node, which every command may use. */
export const services = NodeServices.layer

/** Whether the error says that the arguments are wrong. It has been printed. */
export const isUsageError = (error: unknown): boolean => CliError.isCliError(error)

type Write = (...args: ReadonlyArray<unknown>) => void

/** Lets an effect print in these ways. */
export const withConsole =
  (log: Write, error: Write) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Console.consoleWith((usual) =>
      Effect.provideService(effect, Console.Console, Object.assign(Object.create(usual), { log, error }))
    )

/** Runs an effect as the process, which exits with this code. */
export const runMain = <E>(
  program: Effect.Effect<unknown, E>,
  codeOf: (exit: Exit.Exit<unknown, unknown>) => number
): void =>
  NodeRuntime.runMain(program, {
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(codeOf(exit))
  })
