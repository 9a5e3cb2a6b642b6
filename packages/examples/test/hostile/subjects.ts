/** All public constructors and methods that take options, with the kind of each option. */
import {
  Budget,
  Client,
  EndpointPool,
  Endpoints,
  Framing,
  KeyedPool,
  Overload,
  Pool,
  PoolAdvice,
  Protocol,
  Session,
  TransportPool,
  TransportSession
} from "@socketpool/core"
import { Dashboard } from "@socketpool/dashboard"
import * as Node from "@socketpool/node"
import * as Testing from "@socketpool/testing"
import { Effect, Layer, Redacted, Stream } from "effect"
import type { Kind } from "./kinds.js"
import { build, configOf, omit, type Run, type Subject, sync } from "./subject.js"

// --- Pools ----------------------------------------------------------------------------------------------------------

export const everyPool = {
  name: "a name",
  attributes: "attributes",
  maxConnections: "at least 1",
  minConnections: "at least 0",
  initialConnections: "at least 0",
  maxConnecting: "at least 1",
  maxPending: "at least 0 or none",
  acquireTimeout: "a duration from 0",
  connectionTTL: "a duration from 0",
  ttlJitter: "a fraction",
  idleTimeout: "a duration above 0",
  maxUses: "at least 1 or none",
  reapExpired: "a boolean",
  reapSchedule: "a schedule",
  isExpired: "a hook",
  validate: "a hook",
  validateAfterIdle: "a duration from 0",
  validateTimeout: "a duration above 0",
  onRelease: "a hook",
  farewell: "a hook",
  isFatal: "a hook",
  fatalPause: "a duration above 0",
  order: "one of several words",
  retry: "a schedule",
  closeTimeout: "a duration from 0",
  drainTimeout: "a duration from 0",
  leakThreshold: "a duration above 0",
  overload: "an overload policy",
  budget: "a budget",
  budgetWeight: "a weight without a budget"
} satisfies Record<string, Kind>

const ownPool = {
  ...everyPool,
  open: "an effect",
  connectTimeout: "a duration above 0",
  isConnected: "a hook",
  closed: "a hook",
  lease: "a hook",
  concurrency: "at least 1"
} satisfies Record<string, Kind>

const transportPool = { ...everyPool, handshake: "a hook", isReply: "a hook" } satisfies Record<string, Kind>

const operations = { connectTimeout: "a duration above 0", timeout: "a duration above 0" } satisfies Record<
  string,
  Kind
>

class Pages extends Pool.Service<Pages, unknown, unknown>()("test/Pages") {}

const never = { open: Effect.never }

const protocol = Protocol.inOrder({ framing: Framing.lines() })

export const sessions = {
  maxInFlight: "at least 1",
  maxAbandoned: "at least 0",
  stallTimeout: "a duration above 0",
  onPush: "a hook"
} satisfies Record<string, Kind>

export const { onRelease: _, retry: __, ...clientPool } = everyPool

const { budgetWeight: ___, ...keyPool } = everyPool

const keys = {
  maxConnectionsPerKey: "at least 1",
  maxKeys: "at least 1",
  keyIdleTimeout: "a duration above 0",
  weight: "a hook",
  label: "a hook",
  maxLabels: "at least 0"
} satisfies Record<string, Kind>

const endpoint = {
  host: "a host of any letters",
  port: "a port",
  weight: "a weight",
  tier: "at least 0",
  zone: "a name",
  id: "a name",
  name: "a host of any letters"
} satisfies Record<string, Kind>

export const endpoints = {
  maxConnectionsPerEndpoint: "at least 1",
  ejectAfter: "at least 1",
  ejectionTime: "a duration above 0",
  maxEjected: "a fraction",
  slowStart: "a duration from 0",
  rebalance: "a duration above 0",
  isFailure: "a hook",
  probe: "a hook",
  probeInterval: "an interval without a probe"
} satisfies Record<string, Kind>

export const oneEndpoint = Endpoints.of({ host: "db.internal", port: 1 })

/** Subjects of the interval, which only a pool with a probe takes. */
const probed = (subjects: ReadonlyArray<Subject>): ReadonlyArray<Subject> =>
  subjects.flatMap((subject) => [
    subject,
    {
      ...subject,
      options: { probeInterval: "a duration above 0" },
      base: { ...subject.base, probe: () => Effect.succeed({ tier: 0 }) }
    }
  ])

