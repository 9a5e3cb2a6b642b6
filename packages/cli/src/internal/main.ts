/** Runs a command as a process: its console, its error messages and its exit code. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Cli from "./cli.js"
import * as Commands from "./commands.js"
import { firstError, isOnlyInterrupted, noLogs, tapCause } from "./effect.js"
import { exitCodes, Failure } from "./failure.js"
import * as Screen from "./screen.js"
import { visible } from "./text.js"

const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exitCodes.ok
  const failure = Option.getOrUndefined(firstError(exit.cause))
  if (failure instanceof Failure) return exitCodes[failure.kind]
  if (Cli.isUsageError(failure)) return exitCodes.usage
  return isOnlyInterrupted(exit.cause) ? exitCodes.interrupted : exitCodes.failed
}

/** Colours, which the help may have even if the output is not a terminal. */
// oxlint-disable-next-line no-control-regex -- it looks for them
const color = /(\x1b\[[\d;]*m)/

/**
 * Makes what Effect's command line prints fit for a terminal. Its errors repeat arguments as they are, and in the help of
 * a subcommand that of Effect 3 leaves out the names of the commands above it.
 */
const printable = (text: string, hasColors: boolean): string =>
  text.split("\n").map((line) =>
    line.replace(/^\$ (?=fleet\b)/, "$ demo ")
      .replace(/^\$ (?!socketpool)(?=\w)/, "$ socketpool ")
      .split(color)
      .map((part, i) => i % 2 === 0 ? visible(part) : hasColors ? part : "")
      .join("")
  ).join("\n")

const withConsole = (hasColors: boolean) => {
  const write = (output: NodeJS.WriteStream, hasColors: boolean) => (...args: ReadonlyArray<unknown>) =>
    void output.write(`${printable(args.map(String).join(" "), hasColors)}\n`)
  // An argument may bring colours, too.
  return Cli.withConsole(write(process.stdout, hasColors), write(process.stderr, false))
}

export const main = (argv: ReadonlyArray<string>): void => {
  // The reader of the pipe has closed it.
  process.stdout.on("error", () => process.exit(exitCodes.ok))
  const screen = Screen.layer(process.stdout, process.stdin, process.env)
  const hasColors = process.stdout.isTTY === true && process.env["TERM"] !== "dumb" &&
    (process.env["NO_COLOR"] ?? "") === ""
  const printError = (text: string) =>
    Effect.sync(() => void process.stderr.write(`${text.split("\n").map(visible).join("\n")}\n`))
  const program = tapCause(Commands.run(argv), (cause) => {
    const failure = Option.getOrUndefined(firstError(cause))
    if (failure instanceof Failure) return printError(failure.message)
    return Cli.isUsageError(failure) ? Effect.void : printError(Cause.pretty(cause))
  }).pipe(
    withConsole(hasColors),
    // The warnings of a pool would overwrite the screen, which shows its failures anyway.
    Effect.provide(Layer.mergeAll(screen, Cli.services, noLogs))
  )
  Cli.runMain(program, codeOf)
}
