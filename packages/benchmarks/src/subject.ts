/** What is compared: pools, and the limits of what they are built on. */

/** Hears of every lease: when it is asked for and when it is there. Only where waits are measured. */
export interface Watch {
  readonly asked: (borrower: number) => void
  readonly served: (borrower: number) => void
}

/** One pool whose connections are all open. */
export interface Lending {
  /**
   * So many borrowers at once, each of which takes and gives back a connection so many times. With `steps`, each holder
   * steps aside once while it has it: a turn of the microtask queue, or a yield of its fiber.
   */
  readonly run: (load: Load) => Promise<void>
  /** Has so many wait for the only connection and takes them out of the queue again; in how many milliseconds. */
  readonly cancel?: (waiters: number) => Promise<number>
  readonly close: () => Promise<unknown>
}

export interface Load {
  readonly borrowers: number
  readonly leases: number
  readonly steps: boolean
  readonly watch?: Watch
  /** What each holder waits for before it gives its connection back. */
  readonly gate?: () => Promise<unknown>
  /** After how long, in milliseconds, one whose borrow has failed asks again; without it, the run fails. */
  readonly retryMillis?: number
}

export interface Subject {
  readonly name: string
  /** What runs it: a limit is what a pool of that kind cannot be faster than. */
  readonly kind: "ours" | "pool" | "limit"
  /** Where it comes from, with its version. */
  readonly from: string
  /** Whether a borrow can have a timeout. */
  readonly canTimeOut: boolean
  /** Whether a borrow costs more the more others wait. */
  readonly isSlowInQueues?: boolean
  /** A pool of so many connections, all of them open. With a timeout, each borrow has one, in milliseconds. */
  readonly open: (size: number, timeout?: number) => Promise<Lending>
  /**
   * Makes a pool of so many idle connections, has them expire after a second, and waits until they are gone: the longest
   * time, in milliseconds, for which the event loop stood still.
   */
  readonly reap?: (size: number) => Promise<number>
  /** A pool of at most so many connections, made by a connector of the test's. */
  readonly over?: (connector: Connector, size: number) => Promise<Lending>
}

/** Opens connections as a test wants. */
export interface Connector {
  /** How long opening takes, in milliseconds. */
  readonly millis: number
  /** Called when an open begins; throws if it is to fail. */
  readonly begin: () => void
}

/** What stands for a connection. */
export interface Thing {
  readonly id: number
}

export const things = (): () => Thing => {
  let id = 0
  return () => ({ id: ++id })
}