const core: ReadonlyArray<Subject> = [
  {
    of: "Budget.make",
    options: { name: "a name", maxConnections: "at least 1", reclaimAfter: "a duration from 0" },
    base: { maxConnections: 1 },
    run: (given) => Budget.make(given)
  },
  {
    of: "Budget.makeSupplied",
    options: { name: "a name", maxConnections: "at least 1", reclaimAfter: "a duration from 0" },
    base: { maxConnections: 1 },
    run: (given) =>
      Budget.makeSupplied(given, { onChange: () => {}, isWatching: () => false, resize: () => Effect.void }),
    passesOn: true
  },
  {
    of: "Endpoints.of",
    options: endpoint,
    base: { host: "db.internal", port: 1 },
    run: (given) => Stream.runDrain(Endpoints.of(given))
  },
  {
    of: "Endpoints.check",
    options: endpoint,
    base: { host: "db.internal", port: 1 },
    // A failure, because an endpoint from outside is no mistake of the program; its text is that of a refusal.
    run: (given) =>
      Effect.catchTag(
        Endpoints.check("the registry", [given]),
        "EndpointsError",
        ({ detail }) => Effect.die(new RangeError(detail))
      )
  },
  ...Object.entries({ adaptiveLifo: Overload.adaptiveLifo, codel: Overload.codel }).map(([name, make]) => ({
    of: `Overload.${name}`,
    options: { target: "a duration above 0", interval: "a duration above 0" },
    base: {},
    run: (given) => Effect.sync(() => make(given))
  } satisfies Subject)),
  ...Object.entries({ forecast: PoolAdvice.forecast, size: PoolAdvice.size }).map(([name, of]) => ({
    of: `PoolAdvice.${name}`,
    options: {
      arrivalsPerSecond: "a number within limits",
      hold: "at most one day",
      concurrency: "at least 1",
      percentile: "a number within limits",
      ...(name === "size" ? { maxWait: "at most one day, or 0" } : { maxConnections: "at least 1" })
    },
    base: { arrivalsPerSecond: 1, hold: 1, ...(name === "size" ? {} : { maxConnections: 1 }) },
    run: (given) => Effect.sync(() => of(given))
  } satisfies Subject)),
  {
    of: "KeyedPool.make",
    options: {
      ...keyPool,
      ...keys,
      open: "a hook",
      options: "a hook",
      identify: "a hook",
      connectTimeout: "a duration above 0",
      isConnected: "a hook",
      closed: "a hook",
      lease: "a hook",
      concurrency: "at least 1"
    },
    base: { open: () => Effect.never },
    run: (given) => KeyedPool.make(given)
  },
  {
    of: "KeyedPool.fromPools",
    options: {
      ...keys,
      name: "a name",
      maxConnections: "at least 1",
      budget: "a budget",
      make: "a hook",
      identify: "a hook"
    },
    base: { make: () => Pool.make(never) },
    run: (given) => KeyedPool.fromPools(given)
  },
  ...probed([{
    of: "EndpointPool.make",
    options: {
      ...everyPool,
      ...endpoints,
      endpoints: "an effect",
      open: "a hook",
      connectTimeout: "a duration above 0",
      isConnected: "a hook",
      closed: "a hook",
      lease: "a hook",
      concurrency: "at least 1"
    },
    base: { endpoints: oneEndpoint, open: () => Effect.never },
    run: (given) => EndpointPool.make(given)
  }, {
    of: "EndpointPool.fromPools",
    options: {
      ...endpoints,
      endpoints: "an effect",
      make: "a hook",
      name: "a name",
      attributes: "attributes",
      maxConnections: "at least 1",
      minConnections: "at least 0",
      initialConnections: "at least 0",
      maxPending: "at least 0 or none",
      acquireTimeout: "a duration from 0",
      drainTimeout: everyPool.drainTimeout,
      concurrency: "at least 1",
      budget: "a budget",
      budgetWeight: everyPool.budgetWeight
    },
    base: { endpoints: oneEndpoint, make: () => Pool.make(never) },
    run: (given) => EndpointPool.fromPools(given)
  }]),
  { of: "Pool.make", options: ownPool, base: never, run: (given) => Pool.make(given) },
  { of: "Pool.make", options: ownPool, base: never, run: build((given) => Pages.layer(given)), passesOn: true },
  {
    of: "Pool.make",
    options: { keepaliveTime: "a keepalive time" },
    base: { ...never, validate: () => Effect.succeed(true) },
    run: (given) => Pool.make(given)
  },
  {
    of: "Client.make",
    options: {
      ...clientPool,
      ...sessions,
      open: "an effect",
      connectTimeout: "a duration above 0",
      handshake: "a hook",
      retryUnsent: "at least 0"
    },
    base: { ...never, protocol },
    run: (given) => Client.make(given)
  },
  ...probed([{
    of: "Client.endpoints",
    options: {
      ...clientPool,
      ...sessions,
      ...endpoints,
      endpoints: "an effect",
      open: "a hook",
      connectTimeout: "a duration above 0",
      handshake: "a hook",
      retryUnsent: "at least 0"
    },
    base: { endpoints: oneEndpoint, open: () => Effect.never, protocol },
    run: (given) => Client.endpoints(given)
  }]),
  {
    of: "Session.make",
    options: sessions,
    base: {},
    run: (given) =>
      Effect.flatMap(
        Effect.flatMap(silent, (memory) => memory.connect()),
        (connection) => Session.make(protocol, connection, given)
      )
  },
  {
    of: "TransportPool.make",
    options: { ...transportPool, open: "a hook" },
    base: { open: () => Effect.never },
    run: (given) => TransportPool.make(given)
  },
  {
    of: "TransportPool.openInTime",
    options: { address: "text", connectTimeout: "a duration above 0", catchUp: "an effect" },
    base: { address: "db:1", connectTimeout: 1 },
    run: (given) => TransportPool.openInTime(given, Effect.succeed(1), Effect.succeed)
  },
  {
    of: "TransportSession",
    options: {
      holder: "a hook",
      timeout: "a duration above 0",
      allowHalfOpen: "a boolean",
      transport: "an object with methods"
    },
    base: { transport: { start() {}, write() {}, close: (_how: unknown, done: () => void) => done() } },
    run: sync((given) => TransportSession.make(given))
  },
  {
    of: "Framing.lines",
    options: { maxBytes: "at least 1", end: "one of several words" },
    base: {},
    run: sync(Framing.lines)
  },
  {
    of: "Framing.delimited",
    options: { maxBytes: "at least 1" },
    base: {},
    run: sync((given) => Framing.delimited("\n", given))
  },
  {
    of: "Framing.lengthPrefixed",
    options: {
      bytes: "the size of a length",
      order: "one of several words",
      offset: "at least 0",
      adjust: "whole",
      includesItself: "a boolean",
      maxBytes: "at least 0"
    },
    base: { bytes: 4 },
    run: sync(Framing.lengthPrefixed)
  },
  {
    of: "Framing.decoder",
    options: { maxBytes: "at least 1" },
    base: {},
    run: sync((given) => Framing.decoder(() => () => {}, given))
  }
]

