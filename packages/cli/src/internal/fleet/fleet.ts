/** The processes of the fleet, as the demo that has started them knows them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import { async } from "../effect.js"
import { type Command, type Orders, type Report, variable } from "./member.js"
import { Story } from "./story.js"

/** The command that starts this program once more. */
export interface Program {
  readonly path: string
  readonly args: ReadonlyArray<string>
}

/** The most borrowers of one process. */
export const maxBorrowers = 40

/** The span of the rate of leases, in milliseconds. */
const rateMillis = 1_000

/** Keeps the last output of a process on its standard error, for the line that tells of its end. */
const keptErrors = 500

export class Member {
  private child: ChildProcess | undefined
  private reports: Array<{ readonly at: number; readonly report: Report }> = []
  private isKilled = false
  private errors = ""

  constructor(
    readonly number: number,
    private readonly program: Program,
    private readonly orders: Omit<Orders, "number" | "borrowers">,
    private readonly story: Story,
    public borrowers: number
  ) {}

  get pid(): number | undefined {
    return this.child?.pid
  }

  get state(): "starting" | "alive" | "dead" {
    return this.child === undefined ? "dead" : this.reports.length === 0 ? "starting" : "alive"
  }

  get report(): Report | undefined {
    return this.reports.at(-1)?.report
  }

  get leasesPerSecond(): number {
    const [first, last] = [this.reports[0], this.reports.at(-1)]
    if (first === undefined || last === undefined || first.at === last.at) return 0
    return (last.report.acquired - first.report.acquired) / (last.at - first.at) * 1_000
  }

  start(): void {
    if (this.child !== undefined) return
    const orders: Orders = { ...this.orders, number: this.number, borrowers: this.borrowers }
    const child = fork(this.program.path, this.program.args, {
      env: { ...process.env, [variable]: JSON.stringify(orders) },
      // The keys of the terminal are for the demo alone.
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"]
    })
    this.child = child
    this.isKilled = false
    this.errors = ""
    this.story.started(Date.now(), this.number)
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.errors = (this.errors + text).slice(-keptErrors)
    })
    child.on("message", (message) => this.received(message as { readonly _tag?: string }))
    child.once("error", ({ message }) => this.ended(message))
    child.once("close", (code, signal) => {
      const why = this.errors.trim().split("\n").at(-1)
      this.ended(signal === null ? `ended with exit code ${code}${why ? `: ${why}` : ""}` : `ended by ${signal}`)
    })
  }

  kill(): void {
    if (this.child === undefined) return
    this.isKilled = true
    this.child.kill("SIGKILL")
  }

  /** Waits until the process is gone. */
  readonly stop: Effect.Effect<void> = async((resume) => {
    const { child } = this
    if (child?.pid === undefined) return resume(Effect.void)
    child.once("close", () => resume(Effect.void))
    this.kill()
  })

  setBorrowers(borrowers: number): void {
    this.borrowers = Math.max(0, Math.min(maxBorrowers, borrowers))
    const command: Command = { borrowers: this.borrowers }
    if (this.child?.connected === true) this.child.send(command, () => {})
  }

  private received(message: { readonly _tag?: string }): void {
    // A loader may send messages of its own.
    if (message._tag !== "Report" || this.child === undefined || this.isKilled) return
    const at = Date.now()
    const report = message as Report
    const isFirst = this.reports.length === 0
    this.reports.push({ at, report })
    while (this.reports.length > 2 && this.reports[1]!.at <= at - rateMillis) this.reports.shift()
    // The load may have been changed while the process started.
    if (isFirst) this.setBorrowers(this.borrowers)
    this.story.reported(at, this.number, report)
  }

  private ended(how: string): void {
    if (this.child === undefined) return
    this.child = undefined
    this.reports = []
    this.story.died(Date.now(), this.number, this.isKilled ? "is killed (SIGKILL)" : how)
  }
}

/** Starts the processes. They end when the scope closes, and when this process ends in any other way. */
export const start = (
  program: Program,
  orders: Omit<Orders, "number" | "borrowers">,
  borrowers: number
): Effect.Effect<
  { readonly members: ReadonlyArray<Member>; readonly story: Story },
  never,
  Scope.Scope
> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const story = new Story()
      const members = [1, 2, 3, 4].map((number) => new Member(number, program, orders, story, borrowers))
      for (const member of members) member.start()
      return { members, story }
    }),
    ({ members }) => Effect.forEach(members, ({ stop }) => stop, { concurrency: "unbounded", discard: true })
  )
