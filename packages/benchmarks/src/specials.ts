/** What is measured besides rates, in the process of one subject. */
import { setTimeout as sleep } from "node:timers/promises"
import { heapUsed } from "./probes.js"
import type { Connector, Subject } from "./subject.js"

type Special = (subject: Subject, size: number) => Promise<number>

/** Until whoever has been started waits for something. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next))
}

const open: Array<unknown> = []

/** Bytes on the heap for each idle connection. */
const connectionBytes: Special = async (subject, size) => {
  // What is made once, such as code, is there by now.
  await (await subject.open(100)).close()
  const before = await heapUsed()
  // It is not closed: some need minutes for that, and the process ends anyway.
  open.push(await subject.open(size))
  return (await heapUsed() - before) / size
}

/** Bytes on the heap for each borrower that waits, with its fiber or promise. */
const waiterBytes: Special = async (subject, size) => {
  const lending = await subject.open(subject.kind === "limit" ? size : 1)
  const bytes = async (borrowers: number): Promise<number> => {
    const before = await heapUsed()
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const over = lending.run({ borrowers, leases: 1, steps: false, gate: () => held })
    await settled()
    const after = await heapUsed()
    release()
    await over
    return (after - before) / borrowers
  }
  await bytes(100)
  const value = await bytes(size)
  await lending.close()
  return value
}

/** Nanoseconds for each of so many waiters that go away. */
const cancelNanos: Special = async (subject, size) => {
  const lending = await subject.open(1)
  await lending.cancel!(100)
  const millis = await lending.cancel!(size)
  await lending.close()
  return millis / size * 1e6
}

/** The longest pause, in milliseconds, while so many connections expire. */
const reapMillis: Special = (subject, size) => subject.reap!(size)

/**
 * A burst of 50 borrowers, each for 2 ms, on a pool that has 5 connections, may have 50, and needs 250 ms to open one
 * (HikariCP, "Welcome to the jungle").
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
  // What was begun goes on.
  await sleep(600)
  await lending.close()
  return { millis, opened }
}

const spikeMillis: Special = async (subject) => (await spike(subject)).millis
const spikeOpened: Special = async (subject) => (await spike(subject)).opened

/** So many borrowers, each of which asks again 10 ms after a failure, while the server is down for 3 seconds. */
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
