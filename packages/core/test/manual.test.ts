/** The manual in docs/ names everything that exists, and the links in messages lead to its sections. */
import {
  ConnectError,
  ConnectionError,
  ConnectionNotFoundError,
  ConnectTimeoutError,
  Framing,
  PoolClosedError,
  PoolExhaustedError,
  PoolSchemas,
  type PoolStats
} from "@socketpool/core"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import * as fs from "node:fs"
import { describeError } from "../src/internal/describe.js"

const root = new URL("../../../", import.meta.url)
const read = (path: string): string => fs.readFileSync(new URL(path, root), "utf8")

const page = "https://github.com/socketpool/socketpool/blob/main/docs/operate/troubleshooting.md"

/** The headings of a page that are not in a code block. */
const headings = (path: string): ReadonlyArray<string> =>
  [...read(path).replace(/^```[^]*?^```/gm, "").matchAll(/^#+ (.*)$/gm)].map(([, text]) => text!)

/** The anchor that GitHub gives to a heading. */
const anchor = (heading: string): string => heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")

const troubleshooting = new Set(headings("docs/operate/troubleshooting.md").map(anchor))

const stats: PoolStats = {
  ageMillis: 0,
  maxConnections: 1,
  minConnections: 0,
  opening: 0,
  idle: 0,
  inUse: 1,
  validating: 0,
  closing: 0,
  leased: 1,
  pending: 0,
  reconnecting: 0,
  oldestWaitMillis: 0,
  opened: 1,
  openFailed: 0,
  closed: Object.fromEntries(PoolSchemas.CloseReason.literals.map((reason) => [reason, 0])) as PoolStats["closed"],
  acquired: 1,
  waited: 0,
  exhausted: 0,
  timedOut: 0,
  failed: Object.fromEntries(PoolSchemas.BorrowFailure.literals.map((reason) => [reason, 0])) as PoolStats["failed"],
  cancelled: 0,
  leaksSuspected: 0,
  waitTime: { count: 0, totalMillis: 0, maxMillis: 0, p50Millis: 0, p95Millis: 0, p99Millis: 0 },
  useTime: { count: 0, totalMillis: 0, maxMillis: 0, p50Millis: 0, p95Millis: 0, p99Millis: 0 },
  openTime: { count: 0, totalMillis: 0, maxMillis: 0, p50Millis: 0, p95Millis: 0, p99Millis: 0 }
}

const exhausted = (reason: PoolExhaustedError["reason"], more: { readonly lastConnectError?: unknown } = {}) =>
  new PoolExhaustedError({ pool: "p", reason, waitedMillis: 0, heldByCaller: 0, stats, longestHolders: [], ...more })
const refused = new ConnectError({ reason: "Refused", address: "db:5432", attempts: [] })
const connection = (reason: ConnectionError["reason"]) =>
  new ConnectionError({ reason, operation: "read", address: "db:5432" })

const framings = ["TooLarge", "ContainsDelimiter", "WrongSize"] as const

/** Every error of core, with every reason. */
const errors: ReadonlyArray<Error & { readonly _tag: string; readonly reason?: string }> = [
  ...PoolSchemas.PoolExhaustedError.from.fields.reason.literals.map((reason) => exhausted(reason)),
  new PoolClosedError({ pool: "p" }),
  new ConnectTimeoutError({ pool: "p", timeoutMillis: 1 }),
  ...PoolSchemas.ConnectionNotFoundError.from.fields.operation.literals.map((operation) =>
    new ConnectionNotFoundError({ pool: "p", operation })
  ),
  ...PoolSchemas.ConnectError.from.fields.reason.literals.map((reason) =>
    new ConnectError({ reason, address: "db:5432", attempts: [] })
  ),
  ...PoolSchemas.ConnectionError.from.fields.reason.literals.map(connection),
  ...framings.map((reason) => new Framing.FramingError({ reason, size: 1, rule: "none is allowed" }))
]

const fieldsOf: Readonly<Record<string, object>> = {
  PoolExhaustedError: PoolSchemas.PoolExhaustedError.from.fields,
  ConnectionNotFoundError: PoolSchemas.ConnectionNotFoundError.from.fields,
  ConnectTimeoutError: PoolSchemas.ConnectTimeoutError.from.fields,
  PoolClosedError: PoolSchemas.PoolClosedError.from.fields,
  ConnectError: PoolSchemas.ConnectError.from.fields,
  ConnectionError: PoolSchemas.ConnectionError.from.fields
}

const linksOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/ See (https:\S+)/g)].map(([, link]) => link!)

