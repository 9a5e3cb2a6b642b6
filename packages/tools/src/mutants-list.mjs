/** The tests that see most of what goes wrong between a pool and its transports. */
const sockets = ["/connection/", "/framing.test.ts"]

/**
 * Defects planted one at a time; see `mutants.mjs`. `before` stands once in the file, below
 * `packages/core/src/internal`. `first` are the tests that are run before the others.
 *
 * @type {ReadonlyArray<{ file: string; why: string; first?: Array<string>; before: string; after: string }>}
 */
export const mutants = [
  // --- What is opened -----------------------------------------------------------------------------------------------
  {
    file: "transitions/demand.ts",
    why: "the cap is not kept",
    before: "state.max - state.slots.size",
    after: "state.max + 1 - state.slots.size"
  },
  {
    file: "transitions/demand.ts",
    why: "maxConnecting is not kept",
    before: "state.limits.maxConnecting : 1) - state.opening.length",
    after: "state.limits.maxConnecting + 1 : 1) - state.opening.length"
  },
  {
    file: "transitions/demand.ts",
    why: "opens in flight are not counted for the queue",
    before: "Math.ceil(places / state.places)) - state.opening.length",
    after: "Math.ceil(places / state.places))"
  },
  {
    file: "transitions/demand.ts",
    why: "concurrency is not counted when opening",
    before: "Math.ceil(places / state.places)",
    after: "places"
  },
  {
    file: "transitions/demand.ts",
    why: "a connection that is being asked is not counted for its waiter",
    before: "(state.validating.length + state.idle.length) * state.places",
    after: "state.idle.length * state.places"
  },
  {
    file: "transitions/demand.ts",
    why: "the floor is filled without backoff",
    before: "state.backingOff ? 0 : floorDeficit(state)",
    after: "floorDeficit(state)"
  },
  {
    file: "transitions/demand.ts",
    why: "expired connections count for the floor",
    before: "state.opening.length + state.open - state.expiring.length",
    after: "state.opening.length + state.open"
  },
  {
    file: "transitions/demand.ts",
    why: "initialConnections are not opened",
    before: "Math.max(state.min - live, state.initialOwed - state.opening.length)",
    after: "state.min - live"
  },
  {
    file: "transitions/demand.ts",
    why: "ready before everything is open",
    before: "state.initialOwed === 0 && state.open >= state.min",
    after: "state.open >= state.min"
  },
  {
    file: "transitions/demand.ts",
    why: "a backoff whose probe failed is never left once the floor is full",
    before: "    state.backingOff = false\n    return nothing\n  }\n  state.backingOff = true",
    after: "    return nothing\n  }\n  state.backingOff = true"
  },

  // --- What closes --------------------------------------------------------------------------------------------------
  {
    file: "transitions/retiring.ts",
    why: "a lost connection is not replaced",
    before: "  ...close(state, slot, reason, now),\n  ...openWanted(state, now)\n]",
    after: "  ...close(state, slot, reason, now)\n]"
  },
  {
    file: "transitions/retiring.ts",
    why: "a lease survives the end of its connection",
    before: `    lease.phase = "Ended"\n    if (held)`,
    after: "    if (held)"
  },
  {
    file: "transitions/retiring.ts",
    why: "a leased connection that is condemned closes under its holder",
    before: "if (isUnheld(slot)) return retire(state, slot, reason, now)",
    after: "if (isUnheld(slot) || isLeased(slot)) return retire(state, slot, reason, now)"
  },
  {
    file: "transitions/retiring.ts",
    why: "a condemned connection is forgotten about",
    before: "  slot.reason ??= reason\n  stopSharing(state, slot)",
    after: "  stopSharing(state, slot)"
  },
  {
    file: "transitions/retiring.ts",
    why: "a shared connection that is condemned is lent on",
    before: "  slot.reason ??= reason\n  stopSharing(state, slot)",
    after: "  slot.reason ??= reason"
  },
  {
    file: "transitions/retiring.ts",
    why: "a place that becomes free serves nobody",
    before: "  return openWanted(state, now)\n}\n\n/** Opens what",
    after: "  return makeRoom(state, now)\n}\n\n/** Opens what"
  },
  {
    file: "transitions/retiring.ts",
    why: "a failed open is counted as none",
    before: `slot.phase === "Aborting") state.openFailed++`,
    after: `slot.phase === "Aborting") state.openFailed += 0`
  },
  {
    file: "transitions/retiring.ts",
    why: "an expired connection of the floor is closed before it is replaced",
    before: `state.open <= state.min && state.pending === 0 && state.phase === "Running"`,
    after: "false"
  },
  {
    file: "transitions/retiring.ts",
    why: "an expired connection keeps the place of a waiter",
    before: "state.open <= state.min && state.pending === 0",
    after: "state.open <= state.min"
  },
  {
    file: "transitions/retiring.ts",
    why: "what is replaced does not close",
    before: "if (state.open <= state.min && !noRoom) break",
    after: "if (!noRoom) break"
  },
  {
    file: "transitions/retiring.ts",
    why: "where there is no room nothing is replaced",
    before: "if (state.open <= state.min && !noRoom) break",
    after: "if (state.open <= state.min) break"
  },
  {
    file: "transitions/retiring.ts",
    why: "where there is no room all are closed at once",
    before: "state.slots.size >= state.max && inFlight === 0",
    after: "state.slots.size >= state.max"
  },
  {
    file: "transitions/retiring.ts",
    why: "idleTimeout ignores the floor",
    before: "slot.since + state.limits.idleTimeout <= now && state.open > state.min",
    after: "slot.since + state.limits.idleTimeout <= now"
  },

  {
    file: "transitions/retiring.ts",
    why: "idle connections stand in the way of who reconnects",
    before: "return isBlocked ? close",
    after: "return false ? close"
  },

  // --- The queue ----------------------------------------------------------------------------------------------------
  {
    file: "transitions/waiters.ts",
    why: "a waiter that leaves keeps its turn to time out",
    before: "  if (waiter.deadlineEntry !== undefined) state.deadlines.remove(waiter.deadlineEntry)\n",
    after: ""
  },
  {
    file: "transitions/queue.ts",
    why: "who reconnects waits behind the queue",
    before: "if (waiter.forLease === undefined) state.waiters.push(waiter)\n  else state.reconnecting.push(waiter)",
    after: "state.waiters.push(waiter)"
  },
  {
    file: "transitions/queue.ts",
    why: "who lost its connection goes to the end of the queue",
    before: "successor.ticket < waiter.ticket",
    after: "true"
  },
  {
    file: "transitions/queue.ts",
    why: "who lost its connection too late waits for ever",
    before: "if (waiter.deadline <= now) return",
    after: "if (false) return"
  },
  {
    file: "transitions/waiters.ts",
    why: "a timeout is not counted",
    before: "if (why._tag !== \"LeaseEnded\") state.failed[failure[why._tag]]++",
    after: "if (why._tag !== \"LeaseEnded\" && why._tag !== \"AcquireTimeout\") state.failed[failure[why._tag]]++"
  },
  {
    file: "transitions/waiters.ts",
    why: "a failed open fails the youngest",
    before: "state.reconnecting.head ?? state.waiters.head",
    after: "state.reconnecting.head ?? state.waiters.tail"
  },
  {
    file: "transitions/waiters.ts",
    why: "a failed open fails nobody",
    before: "return oldest === undefined ? nothing",
    after: "return oldest !== undefined ? nothing"
  },
  {
    file: "transitions/queue.ts",
    why: "waiters time out one late",
    before: "if (waiter.deadline > now) break",
    after: "if (waiter.deadline >= now) break"
  },
  {
    file: "transitions/queue.ts",
    why: "a fiber does not see that it waits for itself",
    before: "return ancestors === undefined || ",
    after: "return ancestors !== undefined && "
  },
  {
    file: "transitions/queue.ts",
    why: "a lease by hand counts as one that only its fiber can end",
    before: "if (lease.owner !== \"Scoped\") return false\n",
    after: ""
  },
  {
    file: "transitions/keepalive.ts",
    why: "nearly all idle connections are asked at once to keep them alive",
    first: ["/keepalive.test.ts"],
    before: "const askedAtOnce = 4",
    after: "const askedAtOnce = 400"
  },
  {
    file: "transitions/keepalive.ts",
    why: "the last idle connection at hand is asked to keep it alive",
    first: ["/keepalive.test.ts"],
    before: "Math.floor((state.idle.length + asked) / 2)",
    after: "state.idle.length + asked"
  },
  {
    file: "transitions/leases.ts",
    why: "a connection that was kept alive counts as the one used last",
    first: ["/keepalive.test.ts"],
    before: "returnToPlace(state, slot, now)\n    } else {",
    after: "becomeIdle(state, slot, now)\n    } else {"
  },
  {
    file: "leasing.ts",
    why: "a connection that was kept alive is asked again at once",
    first: ["/keepalive.test.ts"],
    before: "now - slot.heardAt >= holds",
    after: "now - slot.since >= holds"
  },
  {
    file: "effect/ancestors.ts",
    why: "a fiber that was forked counts as one that is waited for",
    first: ["/nested.test.ts"],
    before: "return observers.includes(shapes.joined) ? \"joined\" : undefined",
    after: "return observers.includes(shapes.joined) ? \"joined\" : \"concurrent\""
  },
  {
    file: "effect/ancestors.ts",
    why: "any race counts as a timeout",
    first: ["/nested.test.ts"],
    before: "return !roots.includes(child) && roots.some((root) => root.id() === racers.right)",
    after: "return roots.length > 0"
  },
  {
    file: "effect/ancestors.ts",
    why: "waiting for a deferred counts as joining its maker",
    first: ["/nested.test.ts"],
    before: "_asyncBlockingOn === child.id() && next?.effect_instruction_i1 === identity",
    after: "_asyncBlockingOn === child.id()"
  },
  {
    file: "handOffs.ts",
    why: "hand-offs never wait for a turn of the event loop",
    first: ["/hand-offs.test.ts"],
    before: "now - this.askedAt >= patienceMillis",
    after: "now - this.askedAt < 0"
  },

  // --- Leases -------------------------------------------------------------------------------------------------------
  {
    file: "transitions/leases.ts",
    why: "a connection has one holder too many",
    before: "slot.leases.length < state.limits.concurrency",
    after: "slot.leases.length <= state.limits.concurrency"
  },
  {
    file: "transitions/leases.ts",
    why: "maxUses is not kept",
    before: "slot.uses < state.limits.maxUses",
    after: "true"
  },
  {
    file: "transitions/leases.ts",
    why: "a lease that nobody took up counts as a use",
    before: "  lease.slot.uses--\n",
    after: ""
  },
  {
    file: "transitions/leases.ts",
    why: "a used-up connection is kept",
    before: "if (slot.uses >= state.limits.maxUses) return \"MaxUses\"",
    after: ""
  },
  {
    file: "transitions/leases.ts",
    why: "a closing pool keeps what comes back",
    before: `if (state.phase !== "Running") return "PoolClosed"`,
    after: ""
  },
  {
    file: "transitions/leases.ts",
    why: "what resize left too much of is kept when it comes back",
    before: `return isSurplus(state) ? "Surplus" : undefined`,
    after: "return undefined"
  },
  {
    file: "transitions/leases.ts",
    why: "a suspect connection is lent unasked when it comes back",
    before: "if (slot.generation !== state.generation) return validate(state, slot, now)",
    after: ""
  },
  {
    file: "transitions/leases.ts",
    why: "lifo is fifo",
    before: "state.limits.lifo ? state.shareable.tail ?? state.idle.tail :",
    after: "state.limits.lifo ? state.shareable.head ?? state.idle.head :"
  },
  {
    file: "transitions/leases.ts",
    why: "an idle spell does not begin again",
    before: "      slot.since = now\n      slot.idleTicket",
    after: "      slot.idleTicket"
  },
  {
    file: "transitions/leases.ts",
    why: "a second failed validation closes what is new",
    before: "const isFirst = slot.generation === state.generation",
    after: "const isFirst = true"
  },
  {
    file: "transitions/leases.ts",
    why: "each connection is asked for itself in an outage",
    before: "else if (isUnheld(other)) commands.push",
    after: "else if (other.phase === \"Checking\") commands.push"
  },
  {
    file: "transitions/leases.ts",
    why: "reconnect counts as another lease",
    before: "  if (lease.owner !== \"None\") return\n",
    after: ""
  },
  {
    file: "transitions/leases.ts",
    why: "reconnect leaves the old connection in the pool",
    before:
      "  mustNotBeLent(state, slot, \"Dropped\")\n  return slot.leases.length === 0 ? retire(state, slot, slot.reason!, now) : nothing",
    after: "  return nothing"
  },
  {
    file: "transitions/leases.ts",
    why: "who reconnects for a lease that ends is never told",
    before: `return waiter?.list === undefined ? nothing : [failWaiter(state, waiter, { _tag: "LeaseEnded" })]`,
    after: "return nothing"
  },

  // --- The pool as a whole ------------------------------------------------------------------------------------------
  {
    file: "transitions/trial.ts",
    why: "a connection that works does not end the backoff",
    before: "  resetLimiter(state)\n  state.backingOff = false\n",
    after: "  resetLimiter(state)\n"
  },
  {
    file: "transitions/opening.ts",
    why: "a connect is enough to end the pace",
    first: ["/pace.test.ts"],
    before: "  beginTrial(state, slot, now)\n",
    after: "  beginTrial(state, slot, now)\n  state.openLimiter.blockedUntil = -Infinity\n"
  },
  {
    file: "transitions/trial.ts",
    why: "a connection that is lost on trial sets no pace",
    first: ["/pace.test.ts"],
    before: "if (isLoss) penalize(state, slot.fault ?? noError, now)\n    else abandonProbe(state)",
    after: "if (!isLoss) abandonProbe(state)"
  },
  {
    file: "transitions/trial.ts",
    why: "a holder's failure is no evidence",
    first: ["/pace.test.ts"],
    before: "(isPerhapsLost(reason) && slot.fault !== undefined)",
    after: "false"
  },
  {
    file: "transitions/trial.ts",
    why: "a connection passes whatever its close says",
    first: ["/pace.test.ts"],
    before: "return served && !isSuspect &&",
    after: "return served &&"
  },
  {
    file: "transitions/trial.ts",
    why: "a connection that lives for long proves nothing",
    first: ["/pace.test.ts"],
    before: "return state.onTrial.size < before ? recover(state) : nothing",
    after: "return nothing"
  },
  {
    file: "transitions/openLimiter.ts",
    why: "connections on trial do not count against the burst",
    first: ["/pace.test.ts"],
    before: " - state.onTrial.size",
    after: ""
  },
  {
    file: "timers.ts",
    why: "nobody looks when a trial is passed",
    first: ["/pace.test.ts"],
    before: "() => Trial.nextPassed(state)",
    after: "() => undefined"
  },
  {
    file: "leasing.ts",
    why: "holders bear no witness",
    first: ["/pace.test.ts"],
    before: "if (slot.isOnTrial) this.testify(lease, exit)\n",
    after: ""
  },
  {
    file: "transitions/leases.ts",
    why: "who reconnects does not come first",
    before: "return first !== undefined && slot.ticket > first.ticket ? first : waiters.head",
    after: "return waiters.head ?? first"
  },
  {
    file: "transitions/whole.ts",
    why: "clear leaves opens in flight",
    before: "const commands = [...abortWhile(state, now, constTrue)]\n  for",
    after: "const commands: Array<Command<C>> = []\n  for"
  },
  {
    file: "transitions/whole.ts",
    why: "the backoff lasts for ever once the open that was to end it has been aborted",
    before: "  if (commands.length > 0) abandonProbe(state)\n",
    after: ""
  },
  {
    file: "transitions/whole.ts",
    why: "clear opens nothing for those who wait",
    before: `  commands.push(...demand(state, now))\n  return commands\n}\n\n/** Sets`,
    after: "  return commands\n}\n\n/** Sets"
  },
  {
    file: "transitions/whole.ts",
    why: "resize closes the youngest opens last",
    before: "commands.push(...rotate(state, now), ...openWanted(state, now))",
    after: ""
  },
  {
    file: "transitions/whole.ts",
    why: "close leaves the waiters waiting",
    before: `commands.push(failWaiter(state, waiter, { _tag: "PoolClosed" }))`,
    after: "void waiter"
  },
  {
    file: "transitions/whole.ts",
    why: "the drain's end takes nothing back",
    before: "if (isLeased(slot)) commands.push",
    after: "if (false) commands.push"
  },

  // --- The engine and its parts -------------------------------------------------------------------------------------
  {
    file: "leasing.ts",
    why: "a newcomer overtakes",
    before: "state.waiters.length > 0 || Leases.candidate",
    after: "Leases.candidate"
  },
  {
    file: "leasing.ts",
    why: "who is interrupted after the hand-off keeps the connection",
    before: `else if (waiter.lease?.phase === "Held") this.giveBack(waiter.lease)`,
    after: ""
  },
  {
    file: "leasing.ts",
    why: "a lease ends twice",
    before: "    if (lease.phase !== \"Held\") return\n    const { hooks",
    after: "    const { hooks"
  },
  {
    file: "leasing.ts",
    why: "an idle connection is never asked",
    before: "wasIdle && this.needsValidation(slot, now)",
    after: "false"
  },
  {
    file: "leasing.ts",
    why: "onRelease is not heeded",
    before: "isKept ? unfit : \"Discarded\"",
    after: "unfit"
  },
  {
    file: "leasing.ts",
    why: "a condemned connection is handed on between hand-off and claim",
    before: "reason === undefined || (!used && (reason === \"Disconnected\" || reason === \"Desync\"))",
    after: "true"
  },
  {
    file: "borrow.ts",
    why: "who owns what is looked at before the wait has ended for good",
    before: "    this.engine.leases.withdraw(this.waiter)\n",
    after: ""
  },
  {
    file: "borrow.ts",
    why: "acquireTimeout does not hold for who reconnects",
    before: "now + engine.options.acquireTimeout, false, lease)",
    after: "Infinity, false, lease)"
  },
  {
    file: "engine.ts",
    why: "nothing is drawn from the lifetime",
    before: "connectionTTL * (1 - ttlJitter * drawn)",
    after: "connectionTTL"
  },
  {
    file: "engine.ts",
    why: "idle connections are not fed to those who wait",
    before: "this.leases.serveWaiters()",
    after: "{}"
  },
  {
    file: "engine.ts",
    why: "a late open is kept",
    before: `if (slot.phase !== "Opening") return false`,
    after: ""
  },
  {
    file: "hooks.ts",
    why: "age is not looked at",
    before: `if (slot.expiresAt <= now) return "Expired"`,
    after: ""
  },
  {
    file: "lifecycle.ts",
    why: "what an open gave too late stays open",
    before: "if (!this.listener.opened(slot, connection, drawn)) return this.closeScope(slot, scope)",
    after: "if (!this.listener.opened(slot, connection, drawn)) return Effect.void"
  },
  {
    file: "lifecycle.ts",
    why: "what a failed open left behind is not cleaned up",
    before:
      "            this.listener.openFailed(slot, notInterrupted(cause))\n            return this.closeScope(slot, scope)",
    after: "            this.listener.openFailed(slot, notInterrupted(cause))\n            return Effect.void"
  },
  {
    file: "lifecycle.ts",
    why: "an onRelease that hangs goes on after its connection has closed",
    before: "for (const helper of life.helpers ?? []) stop(helper)",
    after: ""
  },
  {
    file: "timers.ts",
    why: "an open that hangs keeps its place",
    before: "Alarm.of(runtime, state.opening, handlers.openTimedOut),",
    after: ""
  },
  {
    file: "timers.ts",
    why: "a validation that hangs keeps its place",
    before: "Alarm.of(runtime, state.validating, handlers.validationTimedOut),",
    after: ""
  },
  {
    file: "timers.ts",
    why: "a close that hangs keeps its place",
    before: "Alarm.of(runtime, state.closing, handlers.closeTimedOut),",
    after: ""
  },
  {
    file: "alarm.ts",
    why: "a stall of the event loop times out what has been answered",
    before: "return Effect.flatMap(sleep(Math.min(Math.max(0, now - planned), longestGrace)), (next) => {",
    after: "return Effect.flatMap(Effect.succeed(now), (next) => {"
  },
  {
    file: "readiness.ts",
    why: "a failed fill is not told to who waits for it",
    before: "if (failure !== undefined) this.notify(failure)",
    after: ""
  },
  {
    file: "eventBus.ts",
    why: "the return of a leak is not told",
    before: "if (!lease.suspected) return",
    after: "return"
  },
  {
    file: "histogram.ts",
    why: "percentiles are one bucket too low",
    before: "if (seen >= rank) return Math.min(bounds[bucket]!, maxMillis)",
    after: "if (seen >= rank) return bounds[Math.max(0, bucket - 1)]!"
  },
  {
    file: "transport/readQueue.ts",
    why: "a reader that gives up leaves the connection clean",
    first: sockets,
    before: "abandon(reader: Reader<any>): void {\n    this.session.markDirty()\n",
    after: "abandon(reader: Reader<any>): void {\n"
  },
  {
    file: "transport/readQueue.ts",
    why: "a frame that is too large leaves the connection clean",
    first: sockets,
    before: "if (frame === TooLarge || frame === Malformed) {\n      this.session.markDirty()\n",
    after: "if (frame === TooLarge || frame === Malformed) {\n"
  },
  {
    file: "transport/readQueue.ts",
    why: "a decoder that throws leaves the connection clean",
    first: sockets,
    before: "} catch (defect) {\n      this.session.markDirty()\n",
    after: "} catch (defect) {\n"
  },
  {
    file: "transport/readQueue.ts",
    why: "a newcomer reads before those in line",
    first: sockets,
    before: "    if (this.readers.length > 0) return undefined\n",
    after: ""
  },
  {
    file: "transport/readQueue.ts",
    why: "nobody holds the peer back",
    first: sockets,
    before: "this.session.hold(this.bytes.length > 0 && this.readers.length === 0)",
    after: "this.session.hold(false)"
  },
  {
    file: "transport/readQueue.ts",
    why: "a read does not count as the answer",
    first: sockets,
    before: "      this.session.noteRead()\n",
    after: ""
  },
  {
    file: "transport/writeQueue.ts",
    why: "a full transport holds no writer back",
    first: sockets,
    before: "if (!this.writeNow(writer.data)) return",
    after: "this.writeNow(writer.data)"
  },
  {
    file: "transport/session.ts",
    why: "what comes on an idle line is kept for the next holder",
    first: sockets,
    before: "    if (this.idle) return this.fail({ reason: \"Desync\" })\n",
    after: ""
  },
  {
    file: "transport/session.ts",
    why: "the peer's end is not the connection's",
    first: sockets,
    before: "if (!this.allowHalfOpen || this.idle || this.writes.failure !== undefined) return this.fail(endOfStream)",
    after: "if (this.idle || this.writes.failure !== undefined) return this.fail(endOfStream)"
  },
  {
    file: "transport/session.ts",
    why: "who reads beyond the lease is not told",
    first: sockets,
    before: "    this.reads.revoke()\n",
    after: ""
  },
  {
    file: "transport/session.ts",
    why: "a connection that was shut down is lent again",
    first: sockets,
    before: "  shutdown(): void {\n    this.isSpent = true\n",
    after: "  shutdown(): void {\n"
  },
  {
    file: "transport/operation.ts",
    why: "a stale holder reads",
    first: sockets,
    before:
      "  if (session.holder !== connection) return Effect.fail(session.error(\"read\", { reason: \"Released\" }))\n",
    after: ""
  },
  {
    file: "transport/operation.ts",
    why: "a stale holder writes",
    first: sockets,
    before: "session.holder === connection ? session.writes.failure : { reason: \"Released\" }",
    after: "session.writes.failure"
  },
  {
    file: "transport/operation.ts",
    why: "a shutdown overtakes those who send",
    first: sockets,
    before: "if (session.writes.canWrite) return Effect.sync(() => session.shutdown())",
    after: "return Effect.sync(() => session.shutdown())"
  },
  {
    file: "../TransportPool.ts",
    why: "an answer on its way is the next borrower's",
    first: sockets,
    before: "return session.awaitsAnswer ? retire(session) : settle(session)",
    after: "return settle(session)"
  },
  {
    file: "../TransportPool.ts",
    why: "after a failure a connection is lent again",
    first: sockets,
    before: "if (!rule.isAnswered(exit)) return reject(session)",
    after: ""
  },
  {
    file: "../TransportPool.ts",
    why: "what a handshake has left is the first borrower's",
    first: sockets,
    before: "return shaken.isClean ? Effect.void :",
    after: "return shaken !== undefined ? Effect.void :"
  },
  {
    file: "lifecycle.ts",
    why: "what nobody asked for counts as a peer that went away",
    first: sockets,
    before: "=> reason === \"Desync\" ? \"Desync\" : \"Disconnected\"",
    after: "=> reason === \"Desync\" ? \"Disconnected\" : \"Disconnected\""
  },
  {
    file: "lifecycle.ts",
    why: "a connection that ends in the middle of a step is reported in that step",
    first: ["/ended.test.ts"],
    before: "this.runtime.later(() => this.listener.died(slot, named(reason)))",
    after: "this.listener.died(slot, named(reason))"
  },
  {
    file: "transport/session.ts",
    why: "nobody hears of a connection that has ended before it is watched",
    first: ["/ended.test.ts"],
    before: "    else failed(this.failure.reason)\n",
    after: ""
  },
  {
    file: "transport/inTime.ts",
    why: "an open that is late goes on",
    first: ["/inTime.test.ts"],
    before: "Effect.andThen(Fiber.interrupt(child), failure)",
    after: "failure"
  },
  {
    file: "transport/inTime.ts",
    why: "an open that ends while its deadline catches up is late",
    first: ["/inTime.test.ts"],
    before: "outcomeOf(child) ?? giveUp(",
    after: "giveUp("
  },
  {
    file: "../Framing.ts",
    why: "a length beyond the limit is waited for",
    first: sockets,
    before: "        if (size > maxBytes) return TooLarge\n",
    after: ""
  },
  {
    file: "decoders.ts",
    why: "a frame may be larger than it may be",
    first: sockets,
    before: "      if (end > maxBytes) return TooLarge\n",
    after: ""
  },
  {
    file: "../Framing.ts",
    why: "a line feed becomes a command",
    first: sockets,
    before: "return bytes.includes(newline[0]!) ?",
    after: "return bytes.includes(0) ?"
  },
  {
    file: "byteQueue.ts",
    why: "what was given is written over",
    first: sockets,
    before: "start + last.length + chunk.length > this.block.length",
    after: "start + last.length + chunk.length > 2 * this.block.length"
  },

  // --- The pace of opens --------------------------------------------------------------------------------------------
  {
    file: "transitions/demand.ts",
    why: "opens that fail set no pace",
    before: "i < count && now >= nextOpenAt(state)",
    after: "i < count"
  },
  {
    file: "transitions/openLimiter.ts",
    why: "what may still fail is not counted",
    before: "burst - 1 - state.opening.length",
    after: "burst - 1"
  },
  {
    file: "transitions/openLimiter.ts",
    why: "the more have failed, the longer the wait",
    before: "now + burst * leakMillis\n",
    after: "Infinity\n"
  },
  {
    file: "transitions/openLimiter.ts",
    why: "a success does not end the pace",
    before: "  state.openLimiter.blockedUntil = -Infinity\n  state.lastOpenFailure",
    after: "  state.lastOpenFailure"
  },
  {
    file: "transitions/demand.ts",
    why: "the pace is waited for although there is no room",
    first: ["/pace.test.ts"],
    before: "Math.min(deficit(state), room(state)) > 0",
    after: "deficit(state) > 0"
  },
  {
    file: "transitions/demand.ts",
    why: "who waits for room hears of failed opens",
    first: ["/pace.test.ts"],
    before: "Math.min(queueDeficit(state), room(state)) > 0",
    after: "queueDeficit(state) > 0"
  },
  {
    file: "transitions/queue.ts",
    why: "who was held back by failed opens hears only that time is over",
    first: ["/pace.test.ts"],
    before: "&& isOpenDelayed(state) ? last",
    after: "&& false ? last"
  },
  {
    file: "timers.ts",
    why: "nobody looks when the pace allows another open",
    first: ["/pace.test.ts"],
    before: "      this.openLimiter,\n",
    after: ""
  },
  {
    file: "timers.ts",
    why: "what only the pace holds back is forgotten",
    first: ["/pace.test.ts"],
    before: "    this.openLimiter.refresh()\n    this.floorLimiter.refresh()\n",
    after: ""
  },

  // --- Very many at once --------------------------------------------------------------------------------------------
  {
    file: "lifecycle.ts",
    why: "all close in one turn of the event loop",
    first: ["/closing-crowd.test.ts"],
    before: "const closesPerTurn = 100",
    after: "const closesPerTurn = 1e9"
  },
  {
    file: "lifecycle.ts",
    why: "those of later turns are closed only a hundred at a time",
    first: ["/closing-crowd.test.ts"],
    before: "if (this.done < this.backlog.length) return Effect.andThen(yieldNow, this.closeBacklog)\n",
    after: ""
  },
  {
    file: "effect/frame.ts",
    why: "an interrupted fiber heeds that again once it has heard of a failure",
    first: ["/frame.test.ts"],
    before: "if (this.isShut) stackOf(this.fiber).pushStack(reopen)\n",
    after: ""
  },
  {
    file: "effect/frame.ts",
    why: "an interrupted fiber is shut before its continuation, which it would pass over",
    first: ["/frame.test.ts"],
    before: "    return shut\n",
    after: "    return 0 as RuntimeFlagsPatch.RuntimeFlagsPatch\n"
  },
  {
    file: "effect/frame.ts",
    why: "what follows an interrupted success does not run",
    first: ["/frame.test.ts"],
    before: "return Effect.interruptible(this.onSuccess(value))",
    after: "return this.onSuccess(value)"
  },
  {
    file: "interruption.ts",
    why: "a frame is not used where it could be moved to another fiber",
    first: ["/frame.test.ts"],
    before: " && keepsFrames(fiber)",
    after: ""
  },
  {
    file: "interruption.ts",
    why: "a frame is used only after its trial",
    first: ["/frame.test.ts"],
    before: "return got.length === wanted.length && got.every((exit, i) => Equal.equals(exit, wanted[i]))",
    after: "return true"
  },
  {
    file: "effect/frame.ts",
    why: "a continuation that is passed over is put back",
    first: ["/frame.test.ts"],
    before: "    this.isShut = true\n    stackOf(this.fiber).pushStack(this)\n",
    after: "    this.isShut = true\n"
  },

  // --- Deadlines of operations --------------------------------------------------------------------------------------
  {
    file: "transport/operation.ts",
    why: "what has arrived by the deadline is not looked at",
    first: ["/deadlines.test.ts"],
    before: "if (transport.catchUp === undefined) this.operation.tooLate()",
    after: "if (transport !== undefined) this.operation.tooLate()"
  },
  {
    file: "transport/operation.ts",
    why: "who has failed in time stays in line",
    first: ["/deadlines.test.ts"],
    before: "    this.leave()\n    if (this.answered",
    after: "    if (this.answered"
  },
  {
    file: "transport/operation.ts",
    why: "who was interrupted stays in line",
    first: ["/deadlines.test.ts"],
    before: "      this.timer?.stop()\n      this.leave()\n",
    after: "      this.timer?.stop()\n"
  },
  {
    file: "transport/operation.ts",
    why: "what has ended is still timed",
    first: ["/deadlines.test.ts"],
    before: "    this.deadlines.remove(this)\n",
    after: ""
  },
  {
    file: "transport/operation.ts",
    why: "what has ended goes on catching up",
    first: ["/deadlines.test.ts"],
    before: "    this.stopCatchingUp?.()\n",
    after: ""
  },
  {
    file: "transport/operation.ts",
    why: "a fiber that stepped aside uses the next holder's connection",
    first: ["/connection/"],
    before: "    if (this.session.holder !== this.connection) return this.end(this.refuse(\"Released\"))\n",
    after: ""
  },
  {
    file: "transport/deadlines.ts",
    why: "every operation has a sleeping fiber of its own",
    first: ["/deadlines.test.ts"],
    before: "    byTimeout.set(timeout, deadlines)\n",
    after: ""
  },
  {
    file: "alarm.ts",
    why: "an alarm that has rung is not forgotten",
    first: ["/deadlines.test.ts"],
    before: "if ((this.due() ?? Infinity) === Infinity) this.onIdle()\n      else this.arm()",
    after: "this.refresh()"
  },
  {
    file: "alarm.ts",
    why: "every exchange stops the fiber and starts another",
    first: ["/deadlines.test.ts"],
    before: "const idleTurns = 4",
    after: "const idleTurns = 1"
  },
  {
    file: "alarm.ts",
    why: "a fiber that woke up late rings before anything can be read",
    first: ["/alarm.test.ts"],
    before: "sleep(Math.min(Math.max(0, now - planned), longestGrace))",
    after: "sleep(0)"
  },
  {
    file: "alarm.ts",
    why: "what falls due in another's grace has none",
    first: ["/alarm.test.ts"],
    before: "this.ring(this.runtime.now(), now)",
    after: "this.ring(this.runtime.now(), this.runtime.now())"
  },
  {
    file: "alarm.ts",
    why: "what follows from a deadline begins in the past",
    first: ["/alarm.test.ts"],
    before: "this.ring(this.runtime.now(), now)",
    after: "this.ring(now, now)"
  },
  // --- What can be seen of it ---------------------------------------------------------------------------------------
  {
    file: "histogram.ts",
    why: "a duration counts in the bucket above its bound",
    first: ["/histogram.test.ts"],
    before: "while (bounds[bucket]! < millis) bucket++",
    after: "while (bounds[bucket]! <= millis) bucket++"
  },
  {
    file: "histogram.ts",
    why: "what took exactly as long as a bound is not counted up to it",
    first: ["/histogram.test.ts"],
    before: "bounds[bucket]! <= limit; bucket++",
    after: "bounds[bucket]! < limit; bucket++"
  },
  {
    file: "histogram.ts",
    why: "the shortest of added durations is the first histogram's",
    first: ["/histogram.test.ts"],
    before: "this.min = this.count === 0 ? other.min : Math.min(this.min, other.min)",
    after: "this.min = Math.min(this.min, other.min)"
  },
  {
    file: "metrics/instruments.ts",
    why: "expired connections that the floor still needs are not counted as idle",
    first: ["/metrics.test.ts"],
    before: "state.idle.length + state.expiring.length",
    after: "state.idle.length"
  },
  {
    file: "metrics/instruments.ts",
    why: "who reconnects is not counted among the pending",
    first: ["/metrics.test.ts"],
    before: "(state) => state.pending\n",
    after: "(state) => state.waiters.length\n"
  },
  {
    file: "metrics/instruments.ts",
    why: "those who waited count twice",
    first: ["/metrics.test.ts"],
    before: "read: (state) => state.acquired - state.waited",
    after: "read: (state) => state.acquired"
  },
  {
    file: "metrics/source.ts",
    why: "what a closed pool has counted is forgotten while others of its name run",
    first: ["/metrics-closed.test.ts"],
    before: "past.set(line.key, line.join(past.get(line.key) ?? 0, line.read(state, now())))",
    after: "line.read(state, now())"
  },
  {
    file: "metrics/source.ts",
    why: "gauges of a closed pool stay",
    first: ["/metrics-closed.test.ts"],
    before: "if (kind !== \"Counter\") continue",
    after: ""
  },
  {
    file: "metrics/source.ts",
    why: "durations of a closed pool are forgotten while others of its name run",
    first: ["/metrics-closed.test.ts"],
    before: "sum.add(timing.read(state))\n      pastTimes.set(timing.name, sum)",
    after: "sum.add(timing.read(state))"
  },
  {
    file: "effect/metrics.ts",
    why: "collectors of Effect's metrics get none of a pool",
    first: ["/metrics-export.test.ts"],
    before: "[...snapshot.call(registry), ...read()]",
    after: "snapshot.call(registry)"
  },
  {
    file: "registry.ts",
    why: "Prometheus still gets the metrics of a closed pool",
    first: ["/metrics-closed.test.ts"],
    before: "if (!source.leave(state)) metrics.sources.delete(keyOf(name, tags))",
    after: "source.leave(state)"
  },
  {
    file: "effect/fiber.ts",
    why: "Effect counts a pool's fibers by the tags of its place for ever",
    first: ["/metrics-closed.test.ts"],
    before: "metricTags(surroundings).length > 0 ? RuntimeFlags.RuntimeMetrics : RuntimeFlags.None",
    after: "RuntimeFlags.None"
  },
  {
    file: "describe.ts",
    why: "a log gets the user's value itself",
    first: ["/foreign.test.ts"],
    before: "mapErrors(cause, printable)",
    after: "cause"
  },
  {
    file: "text.ts",
    why: "passwords of URLs are shown",
    first: ["/foreign.test.ts"],
    before: "`://***${rest.slice(end)}`",
    after: "url"
  },
  {
    file: "byteQueue.ts",
    why: "a small frame keeps its chunk alive",
    first: ["/pinned.test.ts"],
    before: "const leastPart = 1 / 4",
    after: "const leastPart = 0"
  },
  {
    file: "metrics/effect.ts",
    why: "counters are told as what may fall",
    first: ["/metrics-export.test.ts"],
    before: "incremental: kind === \"Counter\"",
    after: "incremental: false"
  },
  {
    file: "metrics/exposition.ts",
    why: "a quote in a name breaks the text",
    first: ["/metrics-export.test.ts"],
    before: String.raw`.replaceAll("\"", "\\\"")`,
    after: ""
  },
  {
    file: "registry.ts",
    why: "pools without a name never share one",
    first: ["/metrics-closed.test.ts"],
    before: "  names.least = 1\n",
    after: ""
  },
  {
    file: "engine.ts",
    why: "a closed pool goes on running for those who watch",
    first: ["/watching.test.ts"],
    before: "    this.onClosed(this.state)\n",
    after: ""
  },
  {
    file: "effect/stream.ts",
    why: "a subscriber is woken up for every event",
    first: ["/subscribers.test.ts"],
    before: "this.values.length === kept / parts",
    after: "this.values.length > 0"
  },
  {
    file: "effect/stream.ts",
    why: "a subscriber that has left is still told",
    first: ["/subscribers.test.ts"],
    before: "() => Effect.sync(() => subscriptions.delete(subscription))",
    after: "() => Effect.void"
  },
  {
    file: "eventBus.ts",
    why: "notices tell of every lease",
    first: ["/watching.test.ts"],
    before: "if (event._tag !== \"Borrowed\" && event._tag !== \"Released\") this.withoutLeases",
    after: "this.withoutLeases"
  },
  {
    file: "operations.ts",
    why: "a connection that is being opened can be dropped by its number",
    first: ["/watching.test.ts"],
    before: "if (slot.id !== connectionId || !isOpen(slot)) continue",
    after: "if (slot.id !== connectionId) continue"
  },
  {
    file: "transitions/queue.ts",
    why: "who is turned away is not counted by reason",
    first: ["/metrics.test.ts"],
    before: "  state.failed[why]++\n",
    after: ""
  },
  {
    file: "borrow.ts",
    why: "a borrower's span does not end when he is interrupted",
    first: ["/tracing.test.ts"],
    before: "const exit = Exit.failCause(cause)\n    this.trace?.failed(exit)",
    after: "const exit = Exit.failCause(cause)"
  },
  {
    file: "borrow.ts",
    why: "a borrower's span does not end when he is served",
    first: ["/tracing.test.ts"],
    before: "      this.trace?.served(lease.slot.id)\n",
    after: ""
  },
  {
    file: "effect/tracing.ts",
    why: "an open is a part of the trace of whoever made the pool",
    first: ["/tracing.test.ts"],
    before: "      root: true,\n",
    after: ""
  },
  {
    file: "effect/tracing.ts",
    why: "where tracing is switched off there are spans",
    first: ["/tracing.test.ts"],
    before: " && fiber.getFiberRef(FiberRef.currentTracerEnabled)",
    after: ""
  },
  {
    file: "engine.ts",
    why: "an open is linked to the next waiter",
    first: ["/tracing.test.ts"],
    before: "if (before-- === 0) return waiter.span",
    after: "if (before-- === 1) return waiter.span"
  },
  // --- The marks of transitions -------------------------------------------------------------------------------------
  {
    file: "transitions/phases.ts",
    why: "a slot that opens or closes is marked like one that is lent",
    before: "isLending(phase) && isLending(slot.phase) ? Touched.leases : Touched.everything",
    after: "Touched.leases"
  },
  {
    file: "transitions/queue.ts",
    why: "a borrower that joins the queue is not marked",
    before: "  state.touched |= Touched.queue\n  waiter.ticket = ++state.tickets",
    after: "  waiter.ticket = ++state.tickets"
  },
  {
    file: "transitions/whole.ts",
    why: "a resize without a command is not marked",
    before: "  state.max = max\n  state.touched |= Touched.everything",
    after: "  state.max = max"
  },
  {
    file: "transitions/leases.ts",
    why: "a reset that takes time is not marked",
    before: "  state.touched |= Touched.everything\n  lease.deadline",
    after: "  lease.deadline"
  },
  {
    file: "engine.ts",
    why: "the timers of leases are not refreshed",
    before: "    if ((touched & Touched.leases) !== 0) timers.leasesChanged()\n",
    after: ""
  },
  {
    file: "readiness.ts",
    why: "awaitReady passes on an answer that has become false",
    before: "answer === \"Ready\" && this.current() !== \"Ready\" ? this.answer : Effect.succeed(answer)",
    after: "Effect.succeed(answer)"
  },
  {
    file: "transport/deadlines.ts",
    why: "timeouts that a program computes pile up",
    before: "      if (byTimeout.size > keptIdle) byTimeout.delete(timeout)\n",
    after: ""
  },
  {
    file: "transitions/opening.ts",
    why: "a fatal failure pauses nothing",
    before: "  if (isFatal) {\n",
    after: "  if (false) {\n"
  },
  {
    file: "transitions/opening.ts",
    why: "a fatal failure leaves opens in flight",
    first: ["/fatal.test.ts"],
    before: "    commands.push(...abortOpens(state, now, constTrue))\n  }",
    after: "  }"
  },
  {
    file: "transitions/opening.ts",
    why: "a success leaves the pool with one open at a time",
    first: ["/fatal.test.ts"],
    before: "  state.pause = undefined\n  beginTrial",
    after: "  beginTrial"
  },
  {
    file: "transitions/whole.ts",
    why: "clear does not end a pause",
    first: ["/fatal.test.ts"],
    before: "  state.pause = undefined\n",
    after: ""
  },
  {
    file: "transitions/demand.ts",
    why: "waiters outlast a pause although nothing is open",
    first: ["/fatal.test.ts"],
    before: "  for (const waiter of state.waiters) commands.push(failWaiter(state, waiter, failure))\n",
    after: ""
  },
  {
    file: "transitions/demand.ts",
    why: "a holder that reconnects waits in a pause",
    first: ["/fatal.test.ts"],
    before: "  for (const waiter of state.reconnecting) commands.push(failWaiter(state, waiter, failure))\n",
    after: ""
  },
  {
    file: "transitions/demand.ts",
    why: "after a pause all try at once",
    first: ["/fatal.test.ts"],
    before: "(state.pause === undefined ? state.limits.maxConnecting : 1)",
    after: "state.limits.maxConnecting"
  },
  {
    file: "borrow.ts",
    why: "one that does not wait is not told of a fatal failure",
    first: ["/fatal.test.ts"],
    before: "const failure = state.pause && standstill(state, engine.now())",
    after: "const failure = undefined as any"
  },
  {
    file: "timers.ts",
    why: "nobody looks when a pause ends",
    first: ["/fatal.test.ts"],
    before: "const open = (now: number) => handlers.run(Retiring.openWanted(state, now))",
    after: "const open = (now: number) => state.pause === undefined && handlers.run(Retiring.openWanted(state, now))"
  },
  {
    file: "leasing.ts",
    why: "a lease that was cut off in a cleared pool gets a farewell",
    first: ["/farewell.test.ts"],
    before: "      if (!hooks.isWhole(slot, exit)) Retiring.spoil(slot)\n",
    after: ""
  },
  {
    file: "transitions/leases.ts",
    why: "a connection that is discarded while the pool is cleared gets a farewell",
    first: ["/farewell.test.ts"],
    before: "  if (reason !== undefined && !isNormal(reason)) spoil(slot)\n",
    after: ""
  },
  {
    file: "transitions/retiring.ts",
    why: "a connection that is taken from its holder gets a farewell",
    first: ["/farewell.test.ts"],
    before: "    spoil(slot)\n  }\n",
    after: "  }\n"
  },
  {
    file: "lifecycle.ts",
    why: "every connection gets a farewell",
    first: ["/farewell.test.ts"],
    before: "slot.isSpoiled || !isNormal(slot.reason!) ?",
    after: "false ?"
  },
  {
    file: "engine.ts",
    why: "a farewell may take as long as it likes",
    first: ["/farewell.test.ts"],
    before: "closeTimeout / 2)",
    after: "Infinity)"
  },
  {
    file: "../TransportPool.ts",
    why: "a reset takes the answer to the lease for its own",
    first: ["/release.test.ts"],
    before: "!(awaits && hookRead) :",
    after: "true :"
  },
  {
    file: "../TransportPool.ts",
    why: "a hook keeps what was interrupted",
    first: ["/release.test.ts"],
    before: "if (!session.isInOrder || !(answered || (!awaits && isTyped(exit)))) return reject(session)",
    after: "if (!session.isInOrder) return reject(session)"
  },
  {
    file: "../TransportPool.ts",
    why: "the default does not look at what the hook has sent",
    first: ["/release.test.ts"],
    before: "answered && !awaits && !session.awaitsAnswer\n",
    after: "answered && !awaits\n"
  },
  {
    file: "../TransportPool.ts",
    why: "one answer among several failures is enough",
    first: ["/release.test.ts"],
    before: "errors !== undefined && errors.every((error)",
    after: "errors !== undefined && errors.some((error)"
  },
  {
    file: "../TransportPool.ts",
    why: "a connection that owes an answer gets a farewell",
    first: ["/release.test.ts"],
    before: "return session.isClean && !session.awaitsAnswer\n",
    after: "return session.isClean\n"
  },
  {
    file: "decoders.ts",
    why: "a push parser takes the beginning of the next frame",
    first: ["/framing-formats.test.ts"],
    before: "bytes.skip(high)",
    after: "bytes.skip(next)"
  },
  {
    file: "transitions/phases.ts",
    why: "a slot keeps its last lease, and so the holder",
    first: ["/async-context.test.ts"],
    before: "  slot.leases = noLeases\n  // The lease would keep its holder alive.\n  slot.only[0] = undefined\n",
    after: "  slot.leases = noLeases\n"
  },
  // --- Promises -----------------------------------------------------------------------------------------------------
  {
    file: "promises.ts",
    why: "an aborted promise stays in the queue",
    first: ["/promises"],
    before: "      leases.withdraw(this)\n      this.fail",
    after: "      this.fail"
  },
  {
    file: "promises.ts",
    why: "a promise takes up a lease that has ended",
    first: ["/promises"],
    before: "if (engine.leases.claim(this)) return",
    after: "if (engine.leases.claim(this) || true) return"
  },
  {
    file: "promises.ts",
    why: "a promise that was handed a lost connection is forgotten",
    first: ["/promises"],
    before: "    engine.leases.requeue(this)\n    this.park()\n",
    after: "    engine.leases.requeue(this)\n"
  },
  {
    file: "promises.ts",
    why: "a promise keeps listening to its signal",
    first: ["/promises"],
    before: "signal?.removeEventListener(\"abort\", abort)",
    after: "void abort"
  },
  {
    file: "promises.ts",
    why: "a connection is kept after an abort that made f fail",
    first: ["/promises"],
    before: "isAborted(terms) ? interrupted : ",
    after: ""
  },
  {
    file: "promises.ts",
    why: "a use that has ended still counts as a holder's ancestor",
    first: ["/promises"],
    before: "    caller.hasEnded = true\n    engine.leases.end(lease, Exit.succeed(value))",
    after: "    engine.leases.end(lease, Exit.succeed(value))"
  },
  {
    file: "promises.ts",
    why: "a lease can be released twice",
    first: ["/promises"],
    before: "if (this.#hasEnded) throw this.#notFound(\"release\")\n",
    after: ""
  },
  {
    file: "caller.ts",
    why: "a chain of calls grows for ever",
    first: ["/promises"],
    before: "  while (caller?.hasEnded === true) caller = caller.parent\n",
    after: ""
  }
]
