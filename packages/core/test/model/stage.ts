import { type ConnectionPool, Pool } from "@socketpool/core"
import { exitOf, provideScope, reasonOf } from "@socketpool/test-seam"
import { Cause, Effect, type Exit, Scope } from "effect"
import { Books } from "./books.js"
import { type Behaviour, Connector, type Hook, type Link, type OpenFailure } from "./connector.js"
import { Examiner } from "./promises.js"
import { poolOptions, type Setting } from "./setting.js"
import { Timeline } from "./timeline.js"

export type TestPool = ConnectionPool<Link, OpenFailure>

/** Changes a pool's options, or the pool itself, for the worse. */
export interface Plant {
  readonly setting?: (setting: Setting) => Setting
  readonly options?: (connector: Connector) => Partial<Pool.Options<Link, OpenFailure>>
  readonly pool?: (pool: TestPool) => TestPool
}

/** A promise is broken. */
export class Violation extends Error {}

export const isTagged = (exit: Exit.Exit<unknown, unknown>, tag: string): boolean =>
  exit._tag === "Failure" && reasonOf(exit.cause) === "Fail" &&
  (Cause.squash(exit.cause) as { readonly _tag?: string })._tag === tag

/** A pool, what surrounds it, and who watches it. */
export class Stage {
  protected readonly timeline: Timeline
  protected readonly connector: Connector
  protected readonly books: Books
  protected readonly examiner: Examiner
  protected readonly pool: TestPool
  protected readonly scope = Effect.runSync(Scope.make())
  protected readonly next: { readonly [_ in Hook]: Array<Behaviour> } = {
    open: [],
    validate: [],
    onRelease: [],
    close: []
  }

  /** The answers of hooks for which nothing else is said. */
  protected readonly usual: { [_ in Hook]: Behaviour }

  constructor(
    setting: Setting,
    plant: Plant = {},
    usual: { readonly [_ in Hook]?: Behaviour } = {},
    firstOpens: ReadonlyArray<Behaviour> = []
  ) {
    this.next.open.push(...firstOpens)
    this.usual = { open: "ok", validate: "ok", onRelease: "ok", close: "ok", ...usual }
    const timeline = new Timeline({ stepsBeforeYield: setting.stepsBeforeYield })
    const books = new Books(setting, () => timeline.now)
    const connector = new Connector((hook) => this.next[hook].shift() ?? this.usual[hook], books, setting.opensEarly)
    const altered = plant.setting?.(setting) ?? setting
    const options = { ...poolOptions(altered, connector), ...plant.options?.(connector) }
    const made = timeline.fork(provideScope(Pool.make(options), this.scope))
    timeline.settle()
    const exit = exitOf(made)
    if (exit?._tag !== "Success") throw new Violation(`the pool was not made: ${String(exit)}`)
    this.timeline = timeline
    this.connector = connector
    this.books = books
    this.examiner = new Examiner(books)
    this.pool = plant.pool?.(exit.value) ?? exit.value
    this.examine()
    const open = Math.max(setting.min, setting.initial)
    if (this.usual.open === "ok" && books.opened !== open) {
      throw new Violation(`${books.opened} instead of ${open} were opened at the start`)
    }
  }

  /** The lines that the pool has logged. */
  get log(): ReadonlyArray<string> {
    return this.timeline.log
  }

  protected rest(): void {
    this.timeline.settle()
    this.examine()
  }

  protected examine(): void {
    const stats = this.timeline.call(this.pool.stats)
    if (stats._tag === "Failure") throw new Violation(`no stats: ${String(stats.cause)}`)
    this.examiner.examine(stats.value)
    const { problems } = this.books
    if (problems.length > 0) throw new Violation(`${problems.join("\n")}\n${JSON.stringify(stats.value)}`)
  }

  protected notFound(operation: string, exit: Exit.Exit<unknown, unknown>): void {
    if (!isTagged(exit, "ConnectionNotFoundError")) {
      this.books.problem(`${operation} of a connection that is not there: ${String(exit)}`)
    }
  }
}
