/** A pool of four endpoints, and a pool of one server. */
import { EndpointPool, Endpoints } from "@socketpool/core"
import { Duration, Effect } from "effect"
import { type Subject, things } from "../subject.js"
import { lending, made, open, ourPools } from "./effects.js"

export const endpointsUse: Subject = {
  name: "socketpool EndpointPool use, 4 endpoints",
  kind: "ours",
  from: "this repository",
  canTimeOut: true,
  open: async (size, timeout) => {
    const { close, pool } = await made(EndpointPool.make({
      endpoints: Endpoints.of(...[1, 2, 3, 4].map((n) => ({ host: `10.0.0.${n}`, port: 1 }))),
      open: () => open(things()),
      maxConnections: size,
      maxPending: Infinity,
      acquireTimeout: timeout ?? Duration.infinity
    }))
    // This number of borrowers at once opens all connections.
    const all = Effect.all(Array.from({ length: size }, () => pool.get), { concurrency: "unbounded", discard: true })
    await Effect.runPromise(Effect.scoped(all))
    return lending((work) => pool.use(work), close)
  }
}

/** The same load with and without a choice. */
export const endpointPools: ReadonlyArray<Subject> = [ourPools[0]!, endpointsUse]
