import type { Pool } from "@socketpool/core"
import { FastCheck as fc } from "@socketpool/test-seam"
import { Duration, Schedule } from "effect"
import type { Connector, Link, OpenFailure } from "./connector.js"

/** The options of one run; durations in milliseconds, `Infinity` for none. */
export interface Setting {
  readonly max: number
  readonly min: number
  readonly initial: number
  readonly maxConnecting: number
  readonly maxPending: number
  readonly acquireTimeout: number
  readonly connectTimeout: number
  readonly ttl: number
  readonly ttlJitter: number
  readonly idleTimeout: number
  readonly maxUses: number
  readonly concurrency: number
  readonly order: "lifo" | "fifo"
  /** The idle time after which a connection is validated; `Infinity`: there is no `validate`. */
  readonly validateAfterIdle: number
  /** The time that an idle connection may be silent before it is asked; `Infinity` without `validate`. */
  readonly keepaliveTime: number
  readonly leakThreshold: number
  readonly reaps: boolean
  readonly closeTimeout: number
  readonly drainTimeout: number
  readonly hasIsConnected: boolean
  readonly hasIsExpired: boolean
  readonly hasClosed: boolean
  readonly hasOnRelease: boolean
  /** Whether there is something to clean up from the beginning of an open. */
  readonly opensEarly: boolean
  /** The time that opens pause after a fatal failure; 0: no failure is fatal. */
  readonly fatalPause: number
  /** The number of steps that a fiber takes at a stretch: with few, fibers move against each other in other ways. */
  readonly stepsBeforeYield: number
}

export const validateTimeout = 150
export const reapInterval = 250
export const retryInterval = 100

/** One connection, and nothing out of the ordinary. */
export const usual: Setting = {
  max: 1,
  min: 0,
  initial: 0,
  maxConnecting: 4,
  maxPending: 20,
  acquireTimeout: 1000,
  connectTimeout: 500,
  ttl: Infinity,
  ttlJitter: 0,
  idleTimeout: Infinity,
  maxUses: Infinity,
  concurrency: 1,
  order: "lifo",
  validateAfterIdle: Infinity,
  keepaliveTime: Infinity,
  leakThreshold: Infinity,
  reaps: true,
  closeTimeout: 400,
  drainTimeout: 600,
  hasIsConnected: false,
  hasIsExpired: false,
  hasClosed: false,
  hasOnRelease: false,
  opensEarly: false,
  fatalPause: 0,
  stepsBeforeYield: 2048
}

/** The usual values come first: that is where a counterexample shrinks to. */
const pick = <A>(...values: ReadonlyArray<A>): fc.Arbitrary<A> => fc.constantFrom(...values)

export const setting: fc.Arbitrary<Setting> = fc.record({
  max: fc.integer({ min: 1, max: 4 }),
  min: pick(0, 0, 0, 1, 2, 4),
  initial: pick(0, 0, 0, 1, 3),
  maxConnecting: pick(4, 4, 2, 1),
  maxPending: pick(20, 20, 20, 20, 3, 2, 1, 0),
  acquireTimeout: pick(1000, 1000, 1000, 300, 0),
  connectTimeout: pick(500, 250),
  ttl: pick(Infinity, Infinity, 1500, 400),
  ttlJitter: pick(0, 0, 0, 0, 0.5),
  idleTimeout: pick(Infinity, Infinity, 900, 350),
  maxUses: pick(Infinity, Infinity, Infinity, 3, 2, 1),
  concurrency: pick(1, 1, 1, 1, 2, 3),
  order: pick<"lifo" | "fifo">("lifo", "fifo"),
  validateAfterIdle: pick(Infinity, Infinity, 100, 300, 0),
  leakThreshold: pick(Infinity, Infinity, Infinity, 200),
  reaps: pick(true, true, true, false),
  closeTimeout: pick(400, 200),
  drainTimeout: pick(600, 300, 0),
  hasIsConnected: fc.boolean(),
  hasIsExpired: fc.boolean(),
  hasClosed: fc.boolean(),
  hasOnRelease: pick(false, false, true),
  opensEarly: fc.boolean(),
  stepsBeforeYield: pick(2048, 2048, 2048, 50, 30),
  keepaliveTime: pick(Infinity, 250, 380, 70),
  fatalPause: pick(0, 0, 0, 100, 100, 300, 1500, Infinity)
}).map((raw) => ({
  ...raw,
  min: Math.min(raw.min, raw.max),
  initial: Math.min(raw.initial, raw.max),
  keepaliveTime: raw.validateAfterIdle === Infinity ? Infinity : raw.keepaliveTime,
  // Of opens that end at once it shows which one came first only if fibers do not step aside.
  fatalPause: raw.stepsBeforeYield < usual.stepsBeforeYield ? 0 : raw.fatalPause
}))

const finite = <K extends string, V>(key: K, value: number, shown: V): { readonly [_ in K]?: V } =>
  (value === Infinity ? {} : { [key]: shown }) as { readonly [_ in K]?: V }

export const poolOptions = (setting: Setting, connector: Connector): Pool.Options<Link, OpenFailure> => ({
  open: connector.open,
  name: "modelled",
  maxConnections: setting.max,
  minConnections: setting.min,
  initialConnections: setting.initial,
  maxConnecting: setting.maxConnecting,
  maxPending: setting.maxPending,
  acquireTimeout: setting.acquireTimeout,
  connectTimeout: setting.connectTimeout,
  connectionTTL: setting.ttl === Infinity ? Duration.infinity : setting.ttl,
  ttlJitter: setting.ttlJitter,
  ...finite("idleTimeout", setting.idleTimeout, setting.idleTimeout),
  ...finite("maxUses", setting.maxUses, setting.maxUses),
  concurrency: setting.concurrency,
  order: setting.order,
  ...finite("validate", setting.validateAfterIdle, connector.validate),
  ...finite("validateAfterIdle", setting.validateAfterIdle, setting.validateAfterIdle),
  validateTimeout,
  ...finite("keepaliveTime", setting.keepaliveTime, setting.keepaliveTime),
  ...finite("leakThreshold", setting.leakThreshold, setting.leakThreshold),
  reapExpired: setting.reaps,
  reapSchedule: Schedule.spaced(reapInterval),
  retry: Schedule.spaced(retryInterval),
  closeTimeout: setting.closeTimeout,
  drainTimeout: setting.drainTimeout,
  ...(setting.fatalPause > 0
    ? {
      isFatal: connector.isFatal,
      fatalPause: setting.fatalPause === Infinity ? Duration.infinity : setting.fatalPause
    }
    : {}),
  ...(setting.hasIsConnected ? { isConnected: connector.isConnected } : {}),
  ...(setting.hasIsExpired ? { isExpired: connector.isExpired } : {}),
  ...(setting.hasClosed ? { closed: connector.closed } : {}),
  ...(setting.hasOnRelease ? { onRelease: connector.onRelease } : {})
})
