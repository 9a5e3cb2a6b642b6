// A real DNS server: dnsmasq, on a random loopback port.
import type { Endpoint } from "@socketpool/core"
import { Dns, DnsError } from "@socketpool/node"
import { fork, type LogEntry, onlyLogger } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, Stream } from "effect"
import { dnsmasq, installed, lossyWay, udpSocketsTo } from "./fixtures/dnsmasq.js"
import { isMissing } from "./fixtures/realServer.js"
import { eventually } from "./fixtures/server.js"

/** Reads a discovery in a fiber of its own, and keeps what it emits and logs. */
const reading = <E>(endpoints: Stream.Stream<ReadonlyArray<Endpoint>, E>) =>
  Effect.gen(function*() {
    const sets: Array<ReadonlyArray<Endpoint>> = []
    const warnings: Array<string> = []
    const infos: Array<string> = []
    const logger = onlyLogger(({ level, message }: LogEntry) => {
      if (level === "WARN") warnings.push(String(message))
      if (level === "INFO") infos.push(String(message))
    })
    const reader = yield* fork(
      Effect.provide(Stream.runForEach(endpoints, (set) => Effect.sync(() => sets.push(set))), logger)
    )
    const hosts = () => (sets.at(-1) ?? []).map(({ host }) => host).sort()
    return { reader, sets, hosts, warnings, infos }
  })

const until = (is: () => boolean) => eventually(String(is), is)

const same = (a: ReadonlyArray<unknown>, b: ReadonlyArray<unknown>) => JSON.stringify(a) === JSON.stringify(b)