// --- Sockets --------------------------------------------------------------------------------------------------------

const socket = { ...operations, highWaterMark: "at least 1", allowHalfOpen: "a boolean" } satisfies Record<string, Kind>

export const tcp = {
  ...socket,
  host: "a host",
  port: "a port",
  lookup: "a hook",
  attemptTimeout: "whole milliseconds from 10",
  localAddress: "an IP address",
  keepAlive: "keepAlive",
  noDelay: "a boolean"
} satisfies Record<string, Kind>

export const security = {
  servername: "a host",
  ca: "certificates",
  cert: "certificates",
  key: "a secret key",
  passphrase: "a passphrase",
  alpn: "protocols",
  minVersion: "one of several words",
  resume: "a boolean",
  dangerouslySkipVerification: "a boolean"
} satisfies Record<string, Kind>

const tls = { ...tcp, ...security, startTls: "a hook" } satisfies Record<string, Kind>

export const unix = { ...socket, path: "a path" } satisfies Record<string, Kind>

export const server = { host: "127.0.0.1", port: 1 }

export const file = { path: "/nowhere/at-all.sock" }

/** No name is looked up: the system's resolver may take seconds. */
const nearby = { lookup: () => Effect.succeed(["127.0.0.1"]) }

const pools = { Tcp: Node.TcpPool, Tls: Node.TlsPool, Unix: Node.UnixPool }

