/** A request that is not answered as asked. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Data from "effect/Data"

export class Refusal extends Data.TaggedError("Refusal")<{
  readonly status: number
  readonly tag: string
  readonly message: string
}> {
  get response(): HttpServerResponse.HttpServerResponse {
    return HttpServerResponse.unsafeJson({ _tag: this.tag, message: this.message }, { status: this.status })
  }
}
