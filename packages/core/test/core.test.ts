/**
 * The synchronous core against a small model of it: random operations, compared after every step.
 *
 * `SOCKETPOOL_SEED` replays one run of a seed. `SOCKETPOOL_SEARCH=full` makes 4 · 10^6 steps instead of 4 · 10^5, `deep` 10^9.
 */
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Driver } from "./core/driver.js"
import { core } from "./core/engine.js"
import { breathe, bySearch, seeds } from "./search.js"

const [seed] = seeds("core", 1)
const steps = bySearch({ short: 4e5, full: 4e6, deep: 1e9 })

/** So many steps are made between two looks at the event loop. */
/** So many steps take a few milliseconds. */
const batch = 1e3

const replay = (step: number) => `at step ${step}; replay with SOCKETPOOL_SEED=${seed}`

const march = async (driver: Driver, steps: number) => {
  for (let step = 0; step < steps; step++) {
    try {
      driver.step()
    } catch (error) {
      throw new Error(`${(error as Error).message} ${replay(step)}`, { cause: error })
    }
    if (step % batch === 0) await breathe()
  }
}

describe("the synchronous core", () => {
  it(`does as its model does, in ${steps.toExponential()} random steps`, { timeout: 7_200_000 }, async () => {
    const driver = new Driver(seed)
    const start = performance.now()
    await march(driver, steps)
    const seconds = ((performance.now() - start) / 1e3).toFixed(0)
    process.stdout.write(`core: ${steps} steps, ${driver.pools} pools, seed ${seed}, ${seconds} s; `)
    process.stdout.write(`${JSON.stringify(driver.met)}\n`)
    // A step that never happened was not tested.
    expect(Object.entries(driver.met).filter(([, times]) => times === 0)).toEqual([])
  })

  /** Each breaks one transition in one way. */
  const defects: Record<string, Partial<typeof core>> = {
    "a released connection is idle beside a waiter": {
      settle: (state, lease, reason, now) => {
        const waiter = state.waiters.shift()
        const commands = core.settle(state, lease, reason, now)
        if (waiter !== undefined) state.waiters.insertBefore(waiter, state.waiters.head)
        return commands
      }
    },
    "the youngest waiter is served": {
      opened: (state, slot, connection, expiresAt, now) => {
        const youngest = state.waiters.pop()
        if (youngest !== undefined) state.waiters.insertBefore(youngest, state.waiters.head)
        return core.opened(state, slot, connection, expiresAt, now)
      }
    },
    "a cancelled waiter stays in the queue": {
      withdraw: (state, waiter) => state.waiters.length > 2 || core.withdraw(state, waiter)
    },
    "a place is free before its connection has closed": {
      retire: (state, slot, reason, now) => {
        const commands = core.retire(state, slot, reason, now)
        state.slots.delete(slot)
        return commands
      }
    },
    "clear spares what is idle": {
      clear: (state, now) => {
        const idle = state.idle.shift()
        const commands = core.clear(state, now)
        if (idle !== undefined) state.idle.push(idle)
        return commands
      }
    },
    "a connection that has not answered leaves the others above suspicion": {
      failed: (state, slot, now) => {
        const generation = state.generation
        const commands = core.failed(state, slot, now)
        state.generation = generation
        return commands
      }
    },
    "resize leaves what is too much": {
      resize: (state, min, max, now) => {
        const commands = core.resize(state, min, Math.max(max, state.max), now)
        state.max = max
        return commands
      }
    },
    "opens that fail set no pace": {
      openFailed: (state, slot, setback, inFlight, now) => {
        const commands = core.openFailed(state, slot, setback, inFlight, now)
        state.openLimiter.blockedUntil = -Infinity
        return [...commands, ...core.demand(state, now)]
      }
    },
    "a connect is enough to end the pace": {
      opened: (state, slot, connection, expiresAt, now) => {
        const commands = core.opened(state, slot, connection, expiresAt, now)
        state.openLimiter.blockedUntil = -Infinity
        return [...commands, ...core.demand(state, now)]
      }
    },
    "the pace is kept although a connection has served": {
      settle: (state, lease, reason, now) => {
        const { blockedUntil } = state.openLimiter
        const commands = core.settle(state, lease, reason, now)
        if (state.openLimiter.blockedUntil === -Infinity) state.openLimiter.blockedUntil = blockedUntil
        return commands
      }
    },
    "a connection that is lost on trial counts for nothing": {
      settle: (state, lease, reason, now) => {
        if (!lease.served) lease.slot.isOnTrial = !state.onTrial.delete(lease.slot)
        return core.settle(state, lease, reason, now)
      }
    },
    "the backoff goes on for ever when its probe is dropped": {
      retire: (state, slot, reason, now) => {
        const { backingOff } = state
        const commands = core.retire(state, slot, reason, now)
        state.backingOff ||= backingOff
        return commands
      }
    },
    "nobody looks when the pace allows another open": {
      delayedUntil: () => undefined
    },
    "nothing is paused by a fatal failure": {
      openFailed: (state, slot, failure, inFlight, now) => core.openFailed(state, slot, failure, inFlight, now)
    },
    "a pause leaves the waiters to their timeouts": {
      openFailed: (state, slot, failure, inFlight, now, isFatal) => {
        const commands = core.openFailed(state, slot, failure, inFlight, now)
        if (isFatal === true) state.pause = { failure, until: now + state.limits.fatalPause }
        return commands
      }
    },
    "after a pause all may try at once": {
      opened: (state, slot, connection, expiresAt, now) => core.opened(state, slot, connection, expiresAt, now),
      openFailed: (state, slot, failure, inFlight, now, isFatal) => {
        const commands = core.openFailed(state, slot, failure, inFlight, now, isFatal)
        if (isFatal !== true) state.pause = undefined
        return [...commands, ...core.demand(state, now)]
      }
    },
    "clear does not end a pause": {
      clear: (state, now) => {
        const { pause } = state
        const commands = core.clear(state, now)
        state.pause = pause
        return commands
      }
    },
    "nothing is reserved for exclusive borrowers": {
      reserve: () => {}
    },
    "a reservation is never lifted": {
      reserve: (state, ancestry) =>
        state.reserved.length > state.exclusives.length ? undefined : core.reserve(state, ancestry)
    },
    "an exclusive borrower gets a place beside others": {
      candidate: (state) => core.candidate(state, "Any")
    },
    "an exclusive lease leaves room for others": {
      lend: (state, slot, holder, span, now) => core.lend(state, slot, holder, span, now, false)
    },
    "a failed open fails two": {
      openFailed: (state, slot, setback, inFlight, now) => [
        ...core.openFailed(state, slot, setback, inFlight, now),
        ...core.failOldest(state, setback)
      ]
    }
  }

  for (const [name, defect] of Object.entries(defects)) {
    it(`would be caught if ${name}`, async () => {
      await expect(march(new Driver(seed, { ...core, ...defect }), 1e6)).rejects.toThrow("SOCKETPOOL_SEED")
    })
  }
})
