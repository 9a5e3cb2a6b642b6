/** The commands that need more than a place in the queue of a connection. */
import { Buffer } from "node:buffer"
import type { Argument } from "./request.js"

/** Would wait for messages that never come, or lose the order of replies. The text says what to use. */
const never: Readonly<Record<string, string>> = {
  SUBSCRIBE: "subscribe",
  PSUBSCRIBE: "psubscribe",
  SSUBSCRIBE: "a connection of your own: Redis Cluster is not supported yet",
  UNSUBSCRIBE: "subscribe, whose stream ends the subscription",
  PUNSUBSCRIBE: "psubscribe, whose stream ends the subscription",
  SUNSUBSCRIBE: "a connection of your own: Redis Cluster is not supported yet",
  MONITOR: "a connection of your own",
  SYNC: "a connection of your own",
  PSYNC: "a connection of your own",
  "CLIENT REPLY": "a connection of your own",
  "SCRIPT DEBUG": "a connection of your own"
}

/** Would change a connection that others share. */
const exclusive: Readonly<Record<string, string>> = {
  MULTI: "transaction",
  EXEC: "transaction",
  DISCARD: "transaction",
  WATCH: "watch",
  UNWATCH: "watch",
  SELECT: "the option database, or withExclusive",
  AUTH: "the options username and password, or withExclusive",
  HELLO: "the options, or withExclusive",
  RESET: "withExclusive",
  QUIT: "withExclusive",
  WAIT: "withExclusive, together with the writes",
  WAITAOF: "withExclusive, together with the writes",
  "CLIENT SETNAME": "the option clientName, or withExclusive",
  "CLIENT SETINFO": "withExclusive",
  "CLIENT TRACKING": "withExclusive",
  "CLIENT CACHING": "withExclusive",
  "CLIENT NO-EVICT": "withExclusive",
  "CLIENT NO-TOUCH": "withExclusive",
  READONLY: "withExclusive",
  READWRITE: "withExclusive",
  ASKING: "withExclusive"
}

/** The trace that a command of a lease leaves on its connection. */
export type Trace = "Multi" | "NoMulti" | "Watch" | "NoWatch" | "Select" | "Other"

const traces: Readonly<Record<string, Trace | undefined>> = {
  MULTI: "Multi",
  EXEC: "NoMulti",
  DISCARD: "NoMulti",
  WATCH: "Watch",
  UNWATCH: "NoWatch",
  SELECT: "Select",
  WAIT: undefined,
  WAITAOF: undefined
}

/** Returns what a command leaves behind, `undefined` for nothing. */
export const traceOf = (name: string, args: ReadonlyArray<unknown>): Trace | undefined => {
  const key = keyOf(name, args)
  if (!Object.hasOwn(exclusive, key)) return undefined
  return Object.hasOwn(traces, key) ? traces[key] : "Other"
}

/** The name with that of the subcommand, where it makes a difference. */
const keyOf = (name: string, args: ReadonlyArray<unknown>): string =>
  (name === "CLIENT" || name === "SCRIPT") && typeof args[0] === "string" ? `${name} ${args[0].toUpperCase()}` : name

/** Throws unless a command may be sent on a connection: one that others share, or a whole one. */
export const checkAllowed = (of: string, name: string, args: ReadonlyArray<unknown>, isShared: boolean): void => {
  const key = keyOf(name, args)
  const instead = Object.hasOwn(never, key) ? never[key] : isShared && Object.hasOwn(exclusive, key) ?
    exclusive[key] :
    undefined
  if (instead === undefined) return
  const why = Object.hasOwn(never, key) ? "leaves no reply to wait for" : "changes a connection that others share"
  throw new RangeError(`${of}: ${key} ${why}; use ${instead}`)
}

/** The argument in which a command says how long it waits, and its unit. */
const waits: ReadonlyMap<string, { readonly at: "first" | "last"; readonly unit: number }> = new Map([
  ["BLPOP", { at: "last", unit: 1_000 }],
  ["BRPOP", { at: "last", unit: 1_000 }],
  ["BRPOPLPUSH", { at: "last", unit: 1_000 }],
  ["BLMOVE", { at: "last", unit: 1_000 }],
  ["BLMPOP", { at: "first", unit: 1_000 }],
  ["BZPOPMIN", { at: "last", unit: 1_000 }],
  ["BZPOPMAX", { at: "last", unit: 1_000 }],
  ["BZMPOP", { at: "first", unit: 1_000 }],
  ["WAIT", { at: "last", unit: 1 }],
  ["WAITAOF", { at: "last", unit: 1 }]
])

const textOf = (arg: Argument | undefined): string =>
  arg instanceof Uint8Array ? Buffer.from(arg).toString("latin1") : String(arg)

/** The argument behind `BLOCK`, which stands before `STREAMS`. */
const blockOf = (args: ReadonlyArray<Argument>): Argument | undefined => {
  for (let at = 0; at < args.length; at++) {
    const word = textOf(args[at]).toUpperCase()
    if (word === "BLOCK") return args[at + 1]
    if (word === "STREAMS") return undefined
  }
  return undefined
}

/**
 * Returns how long a command waits before it answers, in milliseconds: `Infinity` if it waits without limit, and
 * `undefined` if it does not wait.
 */
export const waitOf = (name: string, args: ReadonlyArray<Argument>): number | undefined => {
  if (name === "XREAD" || name === "XREADGROUP") return millis(blockOf(args), 1)
  const wait = waits.get(name)
  return wait && millis(wait.at === "first" ? args[0] : args[args.length - 1], wait.unit)
}

/** In milliseconds. */
const millis = (arg: Argument | undefined, unit: number): number | undefined => {
  if (arg === undefined) return undefined
  const time = Number(textOf(arg))
  // 0 is no limit. The server refuses what is no time.
  return time > 0 ? time * unit : Infinity
}
