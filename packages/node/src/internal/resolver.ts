/** The resolvers of the system: DNS servers, and what else the system knows of names. */
import * as dns from "node:dns"
import { bare } from "./bare.js"

/** IPv4 or IPv6. */
export type Family = 4 | 6

export interface TimedAddress {
  readonly address: string
  /** In seconds. */
  readonly ttl: number
}

export interface SrvRecord {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** Asks DNS servers. Each promise is rejected with an error that has a `code`. */
export interface Resolver {
  readonly resolve4: (host: string) => Promise<ReadonlyArray<TimedAddress>>
  readonly resolve6: (host: string) => Promise<ReadonlyArray<TimedAddress>>
  readonly resolveSrv: (name: string) => Promise<ReadonlyArray<SrvRecord>>
  /** Ends all queries that are on their way. */
  readonly cancel: () => void
}

export interface Resolvers {
  /** Makes a resolver that asks these servers, or those of the system. `timeout` is in milliseconds. */
  readonly make: (servers: ReadonlyArray<string> | undefined, timeout: number) => Resolver
  /** Asks the system for the addresses of a name, of one family or both, as `connect` does: the file of hosts first. It cannot be cancelled. */
  readonly lookup: (host: string, family: Family | undefined) => Promise<ReadonlyArray<string>>
}

/**
 * One query is sent up to four times, with longer and longer pauses, so that a lost packet or a server that is down costs
 * only a part of `timeout`. The four together take longer than `timeout`, which thus decides.
 */
const tries = 4

export const nodes: Resolvers = {
  make: (servers, timeout) => {
    const resolver = new dns.promises.Resolver(bare({ timeout: Math.max(1, Math.ceil(timeout / tries)), tries }))
    if (servers !== undefined) resolver.setServers(servers)
    return {
      resolve4: (host) => resolver.resolve4(host, bare({ ttl: true as const })),
      resolve6: (host) => resolver.resolve6(host, bare({ ttl: true as const })),
      resolveSrv: (name) => resolver.resolveSrv(name),
      cancel: () => resolver.cancel()
    }
  },
  lookup: (host, family) =>
    dns.promises.lookup(host, bare({ all: true as const, family: family ?? 0 })).then((found) =>
      found.map(({ address }) => address)
    )
}