const poolsOf = (
  kind: "Tcp" | "Tls" | "Unix",
  options: Record<string, Kind>,
  base: Record<string, unknown>,
  live: Run
): ReadonlyArray<Subject> => {
  const module = pools[kind] as any
  const all = { ...transportPool, ...options }
  return [
    { of: `${kind}Pool`, options: all, base, run: (given) => module.make(given) },
    { of: `${kind}Pool`, options: all, base, run: build(module.layer), passesOn: true },
    { of: `${kind}PoolLive`, options: omit(all, ...Object.keys(base)), base: {}, run: live, passesOn: true }
  ]
}

const asks = {
  servers: "DNS servers",
  interval: "a duration above 0",
  timeout: "at most five minutes",
  family: "a family of addresses"
} satisfies Record<string, Kind>

/** Nobody listens there, so that a query ends at once. */
const noServers = { servers: ["127.0.0.1:1"] }

const node: ReadonlyArray<Subject> = [
  {
    of: "Dns.addresses",
    options: { ...asks, host: "a host", port: "a port", weight: "a weight", tier: "at least 0" },
    base: { ...server, ...noServers },
    run: (given) => Stream.runDrain(Node.Dns.addresses(given))
  },
  {
    of: "Dns.srv",
    options: { ...asks, name: "the name of a service" },
    base: { name: "_redis._tcp.internal", ...noServers },
    run: (given) => Stream.runDrain(Node.Dns.srv(given))
  },
  {
    of: "EndpointsFile.watch",
    options: { interval: "a duration above 0" },
    base: {},
    run: (given) => Stream.runDrain(Node.EndpointsFile.watch("/nowhere/at-all.json", given))
  },
  { of: "TcpConnection", options: tcp, base: { ...server, ...nearby }, run: (given) => Node.TcpConnection.open(given) },
  { of: "TlsConnection", options: tls, base: { ...server, ...nearby }, run: (given) => Node.TlsConnection.open(given) },
  { of: "UnixConnection", options: unix, base: file, run: (given) => Node.UnixConnection.open(given) },
  ...poolsOf("Tcp", tcp, server, build((given) => Node.TcpPoolLive("127.0.0.1", 1, given))),
  ...poolsOf("Tls", tls, server, build((given) => Node.TlsPoolLive("127.0.0.1", 1, given))),
  ...probed([{
    of: "TcpPool.endpoints",
    options: { ...omit({ ...transportPool, ...tcp }, "host", "port"), ...endpoints, endpoints: "an effect" },
    base: { endpoints: Endpoints.of(server), ...nearby },
    run: (given) => Node.TcpPool.endpoints(given)
  }, {
    of: "TlsPool.endpoints",
    options: { ...omit({ ...transportPool, ...tls }, "host", "port"), ...endpoints, endpoints: "an effect" },
    base: { endpoints: Endpoints.of(server), ...nearby },
    run: (given) => Node.TlsPool.endpoints(given)
  }]),
  ...poolsOf("Unix", unix, file, build((given) => Node.UnixPoolLive("/nowhere/at-all.sock", given))),
  {
    of: "PlatformSocket.fromSocket",
    options: { ...operations, address: "a name", maxUnread: "at least 1" },
    base: {},
    run: (given) =>
      Node.PlatformSocket.fromSocket(
        { run: () => Effect.void, writer: Effect.succeed(() => Effect.void) } as any,
        given
      )
  },
  {
    of: "PlatformSocket.makePool",
    options: { ...transportPool, ...operations, address: "a name", maxUnread: "at least 1", socket: "an effect" },
    base: { socket: Effect.never },
    run: (given) => Node.PlatformSocket.makePool(given)
  }
]

// --- Tests and the dashboard ----------------------------------------------------------------------------------------

const memory = { ...operations, allowHalfOpen: "a boolean" } satisfies Record<string, Kind>

export const silent = Testing.MemoryServer.make(() => Effect.never)

