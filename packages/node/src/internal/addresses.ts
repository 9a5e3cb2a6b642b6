/** The addresses of a name, and how long they are good for. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as net from "node:net"
import { DnsError } from "../DnsError.js"
import type { Family, Resolver, Resolvers, TimedAddress } from "./resolver.js"

/** The settings of a resolver. */
export interface Asks {
  readonly servers: ReadonlyArray<string> | undefined
  /** In milliseconds, for each query. */
  readonly timeout: number
  /** In milliseconds, in place of what the records say. */
  readonly interval: number | undefined
  /** The only one to ask for. */
  readonly family: Family | undefined
}

export interface Addresses {
  readonly addresses: ReadonlyArray<string>
  /** For how long nobody need ask again, in milliseconds. */
  readonly millis: number
  /** The failure of one of two families. Its last addresses are among these. */
  readonly trouble: DnsError | undefined
}

/** Records without a TTL, in milliseconds: those for which Node tells none, and those of the file of hosts. */
export const untimed = 30_000

const leastTtl = 1_000
const mostTtl = 300_000

/** The answer is that there are no such records. */
const isAbsent = (code: string): boolean => code === "ENOTFOUND" || code === "ENODATA"

/** Runs a query. Fails with the resolver's code. */
export const query = <A>(
  resolver: Pick<Resolver, "cancel">,
  timeout: number,
  ask: () => Promise<A>
): Effect.Effect<A, string> =>
  Effect.tryPromise({ try: () => ask(), catch: (error) => error }).pipe(
    Effect.onInterrupt(() => Effect.sync(() => resolver.cancel())),
    Effect.timeoutOption(Duration.millis(timeout)),
    Effect.matchEffect({
      onSuccess: Option.match({ onNone: () => Effect.fail("ETIMEOUT"), onSome: Effect.succeed }),
      onFailure: (error) => {
        const code: unknown = (error as NodeJS.ErrnoException | null)?.code
        if (typeof code !== "string") return Effect.die(error)
        // The time of the other family's query was up first, which cancels both.
        return Effect.fail(code === "ECANCELLED" ? "ETIMEOUT" : code)
      }
    })
  )

type Answer = { readonly found: ReadonlyArray<TimedAddress> } | { readonly code: string }

const answer = (query: Effect.Effect<ReadonlyArray<TimedAddress>, string>): Effect.Effect<Answer> =>
  Effect.match(query, {
    onSuccess: (found): Answer => found.length === 0 ? { code: "ENODATA" } : { found },
    onFailure: (code): Answer => ({ code })
  })

/** A host name. It remembers the addresses of each family for the time when a query for them fails. */
export class Host {
  private readonly wanted: ReadonlyArray<Family>
  /** The addresses of each of them. */
  private families: ReadonlyArray<ReadonlyArray<string>> = []

  constructor(
    private readonly resolvers: Resolvers,
    private readonly host: string,
    private readonly asks: Asks
  ) {
    this.wanted = asks.family === undefined ? [4, 6] : [asks.family]
    this.forget()
  }

  private forget(): void {
    this.families = this.wanted.map(() => [])
  }

  /** The last addresses that were found, unless the name is gone. */
  get last(): ReadonlyArray<string> {
    return this.families.flat()
  }

  /** Asks for the addresses of each family. */
  readonly ask: Effect.Effect<Addresses, DnsError> = Effect.suspend(() => {
    const { interval, servers, timeout } = this.asks
    const own = net.isIP(this.host)
    if (own !== 0) {
      if (!this.wanted.some((family) => family === own)) return this.error("ENODATA")
      return Effect.succeed({ addresses: [this.host], millis: interval ?? untimed, trouble: undefined })
    }
    // A new one each time, so that it knows the servers that the system has now.
    const resolver = this.resolvers.make(servers, timeout)
    const queries = this.wanted.map((family) => {
      const resolve = family === 4 ? resolver.resolve4 : resolver.resolve6
      return answer(query(resolver, timeout, () => resolve(this.host)))
    })
    return Effect.flatMap(Effect.all(queries, { concurrency: 2 }), (answers) => this.found(answers))
  })

  private found(answers: ReadonlyArray<Answer>): Effect.Effect<Addresses, DnsError> {
    const found = answers.flatMap((one) => "found" in one ? one.found : [])
    const codes = answers.flatMap((one) => "code" in one ? [one.code] : [])
    const failed = codes.find((code) => !isAbsent(code))
    if (found.length === 0) return this.none(failed ?? (codes.includes("ENODATA") ? "ENODATA" : "ENOTFOUND"))
    this.families = answers.map((one, i) =>
      "found" in one ? distinct(one.found.map(({ address }) => address)) : isAbsent(one.code) ? [] : this.families[i]!
    )
    const ttl = Math.min(...found.map(({ ttl }) => ttl)) * 1_000
    return Effect.succeed({
      addresses: this.last,
      millis: this.asks.interval ?? Math.min(Math.max(ttl, leastTtl), mostTtl),
      trouble: failed === undefined ? undefined : this.error(failed)
    })
  }

  /** The file of hosts, and search domains, are known to the system alone. It is of no use to those who name servers. */
  private none(code: string): Effect.Effect<Addresses, DnsError> {
    if (isAbsent(code)) this.forget()
    const { family, interval, servers, timeout } = this.asks
    const mayKnow = servers === undefined && (isAbsent(code) || code === "ECONNREFUSED")
    if (!mayKnow) return this.error(code)
    return query({ cancel: () => {} }, timeout, () => this.resolvers.lookup(this.host, family)).pipe(
      Effect.mapError(() => this.error(code)),
      Effect.flatMap((found) => {
        if (found.length === 0) return this.error(code)
        this.families = this.wanted.map((family) => distinct(found.filter((address) => net.isIP(address) === family)))
        return Effect.succeed({ addresses: this.last, millis: interval ?? untimed, trouble: undefined })
      })
    )
  }

  private error(code: string): DnsError {
    return new DnsError({ host: this.host, records: "addresses", code })
  }
}

const distinct = (addresses: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(addresses)]
