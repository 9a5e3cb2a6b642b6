/**
 * Pages of Chromium through `playwright-core`: each lease gets a page without cookies and without a past.
 */
import { type ConnectionPool, Pool } from "@socketpool/core"
import { Data, Effect, Exit } from "effect"
import { type Browser, chromium, type LaunchOptions, type Page } from "playwright-core"

/** The browser has failed. */
export class BrowserError extends Data.TaggedError("BrowserError")<{
  readonly message: string
  readonly cause: unknown
}> {}

const attempt = <A>(about: string, run: () => Promise<A>): Effect.Effect<A, BrowserError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      new BrowserError({ message: `${about}: ${cause instanceof Error ? cause.message : cause}`, cause })
  })

const launch = (options: LaunchOptions) =>
  Effect.acquireRelease(
    attempt("launch", () => chromium.launch(options)),
    (browser) => Effect.ignore(attempt("close", () => browser.close()))
  )

const openPage = (browsers: ConnectionPool<Browser, BrowserError>) =>
  Effect.gen(function*() {
    const browser = yield* browsers.get
    const context = yield* Effect.acquireRelease(
      attempt("context", () => browser.newContext()),
      (context) => Effect.ignore(attempt("close", () => context.close()))
    )
    return yield* attempt("page", () => context.newPage())
  })

/**
 * A pool of pages over a pool of one browser: a page holds a lease of its browser, so that the browser closes after its
 * last page, and a new one starts when it has crashed.
 */
export const makePages = (options: LaunchOptions & { readonly maxPages?: number }) =>
  Effect.gen(function*() {
    const { maxPages = 4, ...rest } = options
    const browsers = yield* Pool.make({
      name: "browsers",
      maxConnections: 1,
      concurrency: maxPages,
      // It may take seconds to start.
      connectTimeout: "30 seconds",
      acquireTimeout: "30 seconds",
      open: launch(rest),
      isConnected: (browser) => browser.isConnected()
    })
    return yield* Pool.make({
      name: "pages",
      maxConnections: maxPages,
      connectTimeout: "1 minute",
      acquireTimeout: "1 minute",
      // Pages grow. A new one is cheap beside that.
      maxUses: 100,
      open: openPage(browsers),
      isConnected: (page) => !page.isClosed() && page.context().browser()?.isConnected() === true,
      onRelease: (page, exit) =>
        Exit.isFailure(exit)
          ? Effect.succeed("discard" as const)
          : attempt("reset", () => reset(page)).pipe(
            Effect.as("default" as const),
            Effect.orElseSucceed(() => "discard" as const)
          )
    })
  })

/** Removes what a lease may have left: the document with its scripts and timers, cookies and permissions. */
const reset = async (page: Page): Promise<void> => {
  await page.goto("about:blank")
  await page.context().clearCookies()
  await page.context().clearPermissions()
}
