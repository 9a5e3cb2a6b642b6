/** The subjects: pools, and the limits of the runtimes they are built on. */

/** Called for every lease: at the request and when it is served. Only for workloads that measure waits. */
export interface Watch {
  readonly asked: (borrower: number) => void
  readonly served: (borrower: number) => void
}

/** One pool whose connections are all open. */
export interface Lending {
  /**
   * Runs `borrowers` at once, each of which borrows and releases a connection `leases` times. With `steps`, each holder
   * yields once during its lease: a turn of the microtask queue, or a yield of its fiber. With `paces`, each borrower
   * yields once more after its lease, before it borrows again.
   */
  readonly run: (load: Load) => Promise<void>
  /** Queues waiters for the only connection and cancels them. Returns the milliseconds that the cancelling took. */
  readonly cancel?: (waiters: number) => Promise<number>
  readonly close: () => Promise<unknown>
}

export interface Load {
  readonly borrowers: number
  readonly leases: number
  readonly steps: boolean
  readonly paces?: boolean
  readonly watch?: Watch
  /** Delays the release: each holder waits for this promise first. */
  readonly gate?: () => Promise<unknown>
  /** Retries a failed borrow after this many milliseconds. Without it, the run fails. */
  readonly retryMillis?: number
}

export interface Subject {
  readonly name: string
  /** The kind of subject. A limit is an upper bound: no pool on the same runtime can be faster. */
  readonly kind: "ours" | "pool" | "limit"
  /** The package and its version. */
  readonly from: string
  /** Whether a borrow can have a timeout. */
  readonly canTimeOut: boolean
  /** Whether the cost of a borrow grows with the queue. */
  readonly isSlowInQueues?: boolean
  /** Makes a pool of `size` open connections. With `timeout`, in milliseconds, each borrow has one. */
  readonly open: (size: number, timeout?: number) => Promise<Lending>
  /**
   * Makes a pool of `size` idle connections that expire after a second, and waits until all are closed. Returns the
   * longest pause of the event loop, in milliseconds.
   */
  readonly reap?: (size: number) => Promise<number>
  /** Makes a pool of at most `size` connections over the test's connector. */
  readonly over?: (connector: Connector, size: number) => Promise<Lending>
}

/** A scripted open. */
export interface Connector {
  /** The duration of an open, in milliseconds. */
  readonly millis: number
  /** Called when an open begins. The open fails if this throws. */
  readonly begin: () => void
}

/** A stand-in for a connection. */
export interface Thing {
  readonly id: number
}

export const things = (): () => Thing => {
  let id = 0
  return () => ({ id: ++id })
}
