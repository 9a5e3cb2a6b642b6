/**
 * The parts of the JavaScript host that the pool uses if they are there: asynchronous contexts, and timers that do not
 * keep the process alive. They are taken from `process.getBuiltinModule` (Node.js 20.16, Bun 1.2, Deno 2.1), so that
 * nothing is imported and core runs in browsers, which have neither.
 */

interface AsyncResource {
  readonly runInAsyncScope: <A>(run: () => A) => A
}

interface Timer {
  readonly unref: () => void
}

interface Timers {
  readonly setTimeout: (task: () => void, millis: number) => Timer
  readonly clearTimeout: (timer: Timer) => void
}

/** A value of the present asynchronous context. */
export interface AsyncStore<A> {
  readonly getStore: () => A | undefined
  readonly run: <X, B>(value: A, f: (x: X) => B, x: X) => B
}

type Method = (this: unknown, ...args: Array<unknown>) => unknown

interface AsyncHooks {
  readonly AsyncResource: new(type: string, options: object) => AsyncResource
  readonly AsyncLocalStorage: {
    new<A>(): AsyncStore<A>
    readonly prototype: Record<"run" | "enterWith", Method>
  }
}

interface Builtin {
  (id: "node:async_hooks"): AsyncHooks
  (id: "node:timers"): Timers
}

const { process } = globalThis as { process?: { readonly getBuiltinModule?: Builtin } }
const builtin: Builtin | undefined = process?.getBuiltinModule?.bind(process)
const hooks = builtin?.("node:async_hooks")
const timers = builtin?.("node:timers")

/** An asynchronous context: the stores of every `AsyncLocalStorage` as they were when it was taken. */
export type AsyncContext = AsyncResource

const options = { requireManualDestroy: true }

/**
 * Takes the present context. `AsyncLocalStorage.snapshot` does the same, and costs a hundred times as much in
 * Node.js 20.
 */
export const takeContext = (): AsyncContext | undefined =>
  hooks === undefined ? undefined : new hooks.AsyncResource("socketpool", options)

/** The context in which this module was loaded: no borrower's. */
export const rootContext = takeContext()

/** Whether a new resource shows that a store is in use: it has a property for the store, besides its two numbers. */
const hasStore = (resource: object | undefined): boolean =>
  resource !== undefined &&
  Object.getOwnPropertySymbols(resource).some((key, i) =>
    i > 2 || !["number", "undefined"].includes(typeof (resource as Record<symbol, unknown>)[key])
  )

/** Whether the process has ever used a store. Until then no context needs to be taken. */
let usesStores = hasStore(rootContext)

/** Notices the first use of a store, and takes its notice back then. */
const watchForStores = ({ AsyncLocalStorage: { prototype } }: AsyncHooks): void => {
  for (const name of ["run", "enterWith"] as const) {
    const original = prototype[name]
    const noticed: Method = function(...args) {
      usesStores = true
      if (prototype[name] === noticed) prototype[name] = original
      return original.apply(this, args)
    }
    try {
      prototype[name] = noticed
    } catch {
      // The host's objects are frozen.
      usesStores = true
    }
  }
}
if (hooks !== undefined && !usesStores) watchForStores(hooks)

/** Takes the present context if the process uses stores. */
export const currentContext = (): AsyncContext | undefined => usesStores ? takeContext() : undefined

/** The context for a fiber that parked in none: it must not resume in that of a store used since. */
export const noContext = (): AsyncContext | undefined => usesStores ? rootContext : undefined

/** Makes a store, if the host has any. It costs nothing until a value is put into it. */
export const asyncStore = <A>(): AsyncStore<A> | undefined => hooks && new hooks.AsyncLocalStorage<A>()

/** Makes a function run in a context, in whatever context it is called. */
export const bind = <A extends ReadonlyArray<unknown>, B>(
  context: AsyncContext | undefined,
  f: (...args: A) => B
): (...args: A) => B => context === undefined ? f : (...args) => context.runInAsyncScope(() => f(...args))

/** The longest delay of a host's timer; with a longer one it would ring at once. */
const longestTimer = 2 ** 31 - 1

/** Runs a task after a delay, unless the process has nothing else to do and ends before. Returns the cancel. */
export const quietTimer: ((task: () => void, millis: number) => () => void) | undefined = timers && ((task, millis) => {
  const timer = timers.setTimeout(task, millis)
  timer.unref()
  return () => timers.clearTimeout(timer)
})

/** Whether a delay is one that a timer can wait for. */
export const isTimed = (millis: number): boolean => millis <= longestTimer

/** Keeps the process alive until the returned function is called. */
export const keepAlive = (): () => void => {
  if (timers === undefined) return () => {}
  let timer = timers.setTimeout(again, longestTimer)
  function again() {
    timer = timers!.setTimeout(again, longestTimer)
  }
  return () => timers.clearTimeout(timer)
}
