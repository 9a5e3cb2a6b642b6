/** Borrowers that are no fibers: code that waits by promises. */
import { asyncStore } from "./host.js"

let callers = 0

/** One call of a promise borrower. It holds what a fiber would hold. */
export class Caller {
  readonly number = ++callers
  /** Promises have no span. */
  readonly currentSpan = undefined
  /** Whether its `use` has ended: what still runs in its asynchronous context is no longer part of it. */
  hasEnded = false

  constructor(
    /** The call within whose `use` this one was made. */ public parent: Caller | undefined,
    private readonly own?: string
  ) {}

  get label(): string | undefined {
    return this.own ?? this.parent?.label
  }

  /** Whether this call was made within the `use` of another, directly or not. */
  isWithin(other: unknown): boolean {
    for (let caller = this.parent; caller !== undefined; caller = caller.parent) {
      if (caller === other) return true
    }
    return false
  }
}

const store = asyncStore<Caller>()

/**
 * The call within whose `use` the present code runs. Calls that have ended drop out of the chain: a timer that was
 * started within one may call the pool for ever, and would make the chain longer each time.
 */
export const enclosing = (): Caller | undefined => {
  let caller = store?.getStore()
  while (caller?.hasEnded === true) caller = caller.parent
  while (caller?.parent?.hasEnded === true) caller.parent = caller.parent.parent
  return caller
}

/** Runs a function, and all that it starts, within a call. */
export const runWithin = <X, A>(caller: Caller, f: (x: X) => A, x: X): A =>
  store === undefined ? f(x) : store.run(caller, f, x)
