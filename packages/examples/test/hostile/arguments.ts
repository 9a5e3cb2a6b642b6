/** All public functions and methods with a single argument that is checked. */
import { Checks, Endpoints, Framing, Pool } from "@socketpool/core"
import { Prometheus } from "@socketpool/dashboard"
import * as Node from "@socketpool/node"
import * as Testing from "@socketpool/testing"
import { Effect, Stream } from "effect"
import { clientSingles } from "./clients.js"
import { type Argument, argument, build, configOf, type Run, sync } from "./subject.js"
import { proxy, server, silent } from "./subjects.js"

const leased = (use: (connection: any, given: any) => Effect.Effect<unknown, unknown>): Run => (given) =>
  Effect.flatMap(
    silent,
    (memory) => Effect.flatMap(memory.connect(), (connection) => Effect.timeoutOption(use(connection, given), 1))
  )

const pooled = (use: (pool: any, given: any) => Effect.Effect<unknown, unknown>): Run => (given) =>
  Effect.flatMap(Pool.make({ open: Effect.succeed("a page"), drainTimeout: 0 }), (pool) => use(pool, given))

const connection = { recv() {}, recvFrame: () => Effect.never, send() {} }

export const singles: ReadonlyArray<Argument> = [
  ...clientSingles,
  argument(
    "Checks.argument",
    "level",
    "at least 1",
    sync((given) => Checks.argument("Checks.argument", "level", Checks.rules.count(1), given))
  ),
  argument("Endpoints.check", "source", "text", (source) => Endpoints.check(source, [])),
  argument(
    "Endpoints.fromPull",
    "open",
    "an effect",
    // The value that an effect is to succeed with is another matter.
    (open) =>
      Effect.catchAllDefect(
        Stream.runDrain(Endpoints.fromPull(open)),
        (defect) => defect instanceof RangeError ? Effect.die(defect) : Effect.void
      )
  ),
  argument("EndpointsFile.watch", "path", "a path", (path) => Stream.runDrain(Node.EndpointsFile.watch(path))),
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
