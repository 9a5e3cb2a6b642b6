/** The demo's output: on a terminal one line is rewritten in place, elsewhere every line stays. */
import { Logger } from "effect"

/** As much of `process.stdout` as the screen needs. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export type Tone = "plain" | "bold" | "green" | "red"

const codes = { bold: 1, green: 32, red: 31 }
const toStartOfLine = "\r"
const eraseToEnd = "\x1b[K"

export class Screen {
  /** Whether the live line can be rewritten in place. */
  readonly rewrites: boolean
  private readonly colours: boolean
  private live = false

  constructor(private readonly output: Output, env: { readonly [name: string]: string | undefined }) {
    this.rewrites = output.isTTY === true && env.TERM !== "dumb"
    this.colours = this.rewrites && (env.NO_COLOR ?? "") === ""
  }

  /** How many characters a line can have without being broken by the terminal. */
  get width(): number {
    return this.rewrites ? Math.max(20, (this.output.columns ?? 80) - 1) : 100
  }

  /** Prints a line that stays, above the live one. */
  print(text = "", tone: Tone = "plain"): void {
    this.output.write(`${this.erase()}${this.paint(text, tone)}\n`)
  }

  /** Shows the live line in place of the one before, or prints it where nothing can be rewritten. */
  show(text: string, tone: Tone = "plain"): void {
    if (!this.rewrites) return this.print(text)
    this.output.write(`${this.erase()}${this.paint(text, tone)}`)
    this.live = true
  }

  /** Leaves the live line where it is; what follows goes below. */
  keep(): void {
    if (this.live) this.output.write("\n")
    this.live = false
  }

  /** Effect's log, printed above the live line rather than into it. */
  get logger(): Logger.Logger<unknown, void> {
    return Logger.map(Logger.logfmtLogger, (line) => this.print(line))
  }

  private erase(): string {
    const erase = this.live ? toStartOfLine + eraseToEnd : ""
    this.live = false
    return erase
  }

  private paint(text: string, tone: Tone): string {
    return this.colours && tone !== "plain" && text.length > 0 ? `\x1b[${codes[tone]}m${text}\x1b[0m` : text
  }
}