describe.skipIf(isMissing("dnsmasq", installed))("with dnsmasq", () => {
  it.scopedLive("follows the addresses of a name, of both families, as their records expire", () =>
    Effect.gen(function*() {
      const server = yield* dnsmasq({ hosts: ["10.0.0.1 db.test", "10.0.0.2 db.test", "fd00::1 db.test"] })
      const { hosts, reader, sets } = yield* reading(
        Dns.addresses({ host: "db.test", port: 5432, servers: [server.address] })
      )
      yield* until(() => same(hosts(), ["10.0.0.1", "10.0.0.2", "fd00::1"]))
      expect(sets).toHaveLength(1)
      expect(sets[0]!.find(({ host }) => host === "fd00::1")).toEqual({
        host: "fd00::1",
        port: 5432,
        weight: 1,
        tier: 0,
        id: "[fd00::1]:5432",
        name: "db.test"
      })
      yield* server.setHosts("10.0.0.2 db.test", "10.0.0.3 db.test")
      yield* until(() => same(hosts(), ["10.0.0.2", "10.0.0.3"]))
      yield* server.setHosts("fd00::2 db.test")
      yield* until(() => same(hosts(), ["fd00::2"]))
      yield* Fiber.interrupt(reader)
    }))

  it.scopedLive("finds the addresses of one family", () =>
    Effect.gen(function*() {
      const server = yield* dnsmasq({
        hosts: ["10.0.0.1 db.test", "fd00::1 db.test", "10.0.0.2 old.test"],
        options: ["srv-host=_redis._tcp.test,db.test,6379,0,1"]
      })
      const servers = [server.address]
      for (const [family, host] of [[4, "10.0.0.1"], [6, "fd00::1"]] as const) {
        const alone = yield* reading(Dns.addresses({ host: "db.test", port: 5432, servers, family }))
        const service = yield* reading(Dns.srv({ name: "_redis._tcp.test", servers, family }))
        yield* until(() => alone.sets.length > 0 && service.sets.length > 0)
        expect([alone.hosts(), service.hosts()]).toEqual([[host], [host]])
        yield* Fiber.interrupt(alone.reader)
        yield* Fiber.interrupt(service.reader)
      }
      const none = yield* Effect.flip(
        Stream.runDrain(Dns.addresses({ host: "old.test", port: 5432, servers, family: 6 }))
      )
      expect(none.code).toBe("ENODATA")
    }))

  it.scopedLive("emits a set once, in whatever order the server tells it", () =>
    Effect.gen(function*() {
      const server = yield* dnsmasq({ hosts: ["10.0.0.1 db.test", "10.0.0.2 db.test", "10.0.0.3 db.test"] })
      const way = yield* lossyWay(server.port)
      const { sets } = yield* reading(
        Dns.addresses({ host: "db.test", port: 5432, servers: [way.address], interval: "10 millis" })
      )
      // The server turns its answers round.
      yield* until(() => way.questions >= 40)
      expect(sets).toHaveLength(1)
    }))

  it.scopedLive("keeps the last set while a name is gone, and finds it again", () =>
    Effect.gen(function*() {
      const server = yield* dnsmasq({ hosts: ["10.0.0.1 db.test"] })
      const { hosts, infos, sets, warnings } = yield* reading(
        Dns.addresses({ host: "db.test", port: 5432, servers: [server.address], interval: "50 millis" })
      )
      yield* until(() => same(hosts(), ["10.0.0.1"]))
      yield* server.setHosts()
      yield* until(() => warnings.length > 0)
      expect(warnings[0]).toContain("Cannot find the addresses of db.test: ENOTFOUND")
      yield* server.setHosts("10.0.0.1 db.test")
      yield* until(() => infos.length > 0)
      expect(sets).toHaveLength(1)
      yield* server.setHosts("10.0.0.2 db.test")
      yield* until(() => same(hosts(), ["10.0.0.2"]))
      expect(warnings).toHaveLength(1)
    }))

  it.scopedLive("keeps the last set while the server is away, and follows it when it comes back", () =>
    Effect.gen(function*() {
      const server = yield* dnsmasq({ hosts: ["10.0.0.1 db.test"] })
      const { hosts, sets, warnings } = yield* reading(
        Dns.addresses({
          host: "db.test",
          port: 5432,
          servers: [server.address],
          interval: "50 millis",
          timeout: "5 seconds"
        })
      )
      yield* until(() => sets.length > 0)
      yield* server.stop
      yield* until(() => warnings.length > 0)
      expect(warnings[0]).toMatch(/ECONNREFUSED|ETIMEOUT/)
      yield* server.start({ hosts: ["10.0.0.2 db.test"] })
      yield* until(() => same(hosts(), ["10.0.0.2"]))
      expect(sets).toHaveLength(2)
    }))

  it.scopedLive("asks the next server if the first one does not answer", () =>
    Effect.gen(function*() {
      const silent = yield* lossyWay(1)
      silent.losing = Infinity
      const server = yield* dnsmasq({ hosts: ["10.0.0.1 db.test"] })
      const { hosts } = yield* reading(
        Dns.addresses({ host: "db.test", port: 5432, servers: [silent.address, server.address], timeout: "30 seconds" })
      )
      yield* until(() => same(hosts(), ["10.0.0.1"]))
      expect(silent.questions).toBeGreaterThan(0)
    }))

  it.scopedLive("fails at the start if the name is unknown, or the server refuses it", () =>
    Effect.gen(function*() {
      const { address } = yield* dnsmasq({ hosts: ["10.0.0.1 db.test"] })
      const codeOf = (host: string) =>
        Effect.map(
          Effect.flip(Stream.runDrain(Dns.addresses({ host, port: 5432, servers: [address] }))),
          (error) => error instanceof DnsError ? error.code : error
        )
      expect(yield* codeOf("other.test")).toBe("ENOTFOUND")
      expect(yield* codeOf("db.example")).toBe("EREFUSED")
    }))

  it.scopedLive("fails at the start with ETIMEOUT if the server says nothing, but asks again before that", () =>
    Effect.gen(function*() {
      const server = yield* dnsmasq({ hosts: ["10.0.0.1 db.test"] })
      const way = yield* lossyWay(server.port)
      const options = { host: "db.test", port: 5432, servers: [way.address] }
      way.losing = Infinity
      const error = yield* Effect.flip(Stream.runDrain(Dns.addresses({ ...options, timeout: "300 millis" })))
      expect(error.code).toBe("ETIMEOUT")
      way.losing = 2
      const { hosts } = yield* reading(Dns.addresses({ ...options, timeout: "12 seconds" }))
      yield* until(() => same(hosts(), ["10.0.0.1"]))
    }))

  it.scopedLive("follows the records of a service: targets, ports, weights and priorities", () =>
    Effect.gen(function*() {
      const service = "srv-host=_redis._tcp.test"
      const hosts = ["10.0.0.1 a.test", "10.0.0.2 a.test", "fd00::1 b.test", "10.0.0.3 c.test"]
      const server = yield* dnsmasq({
        hosts,
        options: [`${service},a.test,6379,10,60`, `${service},b.test,6380,10,0`, `${service},c.test,6379,20,5`]
      })
      const { sets, warnings } = yield* reading(
        Dns.srv({ name: "_redis._tcp.test", servers: [server.address], interval: "50 millis" })
      )
      yield* until(() => sets.length > 0)
      const inOrder = (set: ReadonlyArray<Endpoint>) => [...set].sort((a, b) => a.id! < b.id! ? -1 : 1)
      expect(inOrder(sets[0]!)).toEqual([
        { host: "10.0.0.1", port: 6379, weight: 30, tier: 10, id: "10.0.0.1:6379", name: "a.test" },
        { host: "10.0.0.2", port: 6379, weight: 30, tier: 10, id: "10.0.0.2:6379", name: "a.test" },
        { host: "10.0.0.3", port: 6379, weight: 5, tier: 20, id: "10.0.0.3:6379", name: "c.test" },
        { host: "fd00::1", port: 6380, weight: 1, tier: 10, id: "[fd00::1]:6380", name: "b.test" }
      ])
      yield* server.setHosts("10.0.0.1 a.test", "fd00::1 b.test", "10.0.0.3 c.test")
      yield* until(() => sets.length > 1)
      expect(inOrder(sets[1]!)).toMatchObject([{ id: "10.0.0.1:6379", weight: 60 }, { id: "10.0.0.3:6379" }, {
        port: 6380
      }])
      yield* server.stop
      yield* server.start({ options: [`${service},c.test,7000,0,1`] })
      yield* until(() => (sets.at(-1)?.length ?? 0) === 1)
      expect(sets.at(-1)).toEqual([
        { host: "10.0.0.3", port: 7000, weight: 1, tier: 0, id: "10.0.0.3:7000", name: "c.test" }
      ])
      expect(warnings.length).toBeLessThanOrEqual(1)
    }))

  it.scopedLive("fails at the start if a service has no records", () =>
    Effect.gen(function*() {
      const { address } = yield* dnsmasq({ hosts: ["10.0.0.1 db.test"] })
      const missing = yield* Effect.flip(Stream.runDrain(Dns.srv({ name: "_redis._tcp.test", servers: [address] })))
      expect(missing).toMatchObject({ code: "ENOTFOUND", records: "SRV records", host: "_redis._tcp.test" })
      const empty = yield* Effect.flip(Stream.runDrain(Dns.srv({ name: "db.test", servers: [address] })))
      expect(empty).toMatchObject({ code: "ENODATA" })
    }))
})

describe("without a DNS server of its own", () => {
  it.scopedLive("finds localhost, which is in the file of hosts", () =>
    Effect.gen(function*() {
      const { hosts } = yield* reading(Dns.addresses({ host: "localhost", port: 5432 }))
      yield* until(() => hosts().length > 0)
      expect(hosts().every((host) => host === "127.0.0.1" || host === "::1")).toBe(true)
      const four = yield* reading(Dns.addresses({ host: "localhost", port: 5432, family: 4 }))
      yield* until(() => four.hosts().length > 0)
      expect(four.hosts()).toEqual(["127.0.0.1"])
    }))

  it.scopedLive.skipIf(process.platform !== "linux")(
    "keeps no socket once it is interrupted",
    () =>
      Effect.gen(function*() {
        const silent = yield* lossyWay(1)
        silent.losing = Infinity
        const { reader } = yield* reading(
          Dns.addresses({ host: "db.test", port: 1, servers: [silent.address], timeout: "5 minutes" })
        )
        yield* until(() => silent.questions > 0)
        expect(udpSocketsTo(silent.port)).toBeGreaterThan(0)
        yield* Fiber.interrupt(reader)
        yield* until(() => udpSocketsTo(silent.port) === 0)
      })
  )
})
