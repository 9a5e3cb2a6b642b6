/** The values of frames of RESP, before a caller has said whether it wants text or bytes. */

/** An error that the server answers with. */
export class ErrorReply {
  constructor(readonly text: string) {}
}

/** Answers no request. */
export class PushReply {
  constructor(readonly items: ReadonlyArray<Message>) {}
}

/** The keys and values of a map, by turns. */
export class MapReply {
  constructor(readonly items: ReadonlyArray<Message>) {}
}

export class SetReply {
  constructor(readonly items: ReadonlyArray<Message>) {}
}

export type Message =
  | string
  | number
  | bigint
  | boolean
  | null
  /** A view of the chunk in which it came. */
  | Uint8Array
  | ErrorReply
  | PushReply
  | MapReply
  | SetReply
  | ReadonlyArray<Message>
