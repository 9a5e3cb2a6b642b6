/** Sets of endpoints: their rules, their defaults, and when two of them are the same. */
import * as Effect from "effect/Effect"
import { count, host, list, name, optional, orElse, text, that } from "../checks/rules.js"
import { argument, type Rows, type Rule, Table } from "../checks/table.js"
import type { CompleteEndpoint, Endpoint } from "../Endpoint.js"
import { EndpointsError } from "../EndpointsError.js"

const endpoint = new Table(
  {
    host,
    port: count(1, 65_535),
    weight: orElse(that<number>((value) => Number.isFinite(value) && value > 0, "a number of more than 0"), 1),
    tier: orElse(count(0), 0),
    zone: optional(name),
    id: optional(name),
    name: optional(host)
  } satisfies Rows<Endpoint>
)

/** The default of `id`. */
const idOf = (host: string, port: number): string => host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

const complete: Rule<CompleteEndpoint> = (value, at) => {
  const { host, id, name, port, tier, weight, zone } = endpoint.readAt(at, value)
  return {
    host,
    port,
    weight,
    tier,
    id: id ?? idOf(host, port),
    ...(zone === undefined ? {} : { zone }),
    ...(name === undefined ? {} : { name })
  }
}

/** A set: endpoints with their defaults, each with an `id` of its own. */
const set = (all: Rule<ReadonlyArray<CompleteEndpoint>>): Rule<ReadonlyArray<CompleteEndpoint>> => (value, at) => {
  const endpoints = all(value, at)
  const seen = new Map<string, number>()
  for (const [i, { id }] of endpoints.entries()) {
    const first = seen.get(id)
    if (first !== undefined) at.item(`[${i}]`).member("id").refuse(id, `another one than that of [${first}]`)
    seen.set(id, i)
  }
  return endpoints
}

const given = set(list(complete, "at least one endpoint", 1))
const found = set(list(complete, "an array of endpoints"))

/** Checks endpoints that the program names. A wrong one is a defect. */
export const named = (of: string, endpoints: unknown): ReadonlyArray<CompleteEndpoint> =>
  argument(of, "endpoints", given, endpoints)

/** Checks endpoints that come from outside. A wrong one is a failure. */
export const check = (
  source: string,
  endpoints: unknown
): Effect.Effect<ReadonlyArray<CompleteEndpoint>, EndpointsError> =>
  Effect.suspend(() => {
    argument("Endpoints.check", "source", text, source)
    return Effect.try({
      try: () => argument(source, "endpoints", found, endpoints),
      catch: (error) => {
        const detail = (error as RangeError).message.slice(`${source}: `.length)
        return new EndpointsError({ reason: Array.isArray(endpoints) ? "Invalid" : "Malformed", source, detail })
      }
    })
  })

/** The same text for the same endpoints, in whatever order they come. */
const fingerprint = (endpoints: ReadonlyArray<Endpoint>): string =>
  JSON.stringify(
    endpoints.map(({ host, id, name, port, tier = 0, weight = 1, zone }) =>
      JSON.stringify([id ?? idOf(host, port), host, port, weight, tier, zone, name])
    ).sort()
  )

/** Pulls until there is a set that differs from the one before. */
export const changes = <E>(
  next: Effect.Effect<ReadonlyArray<Endpoint> | undefined, E>
): Effect.Effect<ReadonlyArray<Endpoint> | undefined, E> => {
  let last: string | undefined = undefined
  const again: typeof next = Effect.flatMap(next, (endpoints) => {
    if (endpoints === undefined) return Effect.succeed(undefined)
    const now = fingerprint(endpoints)
    if (now === last) return again
    last = now
    return Effect.succeed(endpoints)
  })
  return again
}
