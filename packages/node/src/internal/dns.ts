/** Discoveries by DNS. */
import type { Endpoint } from "@socketpool/core/Endpoint"
import * as Endpoints from "@socketpool/core/Endpoints"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as net from "node:net"
import type * as Dns from "../Dns.js"
import { DnsError } from "../DnsError.js"
import { type Addresses, type Asks, Host, query, untimed } from "./addresses.js"
import { addressOf } from "./connectError.js"
import { dnsAddresses, dnsSrv } from "./options.js"
import type { Resolvers, SrvRecord } from "./resolver.js"
import { type Round, rounds } from "./rounds.js"

type Pull = Effect.Effect<ReadonlyArray<Endpoint> | undefined, DnsError>

/** The result of a round, and the milliseconds until the next one is due. */
interface Timed extends Round<DnsError> {
  readonly millis: number
}

const firstRetry = 1_000
const lastRetry = 30_000

const backoff = (failures: number): number => Math.min(firstRetry * 2 ** (failures - 1), lastRetry)

/** Up to 10 % sooner or later, so that the processes of a fleet do not ask in step. */
const spread = 0.1

const jittered = (millis: number): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (draw) => Effect.sleep(Duration.millis(millis * (1 - spread + 2 * spread * draw))))

const asking = (what: string, ask: Effect.Effect<Timed, DnsError>) =>
  rounds<Timed, DnsError>({
    what,
    ask,
    pause: (found, failures) =>
      jittered(Math.min(found?.millis ?? Infinity, failures === 0 ? Infinity : backoff(failures))),
    repeats: () => true
  })

/** The name for TLS: without the dot that ends a whole name in DNS. */
const bareName = (host: string): string => host.replace(/\.$/, "")

// --- Addresses ------------------------------------------------------------------------------------------------------

export const addresses = (resolvers: Resolvers, given: Dns.AddressesOptions): Endpoints.Endpoints<DnsError> =>
  Endpoints.fromPull(Effect.suspend((): Effect.Effect<Pull> => {
    const { host, port, tier, weight, ...asks } = dnsAddresses.read("Dns.addresses", given)
    const isAddress = net.isIP(host) !== 0
    const endpoint = (address: string): Endpoint => ({
      host: address,
      port,
      weight,
      tier,
      id: addressOf(address, port),
      ...(isAddress ? {} : { name: bareName(host) })
    })
    if (isAddress) return Effect.sync(() => once([endpoint(host)]))
    return asking(
      `Dns.addresses of ${host}`,
      Effect.map(new Host(resolvers, host, asks).ask, ({ addresses, millis, trouble }) => ({
        endpoints: addresses.map(endpoint),
        millis,
        trouble
      }))
    )
  }))

/** One set, and then the end. */
const once = (endpoints: ReadonlyArray<Endpoint>): Pull => {
  const left = [endpoints]
  return Effect.sync(() => left.shift())
}

// --- Services -------------------------------------------------------------------------------------------------------

/** The most targets whose addresses are asked for at once. */
const concurrency = 16

export const srv = (resolvers: Resolvers, given: Dns.SrvOptions): Endpoints.Endpoints<DnsError> =>
  Endpoints.fromPull(Effect.suspend(() => {
    const { name, ...asks } = dnsSrv.read("Dns.srv", given)
    const service = new Service(resolvers, name, asks)
    return asking(`Dns.srv of ${name}`, service.ask)
  }))

/** The name of a service. It remembers its targets, and they their addresses. */
class Service {
  private hosts: ReadonlyMap<string, Host> = new Map()

  constructor(
    private readonly resolvers: Resolvers,
    private readonly name: string,
    private readonly asks: Asks
  ) {}

  readonly ask: Effect.Effect<Timed, DnsError> = Effect.suspend(() => {
    const { servers, timeout } = this.asks
    const resolver = this.resolvers.make(servers, timeout)
    return query(resolver, timeout, () => resolver.resolveSrv(this.name)).pipe(
      Effect.mapError((code) => this.error(code)),
      Effect.flatMap((all) => {
        // A record with this target says that there is no such service here (RFC 2782).
        const records = all.filter(({ name }) => name !== "." && name !== "")
        return records.length === 0 ? this.error("ENODATA") : this.targets(records)
      })
    )
  })

  private targets(records: ReadonlyArray<SrvRecord>): Effect.Effect<Timed, DnsError> {
    this.hosts = new Map(
      records.map(({ name }) => [name, this.hosts.get(name) ?? new Host(this.resolvers, name, this.asks)])
    )
    const answers = Effect.forEach(
      this.hosts,
      ([name, host]) =>
        Effect.match(host.ask, {
          onSuccess: (found): readonly [string, Addresses] => [name, found],
          onFailure: (trouble): readonly [string, Addresses] => [name, {
            // One that may still be there keeps its addresses. One that is gone has none any more.
            addresses: host.last,
            millis: Infinity,
            trouble
          }]
        }),
      { concurrency }
    )
    return Effect.flatMap(answers, (answers) => this.round(records, new Map(answers)))
  }

  private round(
    records: ReadonlyArray<SrvRecord>,
    targets: ReadonlyMap<string, Addresses>
  ): Effect.Effect<Timed, DnsError> {
    const answers = [...targets.values()]
    const trouble = answers.find((one) => one.trouble !== undefined)?.trouble
    const found = endpointsOf(records, (name) => targets.get(name)!.addresses)
    if (found.length === 0) return trouble!
    const millis = this.asks.interval ?? Math.min(untimed, ...answers.map(({ millis }) => millis))
    return Effect.mapBoth(Endpoints.check(this.name, found), {
      onFailure: ({ detail }) => this.error("EBADRESP", detail),
      onSuccess: (endpoints) => ({ endpoints, millis, trouble })
    })
  }

  private error(code: string, detail?: string): DnsError {
    return new DnsError({
      host: this.name,
      records: "SRV records",
      code,
      ...(detail === undefined ? {} : { detail })
    })
  }
}

/**
 * The addresses of one target share its weight. A weight of 0 counts as 1, the least that a record can otherwise have:
 * its target is to get little, and not nothing. Of several records for one address and port the first to be tried counts.
 */
const endpointsOf = (
  records: ReadonlyArray<SrvRecord>,
  addressesOf: (name: string) => ReadonlyArray<string>
): ReadonlyArray<Endpoint> => {
  const found = new Map<string, Endpoint>()
  const inOrder = [...records].sort((a, b) =>
    a.priority - b.priority || b.weight - a.weight || (a.name < b.name ? -1 : 1)
  )
  for (const { name, port, priority, weight } of inOrder) {
    const addresses = addressesOf(name)
    for (const host of addresses) {
      const id = addressOf(host, port)
      if (found.has(id)) continue
      found.set(id, {
        host,
        port,
        weight: Math.max(weight, 1) / addresses.length,
        tier: priority,
        id,
        ...(net.isIP(name) === 0 ? { name: bareName(name) } : {})
      })
    }
  }
  return [...found.values()]
}
