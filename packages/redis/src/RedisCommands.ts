/**
 * The commands that have functions of their own.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Argument, Failure } from "./RedisClient.js"

/**
 * When a `set` takes place, and how long the key lives.
 *
 * @since 3.0.0
 * @category models
 */
export interface SetOptions {
  /** Sets how long the key lives, in whole milliseconds. Default: for ever. */
  readonly expire?: Duration.DurationInput
  /** Sets the key only if it does not exist (`"NX"`), or only if it does (`"XX"`). Default: in both cases. */
  readonly if?: "NX" | "XX"
  /** Keeps the time that the key still lives. Default: `false`, and the key lives for ever. */
  readonly keepExpiry?: boolean
}

/**
 * The options of `scan`.
 *
 * @since 3.0.0
 * @category models
 */
export interface ScanOptions {
  /** Emits the keys that match a pattern, such as `user:*`. Default: all. */
  readonly match?: string
  /** Sets about how many keys the server looks at for each request. Default: the server's, which is 10. */
  readonly count?: number
  /** Emits the keys of one type, such as `hash`. Default: all. */
  readonly type?: string
}

/**
 * Limits of a read from streams.
 *
 * @since 3.0.0
 * @category models
 */
export interface ReadOptions {
  /** Limits the entries of each stream. Default: none. */
  readonly count?: number
  /**
   * Waits for an entry, at most this long; `Duration.infinity` for no limit. The command then has a connection of its
   * own. Default: does not wait.
   */
  readonly block?: Duration.DurationInput
}

/**
 * An entry of a stream.
 *
 * @since 3.0.0
 * @category models
 */
export interface StreamEntry {
  readonly id: string
  readonly fields: Readonly<Record<string, string>>
}

/**
 * A member of a sorted set.
 *
 * @since 3.0.0
 * @category models
 */
export interface Scored {
  readonly member: string
  readonly score: number
}

/** Fields and values: an object, or pairs. */
type Fields = Readonly<Record<string, Argument>> | Iterable<readonly [Argument, Argument]>

/**
 * The commands of every day as functions. Each fails as `command` does. Texts are UTF-8.
 *
 * A number above 2 ** 53, which such a function could only return inexactly, is a defect: use `command`, which returns a
 * `bigint`.
 *
 * @since 3.0.0
 * @category models
 */
export interface RedisCommands {
  // --- Keys and values ---

  /** Returns the value of a key, `null` if there is none. */
  get(key: Argument): Effect.Effect<string | null, Failure>
  /** Returns the bytes of the value of a key, `null` if there is none. */
  getBytes(key: Argument): Effect.Effect<Uint8Array | null, Failure>
  /** Sets a key. Returns whether it was set, which is always so without the option `if`. */
  set(key: Argument, value: Argument, options?: SetOptions): Effect.Effect<boolean, Failure>
  /** Returns the values of keys, `null` for each that has none. */
  mget(keys: ReadonlyArray<Argument>): Effect.Effect<ReadonlyArray<string | null>, Failure>
  /** Sets keys, all at once. */
  mset(values: Fields): Effect.Effect<void, Failure>
  /** Deletes keys. Returns how many there were. */
  del(...keys: ReadonlyArray<Argument>): Effect.Effect<number, Failure>
  /** Returns how many of the keys exist. */
  exists(...keys: ReadonlyArray<Argument>): Effect.Effect<number, Failure>
  /** Adds a whole number to a value, 1 by default. Returns the sum. */
  incr(key: Argument, by?: number): Effect.Effect<number, Failure>
  /** Subtracts a whole number from a value, 1 by default. Returns the difference. */
  decr(key: Argument, by?: number): Effect.Effect<number, Failure>
  /** Sets how many seconds a key still lives. Returns whether it exists. */
  expire(key: Argument, seconds: number): Effect.Effect<boolean, Failure>
  /** Sets how many milliseconds a key still lives. Returns whether it exists. */
  pexpire(key: Argument, millis: number): Effect.Effect<boolean, Failure>
  /** Returns how many seconds a key still lives: -1 for ever, -2 if it does not exist. */
  ttl(key: Argument): Effect.Effect<number, Failure>
  /** Returns the type of a value, `none` if there is none. */
  type(key: Argument): Effect.Effect<string, Failure>
  /**
   * Emits the keys, page by page, while others may change them: a key may come twice, and one that was there all the
   * time comes at least once.
   */
  scan(options?: ScanOptions): Stream.Stream<string, Failure>

  // --- Hashes ---

  /** Returns a field of a hash, `null` if there is none. */
  hget(key: Argument, field: Argument): Effect.Effect<string | null, Failure>
  /** Sets fields of a hash. Returns how many are new. */
  hset(key: Argument, fields: Fields): Effect.Effect<number, Failure>
  /** Returns all fields of a hash: an object without prototype, which is empty if there is no hash. */
  hgetall(key: Argument): Effect.Effect<Readonly<Record<string, string>>, Failure>
  /** Deletes fields of a hash. Returns how many there were. */
  hdel(key: Argument, ...fields: ReadonlyArray<Argument>): Effect.Effect<number, Failure>

