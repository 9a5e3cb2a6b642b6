/** The terminal of a command: its output, its size, and key presses. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ReadStream, WriteStream } from "node:tty"
import { streamOfCallbacks, tag } from "./effect.js"
import { visible } from "./text.js"

export interface Device {
  /** True if lines can be rewritten in place. */
  readonly isTerminal: boolean
  readonly hasColors: boolean
  /** True if it shows block characters, not only ASCII. */
  readonly hasBlocks: boolean
  readonly columns: () => number
  readonly rows: () => number
  /** Writes a text as it is; only this module calls it, with what `render` has made. */
  readonly write: (text: string) => Effect.Effect<void>
  /** Listens for key presses until the scope closes, one string each; without a terminal there are none. */
  readonly keys: Effect.Effect<Stream.Stream<string>, never, Scope.Scope>
}

export class Screen extends tag<Screen, Device>()("@socketpool/cli/Screen") {}

export type Tone = "plain" | "bold" | "dim" | "good" | "warn" | "bad" | "inverse"

const codes = { bold: 1, dim: 2, good: 32, warn: 33, bad: 31, inverse: 7 } as const

/** A text and its tone. */
export interface Styled {
  readonly text: string
  readonly tone: Tone
}

/** A line of a screen. It holds no control characters of ours, so those of foreign text can all be made visible. */
export type Line = string | Styled | ReadonlyArray<string | Styled>

export const paint = (text: string, tone: Tone): Styled => ({ text, tone })

/** Makes the text that is written for a line: the only place where control characters are added. */
const render = ({ hasColors }: Device, line: Line): string =>
  (Array.isArray(line) ? line as ReadonlyArray<string | Styled> : [line as string | Styled]).map((piece) => {
    const { text, tone } = typeof piece === "string" ? paint(piece, "plain") : piece
    const shown = visible(text)
    return hasColors && tone !== "plain" && shown !== "" ? `\x1b[${codes[tone]}m${shown}\x1b[0m` : shown
  }).join("")

/** Draws a bar, a fraction of it filled. */
export const bar = ({ hasBlocks }: Device, part: number, width: number): string => {
  const full = Math.round(Math.min(1, part) * width)
  return (hasBlocks ? "█" : "#").repeat(full) + (hasBlocks ? "░" : ".").repeat(width - full)
}

/** Draws a row of numbers, each as one character whose height is its part of the greatest. */
export const sparkline = ({ hasBlocks }: Device, values: ReadonlyArray<number>): string => {
  const heights = hasBlocks ? "▁▂▃▄▅▆▇█" : "_.:-=+*#"
  const most = Math.max(1, ...values)
  return values.map((value) => heights[Math.min(7, Math.ceil(value / most * 7))]).join("")
}

/** Prints lines. */
export const print = (...lines: ReadonlyArray<Line>): Effect.Effect<void, never, Screen> =>
  Effect.flatMap(
    Screen,
    (device) => device.write(`${lines.map((line) => render(device, line)).join("\n")}\n`)
  )

/** Prints a JSON document as one line. */
export const printJson = (document: unknown): Effect.Effect<void, never, Screen> => print(JSON.stringify(document))

// The alternate screen, no cursor, and lines that are cut at the edge instead of going on below.
const enter = "\x1b[?1049h\x1b[?25l\x1b[?7l"
const leave = "\x1b[?7h\x1b[?25h\x1b[?1049l"

/** Draws on the alternate screen, each time over the last picture. When the scope closes, the screen before is back. */
export const fullScreen: Effect.Effect<
  (lines: ReadonlyArray<Line>) => Effect.Effect<void>,
  never,
  Screen | Scope.Scope
> = Effect.flatMap(Screen, (device) =>
  Effect.as(
    Effect.acquireRelease(device.write(enter), () => device.write(leave)),
    (lines: ReadonlyArray<Line>) =>
      device.write(
        `\x1b[H${lines.slice(0, device.rows()).map((line) => `${render(device, line)}\x1b[K`).join("\r\n")}\x1b[J`
      )
  ))

/** Draws one line over itself, for example a progress bar, until the scope closes. */
export const statusLine: Effect.Effect<(line: Line) => Effect.Effect<void>, never, Screen | Scope.Scope> = Effect
  .flatMap(
    Screen,
    (device) =>
      device.isTerminal
        ? Effect.as(
          Effect.addFinalizer(() => device.write("\r\x1b[K")),
          (line: Line) => device.write(`\r${render(device, line)}\x1b[K`)
        )
        : Effect.succeed(() => Effect.void)
  )

const keysOf = (input: ReadStream): Device["keys"] =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        input.setRawMode(true)
        input.resume()
      }),
      () =>
        Effect.sync(() => {
          input.setRawMode(false)
          input.pause()
        })
    ),
    () =>
      streamOfCallbacks<string>((emit) => {
        const onData = (chunk: Buffer) => emit(chunk.toString("utf8"))
        input.on("data", onData)
        return () => void input.off("data", onData)
      })
  )

/** Makes the screen of a process from its streams and its environment. */
export const layer = (
  output: NodeJS.WriteStream | WriteStream,
  input: NodeJS.ReadStream,
  env: Readonly<Record<string, string | undefined>>
): Layer.Layer<Screen> => {
  const isTerminal = output.isTTY === true && env["TERM"] !== "dumb"
  return Layer.succeed(Screen, {
    isTerminal,
    hasColors: isTerminal && (env["NO_COLOR"] ?? "") === "",
    hasBlocks: /utf-?8/i.test(env["LC_ALL"] ?? env["LC_CTYPE"] ?? env["LANG"] ?? ""),
    columns: () => isTerminal ? Math.max(40, output.columns) : 100,
    rows: () => isTerminal ? output.rows : Infinity,
    write: (text) => Effect.sync(() => void output.write(text)),
    keys: isTerminal && input.isTTY === true ? keysOf(input as ReadStream) : Effect.succeed(Stream.empty)
  })
}