describe("a message with a link", () => {
  it("leads to a section of the page on troubleshooting, and ends with it", () => {
    const linked = errors.filter(({ message }) => message.includes("://"))
    assert.isAbove(linked.length, 10)
    for (const { message } of linked) {
      const [link, ...rest] = linksOf(message)
      assert.isEmpty(rest, message)
      const [url, section] = link!.split("#")
      assert.strictEqual(url, page)
      assert.isTrue(troubleshooting.has(section!), `${section} is no section`)
      assert.isTrue(message.endsWith(link!), message)
    }
  })

  it("is one that somebody has to act on", () => {
    const name = ({ _tag, reason }: (typeof errors)[number]) => reason === undefined ? _tag : `${_tag} ${reason}`
    const short = errors.filter(({ message }) => linksOf(message).length === 0).map(name)
    assert.deepStrictEqual(short, [
      "PoolExhaustedError NoWait",
      "ConnectionNotFoundError",
      "ConnectionError EndOfStream",
      "ConnectionError Reset",
      "ConnectionError Closed",
      "ConnectionError Timeout",
      ...framings.map((reason) => `FramingError ${reason}`)
    ])
  })

  it("loses its link within another", () => {
    assert.lengthOf(linksOf(exhausted("Timeout", { lastConnectError: refused }).message), 1)
    assert.isEmpty(linksOf(describeError(refused)))
    assert.include(describeError(refused), "Is the server running and listening there?")
    const handshake = new ConnectError({
      reason: "Other",
      address: "db:5432",
      attempts: [],
      cause: connection("Desync")
    })
    assert.lengthOf(linksOf(handshake.message), 1)
    assert.include(
      handshake.message,
      "bytes came, or may still come, that nobody asked for. See the code and the cause."
    )
  })
})

describe("the manual", () => {
  it("has a section on troubleshooting for every error and reason", () => {
    for (const { _tag, reason } of errors) {
      const wanted = reason === undefined || _tag === "FramingError" ? _tag : `${_tag}-${reason}`
      assert.isTrue(troubleshooting.has(wanted.toLowerCase()), wanted)
    }
  })

  it("names every field and reason of every error in its section", () => {
    const text = read("docs/reference/errors.md")
    for (const error of errors) {
      const start = text.indexOf(`\n## ${error._tag}\n`)
      const section = text.slice(start, text.indexOf("\n## ", start + 1))
      assert.isAbove(start, 0, error._tag)
      if (error.reason !== undefined) assert.include(section, `- \`${error.reason}\`: `)
      const fields = error._tag === "FramingError" ?
        { reason: "", size: 0, rule: "" } :
        fieldsOf[error._tag]!
      for (const field of Object.keys(fields)) {
        if (field !== "_tag") assert.include(section, `- \`${field}\`: `, error._tag)
      }
    }
  })

  it("has an entry for every option of every pool", () => {
    const entries = new Set(headings("docs/reference/options.md"))
    const sources = [
      "packages/core/src/PoolOptions.ts",
      "packages/core/src/TransportPool.ts",
      ...["TcpConnection", "UnixConnection", "TlsConnection", "PlatformSocket"].map((name) =>
        `packages/node/src/${name}.ts`
      )
    ]
    const options = sources.flatMap((source) =>
      [...read(source).matchAll(/^export interface \w*Options\b[^]*?^}/gm)].flatMap(([body]) =>
        [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name!)
      )
    )
    assert.isAbove(options.length, 50)
    for (const option of options) assert.isTrue(entries.has(option), `${option} has no entry`)
  })

  it("names every event, and every field of the statistics, leases and advice", () => {
    const path = "docs/reference/events-and-statistics.md"
    const text = read(path)
    const events = [...read("packages/core/src/PoolSchemas.ts").matchAll(/TaggedStruct\("(\w+)"/g)].map(([, tag]) =>
      tag!
    )
    assert.isAbove(events.length, 10)
    for (const event of events) assert.include(headings(path), event)
    const { BorrowFailure, CloseReason, PoolAdvice, PoolLease, PoolStats, SessionStats, TimeSummary } = PoolSchemas
    const fields = [PoolStats, SessionStats, TimeSummary, PoolLease, PoolAdvice].flatMap((it) => Object.keys(it.fields))
    for (const name of [...fields, ...CloseReason.literals, ...BorrowFailure.literals]) {
      assert.match(text, new RegExp(`^(- |\\| )(\`\\w+\`, )*\`${name}\``, "m"))
    }
  })
})
