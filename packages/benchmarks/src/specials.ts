/** Measurements other than rates, in the process of one subject. */
import { setTimeout as sleep } from "node:timers/promises"
import { heapUsed } from "./probes.js"
import type { Connector, Lending, Subject } from "./subject.js"

type Special = (subject: Subject, size: number) => Promise<number>

/** Waits until every started borrower waits for something. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next))
}

/** Starts borrowers, runs the body while as many as possible hold a connection, and ends their leases. */
const whileHeld = async <A>(
  lending: Lending,
  borrowers: number,
  body: (holders: number) => Promise<A>
): Promise<A> => {
  let holders = 0
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const gate = () => {
    holders++
    return held
  }
  const over = lending.run({ borrowers, leases: 1, steps: false, gate })
  await settled()
  const value = await body(holders)
  release()
  await over
  return value
}

/** Leases all connections of a pool at once, for as long as two collections of young objects take. */
export const burst = (lending: Lending, size: number): Promise<void> =>
  whileHeld(lending, size, async (holders) => {
    if (holders !== size) throw new Error(`${holders} of ${size} connections were leased at once`)
    for (let i = 0; i < 2; i++) globalThis.gc!({ type: "minor" })
  })

const open: Array<unknown> = []

/** Measures the bytes on the heap per idle connection. */
const connectionBytes: Special = async (subject, size) => {
  // Creates everything that exists only once, such as code.
  await (await subject.open(100)).close()
  const before = await heapUsed()
  // This pool stays open: some pools need minutes to close, and the process ends anyway.
  open.push(await subject.open(size))
  return (await heapUsed() - before) / size
}

/** Measures the bytes on the heap per waiting borrower, including its fiber or promise. */
const waiterBytes: Special = async (subject, size) => {
  const lending = await subject.open(subject.kind === "limit" ? size : 1)
  const bytes = async (borrowers: number): Promise<number> => {
    const before = await heapUsed()
    return (await whileHeld(lending, borrowers, heapUsed) - before) / borrowers
  }
  await bytes(100)
  const value = await bytes(size)
  await lending.close()
  return value
}

/** Measures the nanoseconds per cancelled waiter. */
const cancelNanos: Special = async (subject, size) => {
  const lending = await subject.open(1)
  await lending.cancel!(100)
  const millis = await lending.cancel!(size)
  await lending.close()
  return millis / size * 1e6
}

/** Measures the longest pause, in milliseconds, while `size` connections expire. */
const reapMillis: Special = (subject, size) => subject.reap!(size)

/**
 * Sends 50 borrowers at once, each for 2 ms, to a pool with 5 connections. It may have 50 and needs 250 ms to open one.
 * The scenario is HikariCP's "Welcome to the jungle".
 */
const spike = async (subject: Subject): Promise<{ readonly millis: number; readonly opened: number }> => {
  let opened = 0
  const connector: Connector = { millis: 250, begin: () => void opened++ }
  const lending = await subject.over!(connector, 50)
  await lending.run({ borrowers: 5, leases: 1, steps: false, gate: () => sleep(20) })
  opened = 0
  const start = performance.now()
  await lending.run({ borrowers: 50, leases: 1, steps: false, gate: () => sleep(2) })
  const millis = performance.now() - start
  // Opens in progress finish.
  await sleep(600)
  await lending.close()
  return { millis, opened }
}

const spikeMillis: Special = async (subject) => (await spike(subject)).millis
const spikeOpened: Special = async (subject) => (await spike(subject)).opened

/** Keeps the server down for 3 seconds while `size` borrowers try again, each 10 ms after a failure. */
const outage = async (
  subject: Subject,
  size: number
): Promise<{ readonly perSecond: number; readonly millis: number }> => {
  let attempts = 0
  let isUp = false
  const connector: Connector = {
    millis: 1,
    begin: () => {
      attempts++
      if (!isUp) throw new Error("refused")
    }
  }
  const lending = await subject.over!(connector, 10)
  let first = 0
  const over = lending.run({
    borrowers: size,
    leases: 1,
    steps: false,
    retryMillis: 10,
    gate: async () => {
      first ||= performance.now()
    }
  })
  await sleep(3_000)
  const failed = attempts
  isUp = true
  const back = performance.now()
  await over
  await lending.close()
  return { perSecond: failed / 3, millis: first - back }
}

const outageRate: Special = async (subject, size) => (await outage(subject, size)).perSecond
const outageMillis: Special = async (subject, size) => (await outage(subject, size)).millis

export const specials = {
  connectionBytes,
  waiterBytes,
  cancelNanos,
  reapMillis,
  spikeMillis,
  spikeOpened,
  outageRate,
  outageMillis
}
