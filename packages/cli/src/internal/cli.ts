/** The seam to Effect's command line: flags, arguments, commands, their help, and the process that they run in. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"

// --- Flags ----------------------------------------------------------------------------------------------------------

export type Flag<A> = Options.Options<A>

/** A flag with a text. The help calls the text `metavar`. */
export const text = (name: string, metavar?: string): Flag<string> =>
  metavar === undefined ? Options.text(name) : Options.withPseudoName(Options.text(name), metavar)

/** A flag that is there or not. */
export const toggle = (name: string, about: string): Flag<boolean> =>
  Options.withDescription(Options.boolean(name), about)

export const optional: <A>(flag: Flag<A>) => Flag<Option.Option<A>> = Options.optional

export const withDefault: <A>(flag: Flag<A>, value: A) => Flag<A> = Options.withDefault

export const withDescription: <A>(flag: Flag<A>, about: string) => Flag<A> = Options.withDescription

export const map: <A, B>(flag: Flag<A>, f: (value: A) => B) => Flag<B> = Options.map

/** Replaces the value, or fails with a message. */
export const parse = <A, B>(flag: Flag<A>, f: (value: A) => { readonly value: B } | { readonly problem: string }) =>
  Options.mapEffect(flag, (given) => {
    const found = f(given)
    return "value" in found
      ? Effect.succeed(found.value)
      : Effect.fail(ValidationError.invalidValue(HelpDoc.p(found.problem)))
  })

// --- Commands -------------------------------------------------------------------------------------------------------

export { make as command, withDescription as withAbout, withSubcommands } from "@effect/cli/Command"

export const argument = (name: string, about: string): Args.Args<string> =>
  Args.withDescription(Args.text({ name }), about)

/** The command above all others, with paragraphs about it. */
export const root = <Name extends string>(name: Name, ...paragraphs: readonly [string, ...Array<string>]) => {
  const [first, ...rest] = paragraphs
  return Command.withDescription(
    Command.make(name),
    HelpDoc.blocks([HelpDoc.p(first), ...rest.map((paragraph) => HelpDoc.p(paragraph))])
  )
}

/** Runs the command that the arguments name: those of `process.argv`, the first two included. */
export const runnerOf = <Name extends string, R, E, A>(command: Command.Command<Name, R, E, A>, { version }: {
  readonly version: string
}) => Command.run(command, { name: "socketpool", version })

// --- The process ----------------------------------------------------------------------------------------------------

/** The services of Node, which every command may use. */
export const services = NodeContext.layer

/** Whether the error says that the arguments are wrong. It has been printed. */
export const isUsageError = (error: unknown): boolean => ValidationError.isValidationError(error)

type Write = (...args: ReadonlyArray<unknown>) => void

/** Lets an effect print in these ways. */
export const withConsole = (
  log: Write,
  error: Write
): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> => {
  const usual = Effect.runSync(Effect.console)
  return Effect.withConsole({
    ...usual,
    log: (...args) => Effect.sync(() => log(...args)),
    error: (...args) => Effect.sync(() => error(...args)),
    unsafe: { ...usual.unsafe, log, error }
  })
}

/** Runs an effect as the process, which exits with this code. */
export const runMain = <E>(
  program: Effect.Effect<unknown, E>,
  codeOf: (exit: Exit.Exit<unknown, unknown>) => number
): void =>
  NodeRuntime.runMain(program, {
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => onExit(codeOf(exit))
  })
