/**
 * The error of a discovery by DNS.
 *
 * @since 3.0.0
 */
import { line } from "@socketpool/core/Checks"
import * as Data from "effect/Data"

const page = "https://github.com/socketpool/socketpool/blob/main/docs/operate/troubleshooting.md"

const noServer = "Does the DNS server run, and can this machine reach it?"

const noRecord = "Is the name right, and does the DNS server that was asked know it?"

const advice: Readonly<Record<string, string>> = {
  ENOTFOUND: noRecord,
  ENODATA: "The name exists, but has no such records. Is it the right name?",
  ETIMEOUT: `${noServer} Otherwise raise timeout.`,
  ECONNREFUSED: noServer,
  ESERVFAIL: "The DNS server could not find out. Does the server of that zone run?",
  EREFUSED: "The DNS server does not serve this client, or this name. Is it the right server?",
  EBADRESP: "Correct the records."
}

/**
 * A name could not be resolved. Before there is a first set, the stream of a discovery fails with it; afterwards the last
 * set stays, and the message is in the log.
 *
 * @since 3.0.0
 * @category errors
 */
export class DnsError extends Data.TaggedError("DnsError")<{
  /** The name that was asked for. */
  readonly host: string
  readonly records: "addresses" | "SRV records"
  /**
   * The resolver's code, such as `ENOTFOUND` (no such name), `ENODATA` (no such records), `ETIMEOUT` (no answer within
   * `timeout`), `ESERVFAIL` or `ECONNREFUSED`. `EBADRESP`: the records cannot be endpoints; see `detail`.
   */
  readonly code: string
  /** The fault of the records, if the code does not say it. */
  readonly detail?: string
}> {
  override get message(): string {
    const detail = this.detail === undefined ? "" : `: ${line(this.detail)}`
    const help = advice[this.code] ?? "Look up the code in the documentation of Node's dns module."
    return `Cannot find the ${this.records} of ${line(this.host)}: ${line(this.code)}${detail}. ${help} ` +
      `See ${page}#dnserror`
  }
}
