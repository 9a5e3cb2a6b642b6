/** Runs a command as a process: its console, its error messages and its exit code. */
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import type * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { stripVTControlCharacters } from "node:util"
import * as Commands from "./commands.js"
import { exitCodes, Failure } from "./failure.js"
import * as Screen from "./screen.js"

const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exitCodes.ok
  const failure = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (failure instanceof Failure) return exitCodes[failure.kind]
  if (ValidationError.isValidationError(failure)) return exitCodes.usage
  return Cause.isInterruptedOnly(exit.cause) ? exitCodes.interrupted : exitCodes.failed
}

/** Turns logs off: the warnings of a pool would overwrite the screen, which shows its failures anyway. */
const noLogs = Logger.remove(Logger.defaultLogger)

/** A console without colours. The help of @effect/cli has colours even if the output is not a terminal. */
const plainConsole: Console.Console = (() => {
  const strip = (args: ReadonlyArray<unknown>) =>
    args.map((arg) => typeof arg === "string" ? stripVTControlCharacters(arg) : String(arg)).join(" ")
  const log = (...args: ReadonlyArray<unknown>) => void process.stdout.write(`${strip(args)}\n`)
  const error = (...args: ReadonlyArray<unknown>) => void process.stderr.write(`${strip(args)}\n`)
  const defaultConsole = Effect.runSync(Effect.console)
  return {
    ...defaultConsole,
    log: (...args) => Effect.sync(() => log(...args)),
    error: (...args) => Effect.sync(() => error(...args)),
    unsafe: { ...defaultConsole.unsafe, log, error }
  }
})()

export const main = (argv: ReadonlyArray<string>): void => {
  // The reader of the pipe has closed it.
  process.stdout.on("error", () => process.exit(exitCodes.ok))
  const screen = Screen.layer(process.stdout, process.stdin, process.env)
  const isPlain = process.stdout.isTTY !== true || process.env["TERM"] === "dumb" ||
    (process.env["NO_COLOR"] ?? "") !== ""
  const printError = (text: string) => Effect.sync(() => void process.stderr.write(`${text}\n`))
  const program = Commands.run(argv).pipe(
    Effect.tapErrorCause((cause) => {
      const failure = Option.getOrUndefined(Cause.failureOption(cause))
      if (failure instanceof Failure) return printError(failure.message)
      // @effect/cli has already printed the message.
      return ValidationError.isValidationError(failure) ? Effect.void : printError(Cause.pretty(cause))
    }),
    isPlain ? Effect.withConsole(plainConsole) : identity,
    Effect.provide(Layer.mergeAll(screen, NodeContext.layer, noLogs))
  )
  NodeRuntime.runMain(program, {
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => onExit(codeOf(exit))
  })
}
