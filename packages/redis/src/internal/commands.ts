/** The typed functions, over whatever sends a command. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { Failure } from "../RedisClient.js"
import type {
  Popped,
  ReadOptions,
  RedisCommands,
  ScanOptions,
  Scored,
  SetOptions,
  StreamEntry
} from "../RedisCommands.js"
import { blockSeconds, fieldWords, readWords, scanWords, scoreWords, setWords, step, words } from "./arguments.js"
import { pages } from "./effect.js"
import { MapReply, type Message } from "./message.js"
import * as Replies from "./replies.js"
import type { Argument } from "./request.js"

type Fields = Readonly<Record<string, Argument>> | Iterable<readonly [Argument, Argument]>
type Args = ReadonlyArray<Argument>

const textOrNull = Replies.orNull(Replies.text)
const bytesOrNull = Replies.orNull(Replies.bytes)
const doubleOrNull = Replies.orNull(Replies.double)
const textsOrNull = Replies.listOf(textOrNull)

const popped: Replies.Shape<Popped | null> = (message, command) => {
  if (message === null) return null
  const [key, value] = Replies.texts(message, command)
  return { key: key!, value: value! }
}

const page: Replies.Shape<{ readonly next: string; readonly keys: ReadonlyArray<string> }> = (message, command) => {
  const [next, keys] = message as ReadonlyArray<Message>
  return { next: Replies.text(next!, command), keys: Replies.texts(keys!, command) }
}

const entry: Replies.Shape<StreamEntry> = (message, command) => {
  const [id, fields] = message as ReadonlyArray<Message>
  // An entry that was deleted has no fields.
  return { id: Replies.text(id!, command), fields: fields === null ? {} : Replies.recordOf(fields!, command) }
}

const entries: Replies.Shape<Record<string, ReadonlyArray<StreamEntry>>> = (message, command) => {
  const found: Record<string, ReadonlyArray<StreamEntry>> = Object.create(null)
  if (message === null) return found
  // Version 2 has an array of pairs in place of a map.
  const flat = message instanceof MapReply ? message : (message as ReadonlyArray<ReadonlyArray<Message>>).flat()
  for (const [stream, of] of Replies.pairs(Replies.listOf(entry))(flat, command)) found[stream] = of
  return found
}

export abstract class Commands implements RedisCommands {
  /** Sends a command; its arguments are checked when the effect runs. */
  protected abstract ask<A>(
    of: string,
    name: string,
    args: Args | (() => Args),
    shape: Replies.Shape<A>
  ): Effect.Effect<A, Failure>

  get(key: Argument) {
    return this.ask("redis.get", "GET", [key], textOrNull)
  }

  getBytes(key: Argument) {
    return this.ask("redis.getBytes", "GET", [key], bytesOrNull)
  }

  set(key: Argument, value: Argument, options?: SetOptions) {
    const args = options === undefined ? [key, value] : () => [key, value, ...setWords(options)]
    return this.ask("redis.set", "SET", args, Replies.isOk)
  }

  mget(keys: Args) {
    return this.ask("redis.mget", "MGET", () => words("redis.mget", "keys", keys), textsOrNull)
  }

  mset(values: Fields) {
    return this.ask("redis.mset", "MSET", () => fieldWords("redis.mset", "values", values), Replies.nothing)
  }

  del(...keys: Args) {
    return this.ask("redis.del", "DEL", keys, Replies.integer)
  }

  exists(...keys: Args) {
    return this.ask("redis.exists", "EXISTS", keys, Replies.integer)
  }

  incr(key: Argument, by = 1) {
    return this.ask("redis.incr", "INCRBY", () => [key, step("redis.incr", by)], Replies.integer)
  }

  decr(key: Argument, by = 1) {
    return this.ask("redis.decr", "DECRBY", () => [key, step("redis.decr", by)], Replies.integer)
  }

  expire(key: Argument, seconds: number) {
    return this.ask("redis.expire", "EXPIRE", [key, seconds], Replies.isOne)
  }

  pexpire(key: Argument, millis: number) {
    return this.ask("redis.pexpire", "PEXPIRE", [key, millis], Replies.isOne)
  }

  ttl(key: Argument) {
    return this.ask("redis.ttl", "TTL", [key], Replies.integer)
  }

  type(key: Argument) {
    return this.ask("redis.type", "TYPE", [key], Replies.text)
  }

  scan(options: ScanOptions = {}): Stream.Stream<string, Failure> {
    return pages("0", (cursor) =>
      Effect.map(
        this.ask("redis.scan", "SCAN", () => [cursor, ...scanWords(options)], page),
        ({ keys, next }) => [keys, next === "0" ? Option.none() : Option.some(next)]
      ))
  }

  hget(key: Argument, field: Argument) {
    return this.ask("redis.hget", "HGET", [key, field], textOrNull)
  }

  hset(key: Argument, fields: Fields) {
    return this.ask("redis.hset", "HSET", () => [key, ...fieldWords("redis.hset", "fields", fields)], Replies.integer)
  }

  hgetall(key: Argument) {
    return this.ask("redis.hgetall", "HGETALL", [key], Replies.recordOf)
  }

  hdel(key: Argument, ...fields: Args) {
    return this.ask("redis.hdel", "HDEL", [key, ...fields], Replies.integer)
  }

  lpush(key: Argument, ...values: Args) {
    return this.ask("redis.lpush", "LPUSH", [key, ...values], Replies.integer)
  }

  rpush(key: Argument, ...values: Args) {
    return this.ask("redis.rpush", "RPUSH", [key, ...values], Replies.integer)
  }

  lpop(key: Argument) {
    return this.ask("redis.lpop", "LPOP", [key], textOrNull)
  }

  rpop(key: Argument) {
    return this.ask("redis.rpop", "RPOP", [key], textOrNull)
  }

  lrange(key: Argument, start: number, stop: number) {
    return this.ask("redis.lrange", "LRANGE", [key, start, stop], Replies.texts)
  }

  llen(key: Argument) {
    return this.ask("redis.llen", "LLEN", [key], Replies.integer)
  }

  private pop(of: string, name: string, keys: Args, timeout: unknown) {
    return this.ask(of, name, () => [...words(of, "keys", keys), blockSeconds(of, timeout)], popped)
  }

  blpop(keys: Args, timeout: unknown) {
    return this.pop("redis.blpop", "BLPOP", keys, timeout)
  }

  brpop(keys: Args, timeout: unknown) {
    return this.pop("redis.brpop", "BRPOP", keys, timeout)
  }

  sadd(key: Argument, ...members: Args) {
    return this.ask("redis.sadd", "SADD", [key, ...members], Replies.integer)
  }

  srem(key: Argument, ...members: Args) {
    return this.ask("redis.srem", "SREM", [key, ...members], Replies.integer)
  }

  smembers(key: Argument) {
    return this.ask("redis.smembers", "SMEMBERS", [key], Replies.texts)
  }

  sismember(key: Argument, member: Argument) {
    return this.ask("redis.sismember", "SISMEMBER", [key, member], Replies.isOne)
  }

  zadd(key: Argument, ...members: ReadonlyArray<Scored>) {
    return this.ask("redis.zadd", "ZADD", () => [key, ...scoreWords(members)], Replies.integer)
  }

  zrange(key: Argument, start: number, stop: number) {
    return this.ask("redis.zrange", "ZRANGE", [key, start, stop], Replies.texts)
  }

  zrangeWithScores(key: Argument, start: number, stop: number) {
    return this.ask("redis.zrangeWithScores", "ZRANGE", [key, start, stop, "WITHSCORES"], Replies.scored)
  }

  zrem(key: Argument, ...members: Args) {
    return this.ask("redis.zrem", "ZREM", [key, ...members], Replies.integer)
  }

  zscore(key: Argument, member: Argument) {
    return this.ask("redis.zscore", "ZSCORE", [key, member], doubleOrNull)
  }

  xadd(key: Argument, fields: Fields, id = "*") {
    return this.ask("redis.xadd", "XADD", () => [key, id, ...fieldWords("redis.xadd", "fields", fields)], Replies.text)
  }

  xread(streams: Readonly<Record<string, string>>, options: ReadOptions = {}) {
    return this.ask("redis.xread", "XREAD", () => readWords("redis.xread", streams, options), entries)
  }

  xreadgroup(
    group: string,
    consumer: string,
    streams: Readonly<Record<string, string>>,
    options: ReadOptions = {}
  ) {
    const words = () => ["GROUP", group, consumer, ...readWords("redis.xreadgroup", streams, options)]
    return this.ask("redis.xreadgroup", "XREADGROUP", words, entries)
  }

  xack(key: Argument, group: string, ...ids: ReadonlyArray<string>) {
    return this.ask("redis.xack", "XACK", [key, group, ...ids], Replies.integer)
  }

  publish(channel: Argument, message: Argument) {
    return this.ask("redis.publish", "PUBLISH", [channel, message], Replies.integer)
  }

  get ping(): Effect.Effect<void, Failure> {
    return this.ask("redis.ping", "PING", [], Replies.nothing)
  }

  info(section?: string) {
    return this.ask("redis.info", "INFO", section === undefined ? [] : [section], Replies.text)
  }
}
