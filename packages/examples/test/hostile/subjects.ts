/** All public constructors and methods that take options, with the kind of each option. */
import { Checks, Framing, Pool, TransportPool, TransportSession } from "@socketpool/core"
import { Dashboard, Prometheus } from "@socketpool/dashboard"
import * as Node from "@socketpool/node"
import * as Testing from "@socketpool/testing"
import { Config, Effect, Layer, Redacted, type Scope } from "effect"
import type { Kind } from "./kinds.js"

/** Runs with options, or with one argument. A constructor that throws does so within. */
type Run = (given: any) => Effect.Effect<unknown, unknown, Scope.Scope>

export interface Subject {
  /** As messages name it. */
  readonly of: string
  readonly options: Readonly<Record<string, Kind>>
  /** Right options: those that are required, at least. */
  readonly base: Readonly<Record<string, unknown>>
  readonly run: Run
  /** Whether it passes its options on to another subject, so that every seventh value is enough. */
  readonly passesOn?: boolean
}

/** A subject whose only argument is checked. `options` has its name and kind. */
export type Argument = Omit<Subject, "base">

const sync = (make: (given: any) => unknown): Run => (given) => Effect.sync(() => make(given))

const build = (make: (given: any) => Layer.Layer<any, any> | Layer.Layer<never, any>): Run => (given) =>
  Effect.suspend(() => Layer.build(make(given) as Layer.Layer<any, any>))

// --- Pools ----------------------------------------------------------------------------------------------------------

const everyPool = {
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
  order: "one of several words",
  retry: "a schedule",
  closeTimeout: "a duration from 0",
  drainTimeout: "a duration from 0",
  leakThreshold: "a duration above 0"
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

const transportPool = { ...everyPool, handshake: "a hook" } satisfies Record<string, Kind>

const operations = { connectTimeout: "a duration above 0", timeout: "a duration above 0" } satisfies Record<
  string,
  Kind
>

class Pages extends Pool.Service<Pages, unknown, unknown>()("test/Pages") {}

const never = { open: Effect.never }

const core: ReadonlyArray<Subject> = [
  { of: "Pool.make", options: ownPool, base: never, run: (given) => Pool.make(given) },
  { of: "Pool.make", options: ownPool, base: never, run: build((given) => Pages.layer(given)), passesOn: true },
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
    options: { prefix: "a prefix", order: "one of several words", maxBytes: "at least 0" },
    base: { prefix: 4 },
    run: sync(Framing.lengthPrefixed)
  }
]

// --- Sockets --------------------------------------------------------------------------------------------------------

const socket = { ...operations, highWaterMark: "at least 1", allowHalfOpen: "a boolean" } satisfies Record<string, Kind>

const tcp = {
  ...socket,
  host: "a host",
  port: "a port",
  lookup: "a hook",
  attemptTimeout: "whole milliseconds from 10",
  localAddress: "an IP address",
  keepAlive: "keepAlive",
  noDelay: "a boolean"
} satisfies Record<string, Kind>

const security = {
  servername: "a host",
  ca: "certificates",
  cert: "certificates",
  key: "a secret key",
  passphrase: "a passphrase",
  alpn: "protocols",
  minVersion: "one of several words",
  dangerouslySkipVerification: "a boolean"
} satisfies Record<string, Kind>

const tls = { ...tcp, ...security, startTls: "a hook" } satisfies Record<string, Kind>

const unix = { ...socket, path: "a path" } satisfies Record<string, Kind>

const server = { host: "127.0.0.1", port: 1 }

const file = { path: "/nowhere/at-all.sock" }

/** No name is looked up: the system's resolver may take seconds. */
const nearby = { lookup: () => Effect.succeed(["127.0.0.1"]) }

const configOf = (options: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [name, Config.succeed(value)])) as any

const omit = (options: Record<string, any>, ...names: ReadonlyArray<string>) =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)))

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

