/** Runs a command as a process: its console, its error messages and its exit code. */
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import type * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Commands from "./commands.js"
import { exitCodes, Failure } from "./failure.js"
import * as Screen from "./screen.js"
import { visible } from "./text.js"

const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exitCodes.ok
  const failure = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (failure instanceof Failure) return exitCodes[failure.kind]
  if (ValidationError.isValidationError(failure)) return exitCodes.usage
  return Cause.isInterruptedOnly(exit.cause) ? exitCodes.interrupted : exitCodes.failed
}

/** Turns logs off: the warnings of a pool would overwrite the screen, which shows its failures anyway. */
const noLogs = Logger.remove(Logger.defaultLogger)

/** Colours, which the help of @effect/cli has even if the output is not a terminal. */
// oxlint-disable-next-line no-control-regex -- it looks for them
const color = /(\x1b\[[\d;]*m)/

/**
 * Makes what @effect/cli prints fit for a terminal. Its errors repeat arguments as they are, and in the help of a
 * subcommand it leaves out the names of the commands above it.
 */
const printable = (text: string, hasColors: boolean): string =>
  text.split("\n").map((line) =>
    line.replace(/^\$ (?=fleet\b)/, "$ demo ")
      .replace(/^\$ (?!socketpool)(?=\w)/, "$ socketpool ")
      .split(color)
      .map((part, i) => i % 2 === 0 ? visible(part) : hasColors ? part : "")
      .join("")
  ).join("\n")

const consoleOf = (hasColors: boolean): Console.Console => {
  const write = (output: NodeJS.WriteStream, hasColors: boolean) => (...args: ReadonlyArray<unknown>) =>
    void output.write(`${printable(args.map(String).join(" "), hasColors)}\n`)
  const log = write(process.stdout, hasColors)
  // An argument may bring colours, too.
  const error = write(process.stderr, false)
  const defaultConsole = Effect.runSync(Effect.console)
  return {
    ...defaultConsole,
    log: (...args) => Effect.sync(() => log(...args)),
    error: (...args) => Effect.sync(() => error(...args)),
    unsafe: { ...defaultConsole.unsafe, log, error }
  }
}

export const main = (argv: ReadonlyArray<string>): void => {
  // The reader of the pipe has closed it.
  process.stdout.on("error", () => process.exit(exitCodes.ok))
  const screen = Screen.layer(process.stdout, process.stdin, process.env)
  const hasColors = process.stdout.isTTY === true && process.env["TERM"] !== "dumb" &&
    (process.env["NO_COLOR"] ?? "") === ""
  const printError = (text: string) =>
    Effect.sync(() => void process.stderr.write(`${text.split("\n").map(visible).join("\n")}\n`))
  const program = Commands.run(argv).pipe(
    Effect.tapErrorCause((cause) => {
      const failure = Option.getOrUndefined(Cause.failureOption(cause))
      if (failure instanceof Failure) return printError(failure.message)
      // @effect/cli has already printed the message.
      return ValidationError.isValidationError(failure) ? Effect.void : printError(Cause.pretty(cause))
    }),
    Effect.withConsole(consoleOf(hasColors)),
    Effect.provide(Layer.mergeAll(screen, NodeContext.layer, noLogs))
  )
  NodeRuntime.runMain(program, {
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => onExit(codeOf(exit))
  })
}
