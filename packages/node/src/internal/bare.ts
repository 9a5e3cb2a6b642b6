/** Objects that are handed to Node. */

/** Copies an object onto one without a prototype, so that Node finds in it only what we have set. */
export const bare = <A extends object>(object: A): A => Object.assign(Object.create(null), object)

/**
 * Properties that Node's sockets and streams would otherwise look up on a polluted prototype: Node copies its options
 * onto an ordinary object, so that to have no prototype is not enough.
 */
export const unset = {
  construct: undefined,
  defaultEncoding: undefined,
  destroy: undefined,
  encoding: undefined,
  fd: undefined,
  final: undefined,
  handle: undefined,
  manualStart: undefined,
  objectMode: undefined,
  onread: undefined,
  path: undefined,
  pauseOnCreate: undefined,
  read: undefined,
  readable: undefined,
  readableHighWaterMark: undefined,
  readableObjectMode: undefined,
  signal: undefined,
  writable: undefined,
  writableHighWaterMark: undefined,
  writableObjectMode: undefined,
  write: undefined,
  writev: undefined
} as const