export const proxy = Testing.FaultProxy.make({ target: server })

const testing: ReadonlyArray<Subject> = [
  {
    of: "MemoryServer.connect",
    options: memory,
    base: {},
    run: (given) => Effect.flatMap(silent, (memory) => memory.connect(given))
  },
  {
    of: "MemoryServer.pool",
    options: { ...transportPool, ...memory },
    base: {},
    run: (given) => Effect.flatMap(silent, (memory) => memory.pool(given))
  },
  {
    of: "MemoryServer.pool",
    options: { ...transportPool, ...memory },
    base: {},
    run: (given) => Effect.flatMap(silent, (memory) => Layer.build(memory.layer(given))),
    passesOn: true
  },
  {
    of: "MemoryConnection",
    options: { timeout: "a duration above 0", allowHalfOpen: "a boolean", highWaterMark: "at least 1" },
    base: {},
    run: (given) => Testing.MemoryConnection.pair(given)
  },
  {
    of: "ScriptedConnector",
    options: { open: "a hook", close: "a hook", closeTimeout: "a duration from 0" },
    base: {},
    run: sync(Testing.ScriptedConnector.make)
  },
  {
    of: "ConnectionContract",
    options: { pair: "an effect", lacks: "an array of abilities" },
    base: { pair: Effect.never },
    run: sync(Testing.ConnectionContract.checks)
  },
  {
    of: "FaultProxy",
    options: { seed: "whole" },
    base: { target: server },
    run: (given) => Testing.FaultProxy.make(given)
  },
  {
    of: "FaultProxy",
    options: { host: "a host of any letters", port: "a port" },
    base: server,
    run: (target) => Testing.FaultProxy.make({ target })
  },
  {
    of: "FaultProxy",
    options: {
      latency: "a short duration",
      jitter: "a short duration",
      bandwidth: "a number above 0",
      slice: "at least 1 or none",
      merge: "a short duration",
      stall: "a boolean",
      corrupt: "a fraction",
      duplicate: "a fraction",
      cutAfter: "at least 0 or none",
      cut: "one of several words"
    },
    base: {},
    run: (given) => Effect.flatMap(proxy, (proxy) => proxy.set("both", given))
  },
  { of: "SteppingScheduler", options: { budget: "at least 1" }, base: {}, run: sync(Testing.SteppingScheduler.make) },
  {
    of: "Simulation",
    options: {
      observe: "a hook",
      yieldProbability: "a fraction",
      haste: "a fraction",
      maxSteps: "at least 1 or none",
      maxMillis: "a number from 0"
    },
    base: {},
    run: sync((given) => Testing.Simulation.simulate(1, Effect.void, given))
  },
  {
    of: "Interruptions.explore",
    options: { maxSteps: "at least 1 or none", budgets: "budgets" },
    base: {},
    run: (given) => Testing.Interruptions.explore(() => Effect.succeed([]), given)
  },
  {
    of: "Interruptions.explorePairs",
    options: { maxSteps: "at least 1 or none", budgets: "budgets", maxRuns: "at least 1 or none", seed: "whole" },
    base: {},
    run: (given) => Testing.Interruptions.explorePairs(() => Effect.succeed([]), given)
  }
]

const dashboard: ReadonlyArray<Subject> = [
  {
    of: "Dashboard",
    options: {
      host: "a host of any letters",
      port: "a port or 0",
      token: "a token",
      interval: "an interval",
      history: "a history"
    },
    base: { token: Redacted.make("a-token-of-24-characters") },
    run: (given) => Dashboard.router(given)
  },
  {
    of: "Dashboard",
    options: { token: "a token", interval: "an interval", history: "a history" },
    base: { port: 0 },
    run: build(Dashboard.layer)
  }
]

/** The same values, but from the configuration. */
export const configured: ReadonlyArray<Subject> = (["Tcp", "Tls", "Unix"] as const).map((kind) => {
  const { base, options } = node.find(({ of }) => of === `${kind}Pool`)!
  const { layerConfig } = pools[kind] as any
  return { of: `${kind}Pool`, options, base, run: build((given) => layerConfig(configOf(given))), passesOn: true }
})

export const subjects: ReadonlyArray<Subject> = [...core, ...node, ...testing, ...dashboard]
