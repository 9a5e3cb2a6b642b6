/**
 * The `socketpool` command: see a pool live, measure a server, check it.
 *
 * @since 3.0.0
 */
import { main as start } from "./internal/main.js"

/**
 * Runs the command as a process: prints to the standard streams and sets the exit code of the process. Takes the
 * arguments of `process.argv`, the first two included. Use it to ship the command within a program of your own.
 *
 * @example
 * ```ts
 * import { Cli } from "@socketpool/cli"
 *
 * // `my-app pools top` runs `socketpool top`.
 * const [node = "", script = "", command, ...rest] = process.argv
 * if (command === "pools") Cli.main([node, script, ...rest])
 * ```
 *
 * @since 3.0.0
 * @category execution
 */
export const main: (argv: ReadonlyArray<string>) => void = start