  // --- Lists ---

  /** Adds values at the left end of a list, one after another. Returns its new length. */
  lpush(key: Argument, ...values: ReadonlyArray<Argument>): Effect.Effect<number, Failure>
  /** Adds values at the right end of a list. Returns its new length. */
  rpush(key: Argument, ...values: ReadonlyArray<Argument>): Effect.Effect<number, Failure>
  /** Takes a value from the left end of a list, `null` if there is none. */
  lpop(key: Argument): Effect.Effect<string | null, Failure>
  /** Takes a value from the right end of a list, `null` if there is none. */
  rpop(key: Argument): Effect.Effect<string | null, Failure>
  /** Returns the values between two positions, both included; -1 is the last. */
  lrange(key: Argument, start: number, stop: number): Effect.Effect<ReadonlyArray<string>, Failure>
  /** Returns the length of a list. */
  llen(key: Argument): Effect.Effect<number, Failure>
  /**
   * Takes a value from the left end of the first list that has one. Waits for it on a connection of its own, at most for
   * `timeout`, `Duration.infinity` for no limit, and returns `null` then. An interrupt closes that connection, and a
   * value that was on its way is lost: use `BLMOVE`, or a stream, where none may be.
   */
  blpop(keys: ReadonlyArray<Argument>, timeout: Duration.DurationInput): Effect.Effect<Popped | null, Failure>
  /** Does what `blpop` does at the right end. */
  brpop(keys: ReadonlyArray<Argument>, timeout: Duration.DurationInput): Effect.Effect<Popped | null, Failure>

  // --- Sets ---

  /** Adds members to a set. Returns how many are new. */
  sadd(key: Argument, ...members: ReadonlyArray<Argument>): Effect.Effect<number, Failure>
  /** Removes members from a set. Returns how many there were. */
  srem(key: Argument, ...members: ReadonlyArray<Argument>): Effect.Effect<number, Failure>
  /** Returns the members of a set, in no order. */
  smembers(key: Argument): Effect.Effect<ReadonlyArray<string>, Failure>
  /** Returns whether a set has a member. */
  sismember(key: Argument, member: Argument): Effect.Effect<boolean, Failure>

  // --- Sorted sets ---

  /** Sets the scores of members. Returns how many are new. */
  zadd(key: Argument, ...members: ReadonlyArray<Scored>): Effect.Effect<number, Failure>
  /** Returns the members between two ranks, both included, in the order of their scores; -1 is the last. */
  zrange(key: Argument, start: number, stop: number): Effect.Effect<ReadonlyArray<string>, Failure>
  /** Does what `zrange` does, and returns the scores as well. */
  zrangeWithScores(key: Argument, start: number, stop: number): Effect.Effect<ReadonlyArray<Scored>, Failure>
  /** Removes members. Returns how many there were. */
  zrem(key: Argument, ...members: ReadonlyArray<Argument>): Effect.Effect<number, Failure>
  /** Returns the score of a member, `null` if there is none. */
  zscore(key: Argument, member: Argument): Effect.Effect<number | null, Failure>

  // --- Streams ---

  /** Adds an entry to a stream. Returns its id. By default, the server chooses the id. */
  xadd(key: Argument, fields: Fields, id?: string): Effect.Effect<string, Failure>
  /** Returns the entries behind an id of each stream, by the names of the streams: `{ orders: "0" }`. */
  xread(
    streams: Readonly<Record<string, string>>,
    options?: ReadOptions
  ): Effect.Effect<Readonly<Record<string, ReadonlyArray<StreamEntry>>>, Failure>
  /** Returns entries for a consumer of a group: new ones for the id `>`. */
  xreadgroup(
    group: string,
    consumer: string,
    streams: Readonly<Record<string, string>>,
    options?: ReadOptions
  ): Effect.Effect<Readonly<Record<string, ReadonlyArray<StreamEntry>>>, Failure>
  /** Says that a group has dealt with entries. Returns how many it had not. */
  xack(key: Argument, group: string, ...ids: ReadonlyArray<string>): Effect.Effect<number, Failure>

  // --- The server ---

  /** Sends a message to the subscribers of a channel. Returns how many this server has. */
  publish(channel: Argument, message: Argument): Effect.Effect<number, Failure>
  /** Asks whether the server answers. */
  readonly ping: Effect.Effect<void, Failure>
  /** Returns what the server says of itself, or one section of it. */
  info(section?: string): Effect.Effect<string, Failure>
}

/**
 * A value that was taken from one of several lists.
 *
 * @since 3.0.0
 * @category models
 */
export interface Popped {
  readonly key: string
  readonly value: string
}
