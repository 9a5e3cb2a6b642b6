import { forkDaemon } from "@socketpool/test-seam"
import { Deferred, Effect } from "effect"
import type { Link } from "./connector.js"
import type { Plant, TestPool } from "./stage.js"

/** A pool with some of its parts replaced. */
const altered = (pool: TestPool, parts: Partial<TestPool>): TestPool =>
  new Proxy(pool, {
    get: (target, key) => {
      const part: unknown = Reflect.get(key in parts ? parts : target, key)
      return typeof part === "function" && !(key in parts) ? part.bind(target) : part
    }
  })

/** Every third release says that all is well, and does nothing. */
const losesReleases = (pool: TestPool): TestPool => {
  let count = 0
  return altered(pool, {
    release: (link) => ++count % 3 === 0 ? Effect.void : pool.release(link)
  })
}

/** A free connection goes to the guest that came last. */
const servesTheYoungest = (pool: TestPool): TestPool => {
  type Failures = Effect.Effect.Error<TestPool["acquire"]>
  type Place = Deferred.Deferred<Link, Failures>
  const places: Array<Place> = []
  const acquire = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const mine = yield* Deferred.make<Link, Failures>()
      places.push(mine)
      const fetch = Effect.matchCauseEffect(pool.acquire, {
        onFailure: (cause) => {
          const at = places.indexOf(mine)
          if (at >= 0) places.splice(at, 1)
          return Deferred.failCause(mine, cause)
        },
        onSuccess: (link) => {
          const youngest = places.pop()
          return youngest === undefined ? Effect.ignore(pool.release(link)) : Deferred.succeed(youngest, link)
        }
      })
      yield* forkDaemon(Effect.interruptible(fetch))
      return yield* restore(Deferred.await(mine))
    })
  )
  return altered(pool, { acquire })
}

/** A connection can be released twice. */
const forgivesDoubleReleases = (pool: TestPool): TestPool =>
  altered(pool, { release: (link) => Effect.ignore(pool.release(link)) as Effect.Effect<void> })

/** A close that does not wait for anything. */
const closesAtOnce = (pool: TestPool): TestPool => altered(pool, { close: Effect.asVoid(forkDaemon(pool.close)) })

/** A borrower that wants a connection alone gets one like all others. */
const sharesAll = (pool: TestPool): TestPool => altered(pool, { exclusive: pool.get, useExclusive: (f) => pool.use(f) })

/** Asks, and does not listen. */
export const forgetsRejections: Plant = {
  options: (connector) => ({
    validate: (link) => Effect.as(Effect.ignore(Effect.suspend(() => connector.validate(link))), true)
  })
}

/** Defects, and what the model should say of them. */
export const plants: ReadonlyArray<Plant & { readonly name: string; readonly told: RegExp }> = [
  { name: "loses every third release", pool: losesReleases, told: /leased is|was not released/ },
  {
    name: "serves the youngest waiter first",
    pool: servesTheYoungest,
    told: /has overtaken|nobody expects|pending is/
  },
  { name: "lets a connection be released twice", pool: forgivesDoubleReleases, told: /not there/ },
  { name: "shares exclusive leases", pool: sharesAll, told: /which others have|is lent already/ },
  {
    name: "says too early that it has closed",
    pool: closesAtOnce,
    told: /the close has ended|after the pool had begun to close/
  },
  {
    name: "opens one connection too many",
    setting: (setting) => ({ ...setting, max: setting.max + 1 }),
    told: /may be|maxConnections is/
  },
  { name: "lends expired connections", setting: (setting) => ({ ...setting, ttl: Infinity }), told: /has expired/ },
  {
    name: "lends a connection too often",
    setting: (setting) => ({ ...setting, maxUses: Infinity }),
    told: /too often/
  },
  {
    name: "lends one connection to several",
    setting: (setting) => ({ ...setting, concurrency: setting.concurrency + 1 }),
    told: /is lent already/
  },
  {
    name: "does not validate",
    setting: (setting) => ({ ...setting, validateAfterIdle: Infinity, keepaliveTime: Infinity }),
    told: /has not been validated|has been silent/
  },
  { name: "lends what was rejected", ...forgetsRejections, told: /is Rejected|turned away|found broken/ },
  {
    name: "lets borrowers wait for twice as long",
    setting: (setting) => ({ ...setting, acquireTimeout: setting.acquireTimeout * 2 }),
    told: /waits too long/
  },
  {
    name: "waits for a hung open for twice as long",
    setting: (setting) => ({ ...setting, connectTimeout: setting.connectTimeout * 2 }),
    told: /should be|opens failed/
  },
  {
    name: "does not pause after a fatal failure",
    setting: (setting) => ({ ...setting, fatalPause: 0 }),
    told: /although opens pause|though opens pause/
  },
  {
    name: "pauses for half as long after a fatal failure",
    setting: (setting) => ({ ...setting, fatalPause: setting.fatalPause / 2 }),
    told: /although opens pause|though opens pause/
  },
  {
    name: "takes every failure for fatal",
    options: () => ({ isFatal: () => true }),
    told: /was told of an open that did not fail|though there is room|has not recovered|interrupted for no reason/
  },
  {
    name: "keeps idle connections for too long",
    setting: (setting) => ({ ...setting, idleTimeout: Infinity }),
    told: /has been idle/
  },
  {
    name: "keeps nothing alive",
    setting: (setting) => ({ ...setting, keepaliveTime: Infinity }),
    told: /has been silent/
  },
  {
    name: "asks too often",
    setting: (setting) => ({ ...setting, keepaliveTime: setting.keepaliveTime / 2 }),
    told: /was asked for nobody/
  },
  {
    name: "drains for too long",
    setting: (setting) => ({ ...setting, drainTimeout: setting.drainTimeout + 500 }),
    told: /after the drain|the close takes too long/
  }
]