const node: ReadonlyArray<Subject> = [
  { of: "TcpConnection", options: tcp, base: { ...server, ...nearby }, run: (given) => Node.TcpConnection.open(given) },
  { of: "TlsConnection", options: tls, base: { ...server, ...nearby }, run: (given) => Node.TlsConnection.open(given) },
  { of: "UnixConnection", options: unix, base: file, run: (given) => Node.UnixConnection.open(given) },
  ...poolsOf("Tcp", tcp, server, build((given) => Node.TcpPoolLive("127.0.0.1", 1, given))),
  ...poolsOf("Tls", tls, server, build((given) => Node.TlsPoolLive("127.0.0.1", 1, given))),
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

const silent = Testing.MemoryServer.make(() => Effect.never)

const proxy = Testing.FaultProxy.make({ target: server })

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
    base: { token: Redacted.make("t") },
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

// --- Single arguments -----------------------------------------------------------------------------------------------

const leased = (use: (connection: any, given: any) => Effect.Effect<unknown, unknown>): Run => (given) =>
  Effect.flatMap(
    silent,
    (memory) => Effect.flatMap(memory.connect(), (connection) => Effect.timeoutOption(use(connection, given), 1))
  )

const pooled = (use: (pool: any, given: any) => Effect.Effect<unknown, unknown>): Run => (given) =>
  Effect.flatMap(Pool.make({ open: Effect.succeed("a page"), drainTimeout: 0 }), (pool) => use(pool, given))

const connection = { recv() {}, recvFrame: () => Effect.never, send() {} }

const argument = (of: string, name: string, kind: Kind, run: Run): Argument => ({ of, options: { [name]: kind }, run })

export const singles: ReadonlyArray<Argument> = [
  argument(
    "Checks.argument",
    "level",
    "at least 1",
    sync((given) => Checks.argument("Checks.argument", "level", Checks.rules.count(1), given))
  ),
  argument("Pool.Service", "id", "a name", sync((given) => Pool.Service()(given))),
  argument(
    "Pool.acquireWith",
    "timeout",
    "a duration from 0",
    pooled((pool, timeout) => pool.acquireWith({ timeout }))
  ),
  argument("Pool.resize", "max", "at least 1", pooled((pool, max) => pool.resize({ max }))),
  argument("Pool.resize", "min", "at least 0", pooled((pool, min) => pool.resize({ min }))),
  argument("send", "data", "data", leased((connection, data) => connection.send(data))),
  argument(
    "Connection",
    "timeout",
    "a duration above 0",
    leased((connection, timeout) => connection.send("x", { timeout }))
  ),
  argument(
    "Connection",
    "timeout",
    "a duration above 0",
    leased((connection, timeout) => connection.recv(1, { timeout }))
  ),
  argument("recv", "maxBytes", "at least 1", leased((connection, bytes) => connection.recv(bytes))),
  argument("recvExactly", "bytes", "at least 0", leased((connection, bytes) => connection.recvExactly(bytes))),
  argument("recvUntil", "delimiter", "a short delimiter", leased((connection, end) => connection.recvUntil(end))),
  argument(
    "recvUntil",
    "maxBytes",
    "at least 1",
    leased((connection, maxBytes) => connection.recvUntil("\n", { maxBytes }))
  ),
  argument(
    "recvUntil",
    "timeout",
    "a duration above 0",
    leased((connection, timeout) => connection.recvUntil("\n", { timeout }))
  ),
  argument("recvFrame", "decoder", "a hook", leased((connection, decoder) => connection.recvFrame(decoder))),
  argument("Framing.fixed", "bytes", "at least 1", sync(Framing.fixed)),
  argument("Framing.delimited", "delimiter", "a delimiter", sync((given) => Framing.delimited(given))),
  argument(
    "Framing.over",
    "connection",
    "an object with methods",
    sync((given) => Framing.over(given, Framing.lines()))
  ),
  argument(
    "Framing.over",
    "framing",
    "an object with methods",
    sync((given) => Framing.over(connection as any, given))
  ),
  argument(
    "Framing.mapEffect",
    "codec",
    "an object with methods",
    sync((given) => Framing.mapEffect(Framing.over(connection as any, Framing.lines()), given))
  ),
  argument("TcpPoolLive", "host", "a host", build((host) => Node.TcpPoolLive(host, 1))),
  argument("TcpPoolLive", "port", "a port", build((port) => Node.TcpPoolLive("127.0.0.1", port))),
  argument("TlsPoolLive", "host", "a host", build((host) => Node.TlsPoolLive(host, 1))),
  argument("TlsPoolLive", "port", "a port", build((port) => Node.TlsPoolLive("127.0.0.1", port))),
  argument("UnixPoolLive", "path", "a path", build((path) => Node.UnixPoolLive(path))),
  argument(
    "TcpPool.layerConfig",
    "host",
    "a Config",
    build((host) => Node.TcpPool.layerConfig({ ...configOf(server), host }))
  ),
  argument(
    "TlsConnection.upgrade",
    "connection",
    "an object with methods",
    (given) => Node.TlsConnection.upgrade(given)
  ),
  argument(
    "PlatformSocket.fromSocket",
    "socket",
    "an object with methods",
    (given) => Node.PlatformSocket.fromSocket(given)
  ),
  argument("PlatformSocket.toSocket", "connection", "an object with methods", sync(Node.PlatformSocket.toSocket)),
  argument("MemoryServer.make", "serve", "a hook", (given) => Testing.MemoryServer.make(given)),
  argument(
    "MemoryServer.welcome",
    "how",
    "one of several words",
    (how) => Effect.flatMap(silent, (memory) => memory.welcome(how))
  ),
  argument("MemoryServer.push", "data", "data", (data) => Effect.flatMap(silent, (memory) => memory.push(data))),
  argument("FaultProxy", "target", "an object with options", (target) => Testing.FaultProxy.make({ target })),
  argument(
    "FaultProxy.set",
    "direction",
    "one of several words",
    (way) => Effect.flatMap(proxy, (proxy) => proxy.set(way, {}))
  ),
  argument(
    "FaultProxy.welcome",
    "how",
    "one of several words",
    (how) => Effect.flatMap(proxy, (proxy) => proxy.welcome(how))
  ),
  argument("FaultProxy.inject", "bytes", "data", (data) => Effect.flatMap(proxy, (proxy) => proxy.inject(data))),
  argument("Rng.make", "seed", "whole", sync(Testing.Rng.make)),
  argument("Simulation.simulate", "seed", "whole", sync((seed) => Testing.Simulation.simulate(seed, Effect.void))),
  argument("Simulation.simulate", "program", "an effect", sync((program) => Testing.Simulation.simulate(1, program))),
  argument("Prometheus.route", "path", "a route", sync((path) => Prometheus.route(path)({ pipe() {} } as any)))
]
