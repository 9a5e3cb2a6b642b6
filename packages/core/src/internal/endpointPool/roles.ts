/**
 * The tiers of servers that change their roles. Every new connection is asked before it is lent, and every endpoint from
 * time to time, on a connection that the pool leases as any borrower does.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { count } from "../../checks/rules.js"
import { argument } from "../../checks/table.js"
import { ConnectionError } from "../../ConnectionError.js"
import type { CompleteEndpoint } from "../../Endpoint.js"
import { NoEndpointError } from "../../PoolError.js"
import { Alarm } from "../alarm.js"
import { atMost, type Fiber, hasDies, isOnlyInterrupted, stop } from "../effect/fiber.js"
import type { Engine } from "../engine.js"
import type { EventFields } from "../eventBus.js"
import { Latch } from "../latch.js"
import type { PoolRuntime } from "../runtime.js"
import type { Slot } from "../state.js"
import * as Demand from "../transitions/demand.js"
import * as Whole from "../transitions/whole.js"
import type { Member } from "./member.js"
import type { Draw } from "./pick.js"

/** The question, and the interval in milliseconds. */
export interface RoleRules {
  readonly probe: (
    connection: any,
    endpoint: CompleteEndpoint
  ) => Effect.Effect<{ readonly tier: number }, unknown>
  readonly probeInterval: number
}

/** The interval while something is wrong, and the time that each question has at most; in milliseconds. */
const soonMillis = 1_000
const questionMillis = 5_000

/** The pool whose servers are asked. */
interface Group<C, E> {
  readonly settings: { readonly name: string }
  readonly members: ReadonlyArray<Member<C, E>>
  /** Borrowers wait there for the first set, and for a tier that no endpoint has. */
  readonly lobby: Engine<C, E>
  readonly hasSet: boolean
  readonly runtime: PoolRuntime
  readonly draw: Draw
  readonly publish: (fields: EventFields) => void
  /** Ends the ejection of an endpoint, if it is ejected. */
  readonly restore: (member: Member<C, E>) => void
}

/** The failure of a question on a leased connection, as the end of the lease shows it. */
export class ProbeFailed {
  readonly _tag = "ProbeFailed"
  constructor(readonly error: unknown) {}
}

/** The facts about one endpoint. */
class Role {
  /** The time of the last question or answer. */
  askedAt = -Infinity
  /** A random factor from 0.9 to 1.1, so that a fleet does not ask in step. */
  jitter = 1
  /** The number of times that the tier has changed. */
  changes = 0
  asking: Fiber<void, never> | undefined = undefined
}

export class Roles<C, E> {
  private readonly roles = new Map<Member<C, E>, Role>()
  private readonly alarm: Alarm
  /** Opens when the next answer comes. */
  answered = new Latch()

  constructor(private readonly group: Group<C, E>, private readonly rules: RoleRules) {
    const { runtime } = group
    this.alarm = new Alarm(
      { ...runtime, fork: runtime.forkQuietly },
      () => this.next(),
      (now) => this.askAll(now)
    )
  }

  add(member: Member<C, E>): void {
    this.roles.set(member, new Role())
  }

  remove(member: Member<C, E>): void {
    const role = this.roles.get(member)
    this.roles.delete(member)
    stop(role?.asking)
  }

  close(): void {
    for (const member of [...this.roles.keys()]) this.remove(member)
    this.refresh()
    this.answered.open()
  }

  /** To be called when an endpoint may have to be asked sooner. */
  refresh(): void {
    this.alarm.refresh()
  }

  /** Whether roles may be changing: something fails, or a borrower waits for a tier that no endpoint has. */
  private get isRestless(): boolean {
    const { group } = this
    return (group.hasSet && group.lobby.state.queued > 0) ||
      group.members.some(({ health }) => health.isEjected || health.failures > 0)
  }

  /**
   * Whether no endpoint works that a borrower needs: then one that is ejected, perhaps for minutes, may be what is looked
   * for by now.
   */
  private get isSearching(): boolean {
    const { hasSet, lobby, members } = this.group
    if (hasSet && lobby.state.queued > 0) return true
    const lowest = members.reduce(
      (least, member) => member.isTierKnown ? Math.min(least, member.tier) : least,
      Infinity
    )
    return members.every(({ health, tier }) => tier > lowest || health.isEjected || health.failures > 0)
  }

  /** The time of the next question to an endpoint. */
  private dueAt(
    member: Member<C, E>,
    { askedAt, asking, jitter }: Role,
    interval: number,
    isSearching: boolean
  ): number {
    // Otherwise a recheck asks an ejected endpoint, on a new connection.
    if (asking !== undefined || (member.health.isEjected && !isSearching)) return Infinity
    return askedAt + (member.isTierKnown ? interval : Math.min(soonMillis, interval)) * jitter
  }

  private get interval(): number {
    const { probeInterval } = this.rules
    return this.isRestless ? Math.min(soonMillis, probeInterval) : probeInterval
  }

