/**
 * The error of a discovery whose set of endpoints is of no use.
 *
 * @since 3.0.0
 */
import * as Data from "effect/Data"
import * as ErrorForms from "./internal/errorForms.js"
import { see } from "./internal/help.js"
import { line } from "./internal/text.js"

const advice = {
  Unreadable: "Does it exist, and may this process read it?",
  Malformed: "Write a JSON array of endpoints, such as [{ \"host\": \"10.0.0.1\", \"port\": 6379 }].",
  Invalid: "Correct that endpoint, and publish the whole set again."
}

/**
 * A set of endpoints that came from outside the program cannot be used.
 *
 * - `Unreadable`: there is nothing, or it cannot be read.
 * - `Malformed`: it is no list of endpoints.
 * - `Invalid`: one of the endpoints breaks a rule, or two have the same `id`.
 *
 * @since 3.0.0
 * @category errors
 */
export class EndpointsError extends Data.TaggedError("EndpointsError")<{
  readonly reason: "Unreadable" | "Malformed" | "Invalid"
  /** The source of the set, such as `the file /etc/app/servers.json`. */
  readonly source: string
  /** The fault, and the endpoint that has it. */
  readonly detail: string
  /** The system's code, such as `ENOENT`, if there was one. */
  readonly code?: string
}> {
  static {
    ErrorForms.define(this)
  }

  override get message(): string {
    const detail = line(this.detail).replace(/\.$/, "")
    return `Endpoints of ${line(this.source)}: ${this.reason}: ${detail}. ${advice[this.reason]}${see(this._tag)}`
  }
}
