import { DnsError } from "@socketpool/node"
import { TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Effect, Stream } from "effect"
import type { SrvOptions } from "../src/Dns.js"
import { srv } from "../src/internal/dns.js"
import { reading, scripted, type Zone } from "./fixtures/resolvers.js"

const ttl = (ttl: number, ...addresses: ReadonlyArray<string>) => addresses.map((address) => ({ address, ttl }))

const record = (name: string, priority: number, weight: number, port = 6379) => ({ name, port, priority, weight })

const name = "_redis._tcp.internal"

const discover = (zone: Partial<Zone>, options: Partial<SrvOptions> = {}) =>
  Effect.gen(function*() {
    const dns = scripted(zone)
    const reader = yield* reading(srv(dns.resolvers, { name, ...options }))
    return { ...dns, ...reader }
  })

const failure = (zone: Partial<Zone>) =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(Stream.runDrain(srv(scripted(zone).resolvers, { name })))
    expect(error).toBeInstanceOf(DnsError)
    return { ...error }
  })

describe("Dns.srv", () => {
  it.scoped("emits the addresses of each target with the record's port, priority and weight", () =>
    Effect.gen(function*() {
      const { asked, sets } = yield* discover({
        SRV: { [name]: [record("b.internal", 20, 5, 6380), record("a.internal", 10, 60)] },
        A: { "a.internal": ttl(60, "10.0.0.1"), "b.internal": ttl(60, "10.0.0.2") },
        AAAA: { "b.internal": "ENODATA" }
      })
      expect(sets).toEqual([[
        { host: "10.0.0.1", port: 6379, weight: 60, tier: 10, id: "10.0.0.1:6379", name: "a.internal" },
        { host: "10.0.0.2", port: 6380, weight: 5, tier: 20, id: "10.0.0.2:6380", name: "b.internal" }
      ]])
      expect(asked().sort()).toEqual([
        "A a.internal",
        "A b.internal",
        "AAAA a.internal",
        "AAAA b.internal",
        `SRV ${name}`
      ])
    }))

  it.scoped("asks for the addresses of one family, which share the weight", () =>
    Effect.gen(function*() {
      const { asked, sets } = yield* discover({
        SRV: { [name]: [record("a.internal", 0, 60), record("10.0.0.9", 0, 5)] },
        A: { "a.internal": ttl(60, "10.0.0.1") },
        AAAA: { "a.internal": ttl(60, "fd00::1", "fd00::2") }
      }, { family: 6 })
      expect(sets[0]!.map(({ host, weight }) => [host, weight])).toEqual([["fd00::1", 30], ["fd00::2", 30]])
      expect(asked()).toEqual([`SRV ${name}`, "AAAA a.internal"])
    }))

  it.scoped("shares the weight of a target among its addresses, and counts 0 as 1", () =>
    Effect.gen(function*() {
      const { sets } = yield* discover({
        SRV: { [name]: [record("a.internal", 0, 60), record("b.internal", 0, 0)] },
        A: { "a.internal": ttl(60, "10.0.0.1", "10.0.0.2"), "b.internal": ttl(60, "10.0.0.3") },
        AAAA: { "a.internal": ttl(60, "fd00::1") }
      })
      expect(sets[0]!.map(({ host, weight }) => [host, weight])).toEqual([
        ["10.0.0.1", 20],
        ["10.0.0.2", 20],
        ["fd00::1", 20],
        ["10.0.0.3", 1]
      ])
    }))

  it.scoped("takes the record that is tried first of several for one address and port", () =>
    Effect.gen(function*() {
      const { sets } = yield* discover({
        SRV: { [name]: [record("b.internal", 20, 5), record("a.internal", 10, 6), record("a.internal", 10, 7)] },
        A: { "a.internal": ttl(60, "10.0.0.1"), "b.internal": ttl(60, "10.0.0.1") }
      })
      expect(sets).toHaveLength(1)
      expect(sets[0]).toMatchObject([{ host: "10.0.0.1", tier: 10, weight: 7, name: "a.internal" }])
    }))

  for (
    const [what, seconds, options, millis] of [
      ["after 30 seconds", 60, {}, 30_000],
      ["when an address expires, if that is sooner", 5, {}, 5_000],
      ["after the interval, whatever the records say", 5, { interval: "1 minute" }, 60_000]
    ] as const
  ) {
    it.scoped(`asks again ${what}`, () =>
      Effect.gen(function*() {
        const { asked, hosts, zone } = yield* discover({
          SRV: { [name]: [record("a.internal", 0, 1)] },
          A: { "a.internal": ttl(seconds, "10.0.0.1"), "b.internal": ttl(seconds, "10.0.0.2") }
        }, options)
        asked()
        zone.SRV[name] = [record("b.internal", 0, 1)]
        yield* TestClock.adjust(millis - 1)
        expect(asked()).toEqual([])
        yield* TestClock.adjust(1)
        expect(asked()).toEqual([`SRV ${name}`, "A b.internal", "AAAA b.internal"])
        expect(hosts()).toEqual([["10.0.0.1"], ["10.0.0.2"]])
      }))
  }

  it.scoped("leaves out a target that does not exist, and says so", () =>
    Effect.gen(function*() {
      const { hosts, warnings, zone } = yield* discover({
        SRV: { [name]: [record("a.internal", 0, 1), record("b.internal", 0, 1)] },
        A: { "a.internal": ttl(60, "10.0.0.1"), "b.internal": ttl(60, "10.0.0.2") }
      })
      zone.A["b.internal"] = "ENOTFOUND"
      yield* TestClock.adjust("30 seconds")
      expect(hosts()).toEqual([["10.0.0.1", "10.0.0.2"], ["10.0.0.1"]])
      expect(warnings()).toHaveLength(1)
      expect(warnings()[0]).toContain("only a part was found. Cannot find the addresses of b.internal: ENOTFOUND")
      zone.A["b.internal"] = "ESERVFAIL"
      yield* TestClock.adjust("10 minutes")
      expect(hosts()).toEqual([["10.0.0.1", "10.0.0.2"], ["10.0.0.1"]])
    }))

  it.scoped("keeps the addresses of a target that cannot be asked for", () =>
    Effect.gen(function*() {
      const { hosts, warnings, zone } = yield* discover({
        SRV: { [name]: [record("a.internal", 0, 1), record("b.internal", 0, 1)] },
        A: { "a.internal": ttl(60, "10.0.0.1"), "b.internal": ttl(60, "10.0.0.2") }
      })
      zone.A["a.internal"] = ttl(60, "10.0.0.3")
      zone.A["b.internal"] = "silence"
      yield* TestClock.adjust("35 seconds")
      expect(hosts()).toEqual([["10.0.0.1", "10.0.0.2"], ["10.0.0.3", "10.0.0.2"]])
      yield* TestClock.adjust("5 minutes")
      expect(hosts()).toHaveLength(2)
      expect(warnings()).toHaveLength(1)
    }))

  it.scoped("keeps the last set while the records, or all targets, are gone or cannot be asked for", () =>
    Effect.gen(function*() {
      const { hosts, warnings, zone } = yield* discover({
        SRV: { [name]: [record("a.internal", 0, 1)] },
        A: { "a.internal": ttl(60, "10.0.0.1") }
      })
      const records = zone.SRV[name]!
      for (const broken of ["ENOTFOUND", "ESERVFAIL", [], [record("", 0, 0, 0)], [record("b.internal", 0, 0)]]) {
        zone.SRV[name] = broken
        yield* TestClock.adjust("5 minutes")
        zone.SRV[name] = records
        yield* TestClock.adjust("5 minutes")
      }
      expect(hosts()).toEqual([["10.0.0.1"]])
      expect(warnings()).toHaveLength(5)
    }))

  it.effect("fails at the start if there is no record", () =>
    Effect.gen(function*() {
      expect(yield* failure({})).toEqual({
        _tag: "DnsError",
        host: name,
        records: "SRV records",
        code: "ENOTFOUND"
      })
    }))

  it.effect("fails at the start if the only record says that there is no such service", () =>
    Effect.gen(function*() {
      expect(yield* failure({ SRV: { [name]: [record(".", 0, 0, 0)] } })).toMatchObject({ code: "ENODATA" })
    }))

  it.effect("fails at the start if no target has an address", () =>
    Effect.gen(function*() {
      expect(yield* failure({ SRV: { [name]: [record("a.internal", 0, 1)] } })).toMatchObject({
        host: "a.internal",
        records: "addresses",
        code: "ENOTFOUND"
      })
    }))

  it.effect("fails at the start if a record cannot be an endpoint, and says why", () =>
    Effect.gen(function*() {
      expect(
        yield* failure({ SRV: { [name]: [record("a.internal", 0, 1, 0)] }, A: { "a.internal": ttl(60, "10.0.0.1") } })
      ).toMatchObject({
        host: name,
        code: "EBADRESP",
        detail: "endpoints[0].port must be a whole number from 1 to 65535, but is 0"
      })
    }))

  it.scoped("cancels the query when it is interrupted", () =>
    Effect.gen(function*() {
      const { cancelled, stop } = yield* discover({ SRV: { [name]: "silence" } })
      expect(cancelled()).toBe(0)
      yield* stop
      expect(cancelled()).toBe(1)
    }))

  it.scoped("takes an address in place of a target as it is", () =>
    Effect.gen(function*() {
      const { asked, sets } = yield* discover({ SRV: { [name]: [record("10.0.0.1", 0, 1)] } })
      expect(sets).toEqual([[{ host: "10.0.0.1", port: 6379, weight: 1, tier: 0, id: "10.0.0.1:6379" }]])
      expect(asked()).toEqual([`SRV ${name}`])
    }))
})