  private next(): number {
    const { interval, isSearching } = this
    let next = Infinity
    for (const [member, role] of this.roles) next = Math.min(next, this.dueAt(member, role, interval, isSearching))
    return next
  }

  /** Asks those whose time has come. */
  private askAll(now: number): void {
    const { interval, isSearching } = this
    for (const [member, role] of this.roles) {
      if (this.dueAt(member, role, interval, isSearching) <= now) this.ask(member, role)
    }
  }

  /** Asks on a connection that the pool leases, or on a new one if there is none. */
  private ask(member: Member<C, E>, role: Role): void {
    const { group } = this
    const { engine, state } = member
    if (state.slots.size === 0) {
      this.note(role)
      return engine.run(Demand.openTrial(state, group.runtime.now()))
    }
    const asked = member.pool.use((connection) => {
      const { changes } = role
      return Effect.matchCauseEffect(this.question(member, connection), {
        onFailure: (cause) => {
          if (isOnlyInterrupted(cause)) return Effect.failCause(cause as Cause.Cause<never>)
          if (hasDies(cause)) group.runtime.warn("probe died", cause)
          // Nobody knows what the connection leads to, and its answer may still come.
          return Effect.andThen(
            member.pool.invalidate(connection),
            Effect.fail(new ProbeFailed(Cause.squash(cause)))
          )
        },
        onSuccess: (tier) =>
          Effect.sync(() => {
            // Otherwise a newer connection has answered meanwhile.
            if (role.changes === changes) this.answer(member, tier, undefined)
          })
      })
    })
    role.asking = group.runtime.forkQuietly(Effect.matchCause(asked, { onFailure: () => {}, onSuccess: () => {} }))
    role.asking.addObserver(() => {
      role.asking = undefined
      this.note(role)
      this.refresh()
    })
  }

  /** Asks a new connection, before it is lent. */
  askNew(member: Member<C, E>, slot: Slot<C>, connection: C): Effect.Effect<void, unknown> {
    const { name } = this.group.settings
    const { asks } = member.engine.options
    const question = asks === undefined
      ? this.question(member, connection)
      : asks(connection, (view) => this.question(member, view))
    return Effect.matchCauseEffect(question, {
      onFailure: (cause) => {
        if (hasDies(cause) || isOnlyInterrupted(cause)) return Effect.failCause(cause)
        const { id } = member.endpoint
        const error = Cause.squash(cause)
        return Effect.fail(
          new NoEndpointError({ pool: name, reason: "ProbeFailed", waitedMillis: 0, endpoint: id, cause: error })
        )
      },
      onSuccess: (tier) => Effect.sync(() => this.answer(member, tier, slot))
    })
  }

  /** The answer of one connection, if it comes in time. */
  private question(member: Member<C, E>, connection: C): Effect.Effect<number, unknown> {
    const { probe, probeInterval } = this.rules
    const millis = Math.min(questionMillis, probeInterval)
    const { name } = this.group.settings
    return Effect.flatMap(
      atMost(Effect.suspend(() => probe(connection, member.endpoint)), millis),
      Option.match({
        onNone: () =>
          Effect.fail(new ConnectionError({ reason: "Timeout", operation: "read", address: member.endpoint.id })),
        onSome: (answer: { readonly tier: number } | undefined) =>
          Effect.sync(() => argument(`the probe of ${name}`, "tier", count(0), answer?.tier))
      })
    )
  }

  private note(role: Role): void {
    role.askedAt = this.group.runtime.now()
    role.jitter = 0.9 + 0.2 * this.group.draw()
  }

  /** Takes over an answer. `fresh` is the new connection that it came from, which belongs to the new role already. */
  private answer(member: Member<C, E>, tier: number, fresh: Slot<C> | undefined): void {
    const role = this.roles.get(member)
    if (role === undefined) return
    this.note(role)
    const before = { tier: member.tier, isKnown: member.isTierKnown }
    member.role = tier
    const hasMoved = before.tier !== tier
    if (before.isKnown && !hasMoved) return this.refresh()
    const { group } = this
    const { endpoint, engine, state } = member
    if (before.isKnown) {
      role.changes++
      group.publish({ _tag: "EndpointMoved", endpoint: endpoint.id, from: before.tier, to: tier })
      group.runtime.inform(`the endpoint ${endpoint.id} has moved from tier ${before.tier} to ${tier}`, Cause.empty)
      engine.run(Whole.clear(state, group.runtime.now(), fresh))
      // If one server has changed its role, another often has, too.
      for (const other of this.roles.values()) if (other !== role) other.askedAt = -Infinity
    }
    // It works again in a new role, and what it has failed in the old one counts no more.
    group.restore(member)
    // Those who wait for the tier that it had must go, and those who wait for its new tier may come, wherever they wait.
    if (hasMoved) {
      for (const { engine, state } of group.members) if (state.queued > 0) engine.run(Whole.turnOut(state))
    }
    group.lobby.run(Whole.turnOut(group.lobby.state))
    this.refresh()
    this.answered.open()
    this.answered = new Latch()
  }
}
