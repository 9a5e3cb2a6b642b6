import { DnsError } from "@socketpool/node"
import { TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Cause, Effect, Exit, Stream } from "effect"
import type { AddressesOptions } from "../src/Dns.js"
import { addresses } from "../src/internal/dns.js"
import { reading, scripted, type Zone } from "./fixtures/resolvers.js"

const ttl = (ttl: number, ...addresses: ReadonlyArray<string>) => addresses.map((address) => ({ address, ttl }))

const db = { host: "db.internal", port: 5432 }

const discover = (zone: Partial<Zone>, options: Partial<AddressesOptions> = {}, draw?: number) =>
  Effect.gen(function*() {
    const dns = scripted(zone)
    const reader = yield* reading(addresses(dns.resolvers, { ...db, ...options }), draw)
    return { ...dns, ...reader }
  })

/** The error with which the discovery of an unknown state ends at the start. */
const failure = (zone: Partial<Zone>, options: Partial<AddressesOptions> = {}) =>
  Effect.gen(function*() {
    const dns = scripted(zone)
    const error = yield* Effect.flip(Stream.runDrain(addresses(dns.resolvers, { ...db, ...options })))
    expect(error).toBeInstanceOf(DnsError)
    return { error, asked: dns.asked() }
  })

describe("Dns.addresses", () => {
  it.scoped("emits an endpoint for each address of both families, with the name", () =>
    Effect.gen(function*() {
      const { asked, sets } = yield* discover(
        { A: { "db.internal": ttl(60, "10.0.0.1", "10.0.0.2") }, AAAA: { "db.internal": ttl(60, "fd00::1") } },
        { weight: 2, tier: 1 }
      )
      const common = { port: 5432, weight: 2, tier: 1, name: "db.internal" }
      expect(sets).toEqual([[
        { host: "10.0.0.1", id: "10.0.0.1:5432", ...common },
        { host: "10.0.0.2", id: "10.0.0.2:5432", ...common },
        { host: "fd00::1", id: "[fd00::1]:5432", ...common }
      ]])
      expect(asked()).toEqual(["A db.internal", "AAAA db.internal"])
    }))

  const families = [[4, "A db.internal", "10.0.0.1"], [6, "AAAA db.internal", "fd00::1"]] as const
  for (const [family, question, address] of families) {
    it.scoped(`asks for addresses of IPv${family} alone with family ${family}`, () =>
      Effect.gen(function*() {
        const { asked, hosts, logged, zone } = yield* discover({
          A: { "db.internal": family === 4 ? ttl(60, address) : "ESERVFAIL" },
          AAAA: { "db.internal": family === 6 ? ttl(60, address) : "ESERVFAIL" },
          hosts: { "db.internal": ["10.0.0.9", "fd00::9"] }
        }, { family })
        expect(asked()).toEqual([question])
        expect([hosts(), logged]).toEqual([[[address]], []])
        zone[family === 4 ? "A" : "AAAA"]["db.internal"] = "ENOTFOUND"
        yield* TestClock.adjust("1 minute")
        expect(asked()).toEqual([question, "lookup db.internal"])
        expect(hosts()).toEqual([[address], [family === 4 ? "10.0.0.9" : "fd00::9"]])
      }))
  }

  it.effect("fails at the start if the name has no addresses of the family", () =>
    Effect.gen(function*() {
      const { asked, error } = yield* failure(
        { A: { "db.internal": ttl(60, "10.0.0.1") }, AAAA: { "db.internal": "ENODATA" } },
        { family: 6, servers: ["10.0.0.53"] }
      )
      expect([error.code, asked]).toEqual(["ENODATA", ["AAAA db.internal"]])
    }))

  it.effect("refuses a family that is not that of an IP address", () =>
    Effect.gen(function*() {
      const { resolvers } = scripted({})
      const exit = yield* Effect.exit(Stream.runDrain(addresses(resolvers, { host: "10.0.0.1", port: 1, family: 6 })))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(
        "family must be 4, as that of host is, but is 6"
      )
      yield* Stream.runDrain(addresses(resolvers, { host: "10.0.0.1", port: 1, family: 4 }))
    }))

  it.scoped("asks again when the first record expires", () =>
    Effect.gen(function*() {
      const { asked, hosts, zone } = yield* discover({
        A: { "db.internal": ttl(60, "10.0.0.1") },
        AAAA: { "db.internal": ttl(40, "fd00::1") }
      })
      asked()
      yield* TestClock.adjust("39999 millis")
      expect(asked()).toEqual([])
      zone.A["db.internal"] = ttl(20, "10.0.0.2")
      yield* TestClock.adjust("1 millis")
      expect(asked()).toHaveLength(2)
      expect(hosts()).toEqual([["10.0.0.1", "fd00::1"], ["10.0.0.2", "fd00::1"]])
      yield* TestClock.adjust("20 seconds")
      expect(asked()).toHaveLength(2)
    }))

  const times: ReadonlyArray<readonly [string, number, Partial<AddressesOptions>, number, number]> = [
    ["after a second at the earliest", 0, {}, 0.5, 1_000],
    ["after five minutes at the latest", 86_400, {}, 0.5, 300_000],
    ["up to a tenth sooner", 100, {}, 0, 90_000],
    ["up to a tenth later", 100, {}, 1, 110_000],
    ["after the interval, whatever the records say", 10, { interval: "1 hour" }, 0.5, 3_600_000]
  ]
  for (const [when, seconds, options, draw, millis] of times) {
    it.scoped(`asks again ${when}`, () =>
      Effect.gen(function*() {
        const { asked } = yield* discover({ A: { "db.internal": ttl(seconds, "10.0.0.1") } }, options, draw)
        asked()
        yield* TestClock.adjust(millis - 1)
        expect(asked()).toEqual([])
        yield* TestClock.adjust(1)
        expect(asked()).toHaveLength(2)
      }))
  }

  it.scoped("emits nothing if the same addresses come in another order, or twice", () =>
    Effect.gen(function*() {
      const { asked, hosts, zone } = yield* discover({ A: { "db.internal": ttl(1, "10.0.0.1", "10.0.0.2") } })
      zone.A["db.internal"] = ttl(1, "10.0.0.2", "10.0.0.1", "10.0.0.2")
      yield* TestClock.adjust("10 seconds")
      expect(asked()).toHaveLength(22)
      expect(hosts()).toEqual([["10.0.0.1", "10.0.0.2"]])
    }))

  it.scoped("keeps the last set while nothing is found, warns once, and asks less and less often", () =>
    Effect.gen(function*() {
      const { asked, hosts, logged, warnings, zone } = yield* discover({ A: { "db.internal": ttl(60, "10.0.0.1") } })
      zone.A["db.internal"] = "ESERVFAIL"
      yield* TestClock.adjust("1 minute")
      asked()
      for (const seconds of [1, 2, 4, 8, 16, 30, 30, 30]) {
        yield* TestClock.adjust(seconds * 1_000 - 1)
        expect(asked()).toEqual([])
        yield* TestClock.adjust(1)
        expect(asked()).toHaveLength(2)
      }
      expect(hosts()).toEqual([["10.0.0.1"]])
      expect(warnings()).toEqual([
        "WARN Dns.addresses of db.internal: the last endpoints stay in use. Cannot find the addresses of db.internal: " +
        "ESERVFAIL. The DNS server could not find out. Does the server of that zone run? " +
        "See https://github.com/socketpool/socketpool/blob/main/docs/operate/troubleshooting.md#dnserror"
      ])
      expect(logged).toHaveLength(9)
      zone.A["db.internal"] = ttl(60, "10.0.0.2")
      yield* TestClock.adjust("30 seconds")
      expect(hosts()).toEqual([["10.0.0.1"], ["10.0.0.2"]])
      expect(logged.at(-1)).toBe("INFO Dns.addresses of db.internal: found again")
      zone.A["db.internal"] = "ESERVFAIL"
      yield* TestClock.adjust("1 minute")
      expect(warnings()).toHaveLength(2)
      asked()
      yield* TestClock.adjust("1 second")
      expect(asked()).toHaveLength(2)
    }))

  for (const code of ["ENOTFOUND", "ENODATA"]) {
    it.scoped(`keeps the last set when the answer is ${code}`, () =>
      Effect.gen(function*() {
        const { hosts, warnings, zone } = yield* discover({ A: { "db.internal": ttl(60, "10.0.0.1") } })
        zone.A["db.internal"] = zone.AAAA["db.internal"] = code
        yield* TestClock.adjust("10 minutes")
        expect(hosts()).toEqual([["10.0.0.1"]])
        expect(warnings()).toHaveLength(1)
        expect(warnings()[0]).toContain(code)
      }))
  }

  it.scoped("leaves out a family that has no addresses any more", () =>
    Effect.gen(function*() {
      const { hosts, logged, zone } = yield* discover({
        A: { "db.internal": ttl(60, "10.0.0.1") },
        AAAA: { "db.internal": ttl(60, "fd00::1") }
      })
      zone.AAAA["db.internal"] = "ENODATA"
      yield* TestClock.adjust("1 minute")
      expect(hosts()).toEqual([["10.0.0.1", "fd00::1"], ["10.0.0.1"]])
      expect(logged).toEqual([])
    }))

  it.scoped("keeps the addresses of a family whose query fails", () =>
    Effect.gen(function*() {
      const { asked, hosts, warnings, zone } = yield* discover({
        A: { "db.internal": ttl(60, "10.0.0.1") },
        AAAA: { "db.internal": ttl(60, "fd00::1") }
      })
      zone.A["db.internal"] = ttl(60, "10.0.0.2")
      zone.AAAA["db.internal"] = "ESERVFAIL"
      yield* TestClock.adjust("1 minute")
      expect(hosts()).toEqual([["10.0.0.1", "fd00::1"], ["10.0.0.2", "fd00::1"]])
      expect(warnings()).toHaveLength(1)
      asked()
      yield* TestClock.adjust("1 second")
      expect(asked()).toHaveLength(2)
      zone.AAAA["db.internal"] = ttl(60, "fd00::2")
      yield* TestClock.adjust("2 seconds")
      expect(hosts().at(-1)).toEqual(["10.0.0.2", "fd00::2"])
    }))

  it.scoped("keeps asking at the time of the records while only one family fails", () =>
    Effect.gen(function*() {
      const { asked, hosts, zone } = yield* discover({
        A: { "db.internal": ttl(3, "10.0.0.1") },
        AAAA: { "db.internal": "ESERVFAIL" }
      })
      yield* TestClock.adjust("1 minute")
      asked()
      zone.A["db.internal"] = ttl(3, "10.0.0.2")
      yield* TestClock.adjust("3 seconds")
      expect(asked()).toHaveLength(2)
      expect(hosts()).toEqual([["10.0.0.1"], ["10.0.0.2"]])
    }))

  // --- The start ----------------------------------------------------------------------------------------------------

  it.effect("fails at the start with the code of the resolver, and says what to do", () =>
    Effect.gen(function*() {
      const { error } = yield* failure({ A: { "db.internal": "EREFUSED" }, AAAA: { "db.internal": "EREFUSED" } })
      expect({ ...error }).toEqual({ _tag: "DnsError", host: "db.internal", records: "addresses", code: "EREFUSED" })
      expect(error.message).toBe(
        "Cannot find the addresses of db.internal: EREFUSED. The DNS server does not serve this client, or this name. " +
          "Is it the right server? " +
          "See https://github.com/socketpool/socketpool/blob/main/docs/operate/troubleshooting.md#dnserror"
      )
    }))

  it.effect("fails at the start with the code of the family that may have addresses", () =>
    Effect.gen(function*() {
      const { error } = yield* failure({ A: { "db.internal": "ENODATA" }, AAAA: { "db.internal": "ESERVFAIL" } })
      expect(error.code).toBe("ESERVFAIL")
    }))

  it.scoped("fails if there is no answer within timeout, and cancels the queries", () =>
    Effect.gen(function*() {
      const { cancelled, exit, made } = yield* discover(
        { A: { "db.internal": "silence" }, AAAA: { "db.internal": "silence" } },
        { timeout: "2 seconds" }
      )
      expect(made).toEqual([[undefined, 2_000]])
      yield* TestClock.adjust("1999 millis")
      expect(cancelled()).toBe(0)
      yield* TestClock.adjust("1 millis")
      const ended = yield* exit
      expect(Exit.isFailure(ended) && Cause.squash(ended.cause)).toMatchObject({ _tag: "DnsError", code: "ETIMEOUT" })
      expect(cancelled()).toBeGreaterThan(0)
    }))

  it.scoped("has a timeout of 5 seconds, also while it runs", () =>
    Effect.gen(function*() {
      const { asked, hosts, made, warnings, zone } = yield* discover({ A: { "db.internal": ttl(60, "10.0.0.1") } })
      expect(made).toEqual([[undefined, 5_000]])
      zone.A["db.internal"] = "silence"
      yield* TestClock.adjust("64999 millis")
      expect(warnings()).toEqual([])
      yield* TestClock.adjust("1 millis")
      expect(warnings()[0]).toContain("ETIMEOUT")
      zone.A["db.internal"] = ttl(60, "10.0.0.2")
      asked()
      yield* TestClock.adjust("1 second")
      expect(hosts()).toEqual([["10.0.0.1"], ["10.0.0.2"]])
    }))

  it.scoped("cancels the query when it is interrupted", () =>
    Effect.gen(function*() {
      const { asked, cancelled, stop } = yield* discover({ A: { "db.internal": "silence" } })
      expect(cancelled()).toBe(0)
      yield* stop
      expect(cancelled()).toBeGreaterThan(0)
      asked()
      yield* TestClock.adjust("1 hour")
      expect(asked()).toEqual([])
    }))

  it.scoped("takes a new resolver each time, so that it knows the servers of the system", () =>
    Effect.gen(function*() {
      const { made } = yield* discover({ A: { "db.internal": ttl(60, "10.0.0.1") } })
      yield* TestClock.adjust("1 minute")
      expect(made).toHaveLength(2)
    }))

  // --- The system ---------------------------------------------------------------------------------------------------

  for (const code of ["ENOTFOUND", "ENODATA", "ECONNREFUSED"]) {
    it.scoped(`asks the system, again after 30 seconds, when the answer is ${code}`, () =>
      Effect.gen(function*() {
        const { asked, hosts, logged, zone } = yield* discover({
          A: { "db.internal": code },
          AAAA: { "db.internal": code },
          hosts: { "db.internal": ["fd00::1", "10.0.0.1", "10.0.0.1"] }
        })
        expect(asked()).toEqual(["A db.internal", "AAAA db.internal", "lookup db.internal"])
        yield* TestClock.adjust("29999 millis")
        expect(asked()).toEqual([])
        zone.hosts["db.internal"] = ["10.0.0.2"]
        yield* TestClock.adjust("1 millis")
        expect(hosts()).toEqual([["10.0.0.1", "fd00::1"], ["10.0.0.2"]])
        expect(logged).toEqual([])
      }))
  }

  it.effect("does not ask the system when the answer is another failure", () =>
    Effect.gen(function*() {
      const { asked } = yield* failure({
        A: { "db.internal": "ESERVFAIL" },
        AAAA: { "db.internal": "ESERVFAIL" },
        hosts: { "db.internal": ["10.0.0.1"] }
      })
      expect(asked).toEqual(["A db.internal", "AAAA db.internal"])
    }))

  it.effect("asks nothing but the servers that it was given", () =>
    Effect.gen(function*() {
      const { asked, error } = yield* failure(
        { hosts: { "db.internal": ["10.0.0.1"] } },
        { servers: ["10.0.0.53", "[fd00::53]:5353"] }
      )
      expect(asked).toEqual(["A db.internal", "AAAA db.internal"])
      expect(error.code).toBe("ENOTFOUND")
    }))

  it.effect("fails with the resolver's code if the system does not know the name either", () =>
    Effect.gen(function*() {
      const { asked, error } = yield* failure({})
      expect(asked).toHaveLength(3)
      expect(error.code).toBe("ENOTFOUND")
    }))

  for (
    const [host, address, id] of [["10.0.0.1", "10.0.0.1", "10.0.0.1:5432"], ["[fd00::1]", "fd00::1", "[fd00::1]:5432"]]
  ) {
    it.effect(`emits ${host} as it is, and ends`, () =>
      Effect.gen(function*() {
        const dns = scripted({})
        const sets: Array<unknown> = []
        const collecting = Stream.runForEach(
          addresses(dns.resolvers, { host: host!, port: 5432 }),
          (set) => Effect.sync(() => sets.push(set))
        )
        yield* collecting
        expect(sets).toEqual([[{ host: address, port: 5432, weight: 1, tier: 0, id }]])
        expect(dns.asked()).toEqual([])
      }))
  }

  it.scoped("gives the name without its last dot, as certificates have it", () =>
    Effect.gen(function*() {
      const { sets } = yield* discover({ A: { "db.internal.": ttl(60, "10.0.0.1") } }, { host: "db.internal." })
      expect(sets[0]![0]!.name).toBe("db.internal")
    }))

  it.effect("dies of an error of the resolver that has no code", () =>
    Effect.gen(function*() {
      const defect = new Error("a bug")
      const { resolvers } = scripted({})
      const broken = {
        ...resolvers,
        make: (servers: any, timeout: number) => ({
          ...resolvers.make(servers, timeout),
          resolve4: () => Promise.reject(defect)
        })
      }
      const exit = yield* Effect.exit(Stream.runDrain(addresses(broken, db)))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe(defect)
    }))
})
