/**
 * Endpoints from DNS: all addresses of a name, or the servers of a service.
 *
 * @since 3.0.0
 */
import type * as Endpoints from "@socketpool/core/Endpoints"
import type * as Duration from "effect/Duration"
import type { DnsError } from "./DnsError.js"
import * as internal from "./internal/dns.js"
import { nodes } from "./internal/resolver.js"

/**
 * The options of questions to DNS servers.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * The DNS servers to ask: IP addresses, with a port if it is not 53, such as `10.0.0.2`, `10.0.0.2:5353` or
   * `[fd00::2]:5353`. The next one is asked if one does not answer. With this option nothing else is asked, not even the
   * file of hosts. Default: the servers of the system.
   */
  readonly servers?: ReadonlyArray<string>

  /**
   * The time after which the name is asked for again, 10 % more or less, in place of the time that the records say. More
   * than 0. Default: the records' time.
   */
  readonly interval?: Duration.DurationInput

  /** Limits each query. More than 0, at most 5 minutes. Default: 5 seconds, as resolvers have. */
  readonly timeout?: Duration.DurationInput

  /**
   * The only family of addresses to ask for: 4 for IPv4, 6 for IPv6. Set it if this machine has no way to the other one,
   * whose addresses would be endpoints that fail, or if the DNS server or a firewall drops queries for it. Default: both.
   */
  readonly family?: 4 | 6
}

/**
 * The options of `addresses`. A wrong value is a defect that names the option, the value and the rule.
 *
 * @since 3.0.0
 * @category models
 */
export interface AddressesOptions extends Options {
  /** The host name. An IP address is a set of its own, which never changes. */
  readonly host: string

  /** The port of all endpoints, from 1 to 65535. */
  readonly port: number

  /** The `weight` of all endpoints. More than 0. Default: 1. */
  readonly weight?: number

  /** The `tier` of all endpoints. 0 or more. Default: 0. */
  readonly tier?: number
}

/**
 * Finds all addresses of a host name, IPv4 and IPv6 unless `family` says which, and keeps finding them. Each address is an endpoint, and has the
 * host name as its `name`. Use it for a name with several addresses, such as a headless service of Kubernetes, or one
 * whose address changes in a failover.
 *
 * - The name is asked for again when the first of its records expires (its TTL), but after 1 second at the earliest and 5
 *   minutes at the latest. All these times vary by 10 %, so that the processes of a fleet do not ask in step.
 * - A name that DNS servers do not know is looked up as `connect` does: in the file of hosts, and with the search domains
 *   of the system. Such addresses have no TTL, and are looked up again after 30 seconds. With `servers` there is no such
 *   look-up.
 * - A set is emitted only if it differs from the one before.
 * - The stream fails with `DnsError` if there is no first set. Later failures, an unknown name and an empty answer included,
 *   do not end it: the last set stays, one warning is logged, and the name is asked for again after 1 second, then 2, 4 and
 *   so on up to 30. If only the query for one family fails, its last addresses stay, or it has none.
 * - An interruption cancels the query.
 *
 * @example
 * ```ts
 * import { Dns } from "@socketpool/node"
 *
 * const caches = Dns.addresses({ host: "cache.default.svc.cluster.local", port: 6379 })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const addresses = (options: AddressesOptions): Endpoints.Endpoints<DnsError> =>
  internal.addresses(nodes, options)

/**
 * The options of `srv`. A wrong value is a defect that names the option, the value and the rule.
 *
 * @since 3.0.0
 * @category models
 */
export interface SrvOptions extends Options {
  /** The name of the records, such as `_redis._tcp.example.com`. */
  readonly name: string
}

/**
 * Finds the servers of a service by its SRV records (RFC 2782), and keeps finding them. Each address of a target is an
 * endpoint, and has the target as its `name`. Use it where DNS also tells ports, weights and an order, as Consul and
 * Kubernetes do.
 *
 * - The priority of a record is the `tier` of its endpoints: the lowest is tried first.
 * - The weight of a record is the `weight` of its endpoint. Several addresses of one target share it. A weight of 0
 *   counts as 1, the least that a record can otherwise have.
 * - The records are asked for again after 30 seconds, because Node does not tell their TTL, or when an address of a target
 *   expires, if that is sooner.
 * - A target that does not exist is left out. One whose addresses cannot be asked for keeps its last ones.
 *
 * Everything else is as with `addresses`.
 *
 * @example
 * ```ts
 * import { Dns } from "@socketpool/node"
 *
 * const caches = Dns.srv({ name: "_redis._tcp.cache.service.consul", servers: ["127.0.0.1:8600"] })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const srv = (options: SrvOptions): Endpoints.Endpoints<DnsError> => internal.srv(nodes, options)
