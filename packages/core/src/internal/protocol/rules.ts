/** A protocol, as sessions see it. */
import type { Option } from "effect/Option"
import type { Framing } from "../../Framing.js"
import type { DurationInput } from "../effect/value.js"

export interface TagStore {
  readonly next: () => unknown
}

export interface InOrderRules {
  readonly _tag: "InOrder"
  readonly framing: Framing<any, any, Uint8Array | string>
  readonly push: ((message: any) => Option<unknown>) | undefined
  readonly replies: ((request: any) => unknown) | undefined
  readonly silence: ((request: any) => DurationInput | undefined) | undefined
}

export interface TaggedRules {
  readonly _tag: "Tagged"
  readonly framing: Framing<any, any, Uint8Array | string>
  readonly encode: (tag: any, request: any) => unknown
  readonly untagged: ((request: any) => unknown) | undefined
  readonly tagOf: (message: any) => Option<unknown>
  readonly tags: () => TagStore
  readonly silence: ((request: any) => DurationInput | undefined) | undefined
}

export type Rules = InOrderRules | TaggedRules

/** Every public protocol is one of these. */
export class ProtocolImpl {
  readonly #rules: Rules

  constructor(rules: Rules) {
    this.#rules = rules
  }

  static rulesOf(protocol: unknown): Rules | undefined {
    return typeof protocol === "object" && protocol !== null && #rules in protocol ? protocol.#rules : undefined
  }
}
