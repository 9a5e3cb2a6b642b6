/** The options of sessions and of requests. */
import { callback, count, duration, optional, orElse, that } from "../../checks/rules.js"
import { type Rows, Table } from "../../checks/table.js"
import type { Protocol } from "../../Protocol.js"
import type { DurationInput } from "../effect/value.js"
import { ProtocolImpl } from "./rules.js"

export const sessionOptions = new Table(
  {
    maxInFlight: orElse(count(1), 64),
    maxAbandoned: orElse(count(0), 64),
    stallTimeout: orElse(duration("more than 0"), "30 seconds"),
    onPush: optional(callback)
  } satisfies Rows<{ maxInFlight: unknown; maxAbandoned: unknown; stallTimeout: unknown; onPush: unknown }>
)

export const protocolRule = that<Protocol<any, any, any>>(
  (value) => ProtocolImpl.rulesOf(value) !== undefined,
  "a Protocol, such as Protocol.inOrder makes"
)

/** The options of one request. */
export interface CallOptions {
  readonly timeout?: DurationInput
}

const callOptions = new Table({ timeout: optional(duration("more than 0")) } satisfies Rows<CallOptions>)

/** Returns the limit of a request in milliseconds, `Infinity` for none. */
export const timeoutOf = (of: string, options: CallOptions | undefined): number =>
  options === undefined ? Infinity : callOptions.read(of, options).timeout ?? Infinity
