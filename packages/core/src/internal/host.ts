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

interface Builtin {
  (id: "node:async_hooks"): { readonly AsyncResource: new(type: string, options: object) => AsyncResource }
  (id: "node:timers"): Timers
}

const { process } = globalThis as { process?: { readonly getBuiltinModule?: Builtin } }
const builtin: Builtin | undefined = process?.getBuiltinModule?.bind(process)
const Resource = builtin?.("node:async_hooks").AsyncResource
const timers = builtin?.("node:timers")

/** An asynchronous context: the stores of every `AsyncLocalStorage` as they were when it was taken. */
export type AsyncContext = AsyncResource

const options = { requireManualDestroy: true }

/**
 * Takes the present context. `AsyncLocalStorage.snapshot` does the same, and costs a hundred times as much in
 * Node.js 20.
 */
export const currentContext = (): AsyncContext | undefined =>
  Resource === undefined ? undefined : new Resource("socketpool", options)

/** Makes a function run in a context, whoever calls it. */
export const bind = <A extends ReadonlyArray<unknown>, B>(
  context: AsyncContext | undefined,
  f: (...args: A) => B
): (...args: A) => B => context === undefined ? f : (...args) => context.runInAsyncScope(() => f(...args))

/** The context in which this module was loaded: no borrower's. */
export const rootContext = currentContext()

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
