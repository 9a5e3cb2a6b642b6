/** The tests that see most of what goes wrong between a pool and its transports. */
const sockets = ["/connection/", "/framing.test.ts"]

/**
 * Defects planted one at a time; see `mutants.mjs`. `before` stands once in the file, below `src/internal` of the
 * package, which is `core` if it is left out. `first` are the tests that are run before the others.
 *
 * @typedef {{ package?: string; file: string; why: string; first?: Array<string>; before: string; after: string }} Mutant
 * @type {ReadonlyArray<Mutant>}
 */
export const mutants = [
  // --- Opens ---------------------------------------------------------------------------------------------------------
  {
    file: "transitions/demand.ts",
    why: "the cap is not kept",
    before: "    places - state.slots.size,",
    after: "    places + 1 - state.slots.size,"
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
    before: "Math.max(state.reconnecting.length, missing) - state.opening.length",
    after: "Math.max(state.reconnecting.length, missing)"
  },
  {
    file: "transitions/demand.ts",
    why: "concurrency is not counted when opening",
    before: "Math.ceil((state.waiters.length + state.reconnecting.length) / state.places)",
    after: "state.waiters.length + state.reconnecting.length"
  },
  {
    file: "transitions/demand.ts",
    why: "a connection that is being asked is not counted for its waiter",
    before: "needed(state) - state.validating.length - state.idle.length",
    after: "needed(state) - state.idle.length"
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

  // --- Closes --------------------------------------------------------------------------------------------------------
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
    before: "state.slots.size >= state.cap && inFlight === 0",
    after: "state.slots.size >= state.cap"
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
    before: "waiter.forLease !== undefined ? state.reconnecting :",
    after: "waiter.forLease !== undefined ? state.waiters :"
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
    before: "if (why._tag !== \"LeaseEnded\" && why._tag !== \"Moved\") state",
    after: "if (why._tag !== \"LeaseEnded\" && why._tag !== \"Moved\" && why._tag !== \"AcquireTimeout\") state"
  },
  {
    file: "transitions/waiters.ts",
    why: "a failed open fails the youngest",
    before: "state.reconnecting.head ?? state.firstInLine",
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
    before: `return isSurplus(state) ? surplusReason(state) : undefined`,
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
    before: "limits.lifo ? idle.tail : idle.head",
    after: "limits.lifo ? idle.head : idle.tail"
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
    before: "if (waiter.ticket > slot.ticket) break",
    after: "if (state.queued > 0 || waiter.ticket > slot.ticket) break"
  },
  {
    file: "transitions/whole.ts",
    why: "clear leaves opens in flight",
    before: "const commands = [...abortWhile(state, now, constTrue, except)]\n  for",
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
    before: "return [...commands, ...rotate(state, now), ...openWanted(state, now)]\n}\n\n/** Closes what",
    after: "return commands\n}\n\n/** Closes what"
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
    before: "if (state.waiters.length > 0 || (isExclusive && state.exclusives.length > 0))",
    after: "if (isExclusive && state.exclusives.length > 0)"
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
    before: "      now + engine.options.acquireTimeout,\n      false,\n      lease,",
    after: "      Infinity,\n      false,\n      lease,"
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
    before:
      "return room(state) > 0 || (roomIn(state, state.max) > 0 && until > openLimiter.awaited) ? until : undefined",
    after: "return until"
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
    before: "if (this.transport.catchUp === undefined) super.onTimeout()",
    after: "if (this.transport !== undefined) super.onTimeout()"
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
    file: "transport/deadlines.ts",
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
    before: "this.ring(awake, now)",
    after: "this.ring(this.runtime.now(), this.runtime.now())"
  },
  {
    file: "alarm.ts",
    why: "what follows from a deadline begins in the past",
    first: ["/alarm.test.ts"],
    before: "this.ring(awake, now)",
    after: "this.ring(now, now)"
  },
  // --- Figures, events and messages ----------------------------------------------------------------------------------
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
    file: "hub.ts",
    why: "a subscriber is woken up for every event",
    first: ["/subscribers.test.ts"],
    before: "this.values.length === kept / parts",
    after: "this.values.length > 0"
  },
  {
    file: "hub.ts",
    why: "a subscriber that has left is still told",
    first: ["/subscribers.test.ts"],
    before: "readonly leave = (): void => void this.hub.subscriptions.delete(this)",
    after: "readonly leave = (): void => undefined"
  },
  {
    file: "eventBus.ts",
    why: "notices tell of every lease",
    first: ["/watching.test.ts"],
    before: "    if (isOfLease) return\n",
    after: ""
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
    before: "    this.trace?.served(taken.slot.id)\n",
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
    before: "return both(commands, failQueue(state, failure))",
    after: "return commands"
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
    before: "      handlers.run(Retiring.openWanted(state, now))\n    }\n    const delayedUntil",
    after:
      "      if (state.pause === undefined) handlers.run(Retiring.openWanted(state, now))\n    }\n    const delayedUntil"
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
    before: "  slot.leases = noLeases\n  // A lease would keep its holder alive.\n  slot.only[0] = undefined\n",
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
  },
  // --- Exclusive leases ---------------------------------------------------------------------------------------------
  {
    file: "transitions/reserving.ts",
    why: "nothing is reserved for an exclusive borrower",
    first: ["/exclusive"],
    before: "let missing = wanted - state.reserved.length - coming(state);",
    after: "let missing = 0;"
  },
  {
    file: "transitions/reserving.ts",
    why: "a connection is reserved although another is on its way",
    first: ["/exclusive"],
    before: "state.reserved.length - coming(state)",
    after: "state.reserved.length"
  },
  {
    file: "transitions/reserving.ts",
    why: "reservations are kept for those behind who shares",
    first: ["/exclusive"],
    before: "while (state.reserved.length > wanted)",
    after: "while (state.reserved.length > state.exclusives.length)"
  },
  {
    file: "transitions/reserving.ts",
    why: "the connection with the most leases is reserved",
    first: ["/exclusive"],
    before: "slot.leases.length >= least.leases.length",
    after: "slot.leases.length < least.leases.length"
  },
  {
    file: "transitions/reserving.ts",
    why: "a borrower's own connection is reserved for it",
    first: ["/exclusive"],
    before: "if (!isOwn(slot, first, ancestry)) least = slot",
    after: "least = slot"
  },
  {
    file: "transitions/reserving.ts",
    why: "a connection stays reserved for one who holds it",
    first: ["/exclusive"],
    before: "if (first.ticket !== state.reservedFor) {",
    after: "if (state.reservedFor === undefined) {"
  },
  {
    file: "transitions/reserving.ts",
    why: "an exclusive borrower has a connection reserved before its turn",
    first: ["/exclusive"],
    before: "ticket > shared.ticket || count",
    after: "count"
  },
  {
    file: "transitions/leases.ts",
    why: "a reserved connection is lent to those behind",
    first: ["/exclusive"],
    before: "slot.phase === \"Reserved\" ? undefined : state.waiters.head",
    after: "state.waiters.head"
  },
  {
    file: "transitions/leases.ts",
    why: "those behind an exclusive borrower are handed what it would reserve",
    first: ["/exclusive"],
    before: "next?.forLease !== undefined || next?.isExclusive === state.firstInLine?.isExclusive ? next : undefined",
    after: "next"
  },
  {
    file: "transitions/leases.ts",
    why: "an exclusive lease leaves room for others",
    first: ["/exclusive"],
    before: " && slot.leases[0]?.isExclusive !== true",
    after: ""
  },
  {
    file: "transitions/leases.ts",
    why: "an exclusive holder that reconnects gets a place beside others",
    first: ["/exclusive"],
    before: "if (isWhole || !waiter.isExclusive) return waiter",
    after: "return waiter"
  },
  {
    file: "transitions/leases.ts",
    why: "a connection that is shared again may not be lent",
    first: ["/exclusive"],
    before: "enter(state, slot, hasRoom(state, slot) ? \"Shareable\" : \"Leased\")",
    after: "enter(state, slot, \"Leased\")"
  },
  {
    file: "transitions/demand.ts",
    why: "nothing is opened for exclusive borrowers",
    first: ["/exclusive"],
    before: " / state.places) + state.exclusives.length",
    after: " / state.places)"
  },
  {
    file: "transitions/queue.ts",
    why: "exclusive borrowers stand in line with those who share",
    first: ["/exclusive"],
    before: "waiter.isExclusive ? state.exclusives : state.waiters",
    after: "state.waiters"
  },
  {
    file: "transitions/queue.ts",
    why: "who wants a connection alone and holds one of each waits for itself",
    first: ["/exclusive"],
    before: "if (!leases.some((lease) => outlasts(",
    after: "if (!leases.every((lease) => outlasts("
  },
  {
    file: "transitions/queue.ts",
    why: "an ancestor that goes on is taken for one that waits",
    first: ["/exclusive"],
    before: "(isAncestor(lease.holder, holder) && allWaitFor(holder, new Set([lease.holder]))))",
    after: "isAncestor(lease.holder, holder))"
  },
  {
    file: "leasing.ts",
    why: "an exclusive newcomer takes a place beside others",
    first: ["/exclusive"],
    before: "isExclusive ? \"Whole\" : state.exclusives",
    after: "state.exclusives"
  },
  {
    file: "engine.ts",
    why: "places beside others are not given to those who come back to the queue",
    first: ["/exclusive"],
    before: "(state.idle.length > 0 || state.shareable.length > 0)",
    after: "state.idle.length > 0"
  },
  {
    file: "borrow.ts",
    why: "an exclusive lease is shared after a reconnect",
    first: ["/exclusive"],
    before: "      lease,\n      lease.isExclusive\n",
    after: "      lease\n"
  },
  {
    file: "state.ts",
    why: "exclusive borrowers do not count as waiting",
    first: ["/exclusive"],
    before: "return this.waiters.length + this.exclusives.length",
    after: "return this.waiters.length"
  },
  {
    file: "engine.ts",
    why: "opens are linked to the wrong requests",
    first: ["/tracing.test.ts"],
    before: "const next = older(shared, alone)",
    after: "const next = alone ?? shared"
  },
  {
    file: "protocol/session.ts",
    why: "an abandoned request leaves no tombstone",
    first: ["/protocol/"],
    before: "this.pending.replace(entry, tombstone)",
    after: "this.pending.remove(entry)"
  },
  {
    file: "protocol/session.ts",
    why: "more may be abandoned than maxAbandoned",
    first: ["/protocol/"],
    before: "if (this.abandoned > this.limits.maxAbandoned)",
    after: "if (this.abandoned > this.limits.maxAbandoned + 5)"
  },
  {
    file: "protocol/session.ts",
    why: "any number of requests is in flight",
    first: ["/protocol/"],
    before: "first.left === 0 || this.inFlight < this.limits.maxInFlight",
    after: "first.left === 0 || this.inFlight >= 0"
  },
  {
    file: "protocol/session.ts",
    why: "a request that was not sent may have been",
    first: ["/protocol/"],
    before: "fail(unsent, \"No\")",
    after: "fail(unsent, \"Maybe\")"
  },
  {
    file: "protocol/session.ts",
    why: "a request that was sent may be repeated",
    first: ["/protocol/"],
    before: "this.told.splice(0)], \"Maybe\")",
    after: "this.told.splice(0)], \"No\")"
  },
  {
    file: "protocol/session.ts",
    why: "a message that nobody asked for is ignored",
    first: ["/protocol/"],
    before: "if (!this.receive(message, now)) {",
    after: "if (!this.receive(message, now) && message === undefined) {"
  },
  {
    file: "protocol/session.ts",
    why: "a peer that is stuck is never found",
    first: ["/protocol/"],
    before: "this.figures.stalls++\n    this.condemn({ reason: \"Timeout\", operation: \"read\" })",
    after: "this.figures.stalls++"
  },
  {
    file: "protocol/session.ts",
    why: "silence before the first request counts",
    first: ["/protocol/"],
    before: "if (!this.awaits) this.heardAt = now",
    after: "if (this.heardAt === 0) this.heardAt = now"
  },
  {
    file: "protocol/session.ts",
    why: "the tag of a request that is not sent stays taken",
    first: ["/protocol/"],
    before: "this.pending.release(entry.tag)\n      return \"No\"",
    after: "return \"No\""
  },
  {
    file: "protocol/encoding.ts",
    why: "the tag of a request that cannot be sent stays taken",
    first: ["/protocol/"],
    before: "if (bytes === undefined || isFramingError(bytes)) pending.release(tag)",
    after: "if (bytes === undefined) pending.release(tag)"
  },
  {
    file: "protocol/asking.ts",
    why: "an interrupted request stays in line",
    first: ["/protocol/"],
    before: "      this.timer?.stop()\n      this.session.abandon(this)\n",
    after: "      this.timer?.stop()\n"
  },
  {
    file: "protocol/clientImpl.ts",
    why: "a request that fails keeps its lease",
    first: ["/protocol/"],
    before: "    this.endLease(exit)\n    const { call } = this",
    after: "    const { call } = this"
  },
  {
    file: "protocol/clientImpl.ts",
    why: "what may have been sent is tried again",
    first: ["/protocol/"],
    before: "errors[0].sent === \"No\"",
    after: "errors[0].sent !== undefined"
  },
  {
    file: "protocol/clientImpl.ts",
    why: "a request that cannot be sent keeps its lease",
    first: ["/protocol/"],
    before: "    const exit = Exit.fail(encoded)\n    engine.leases.end(lease, exit)\n",
    after: "    const exit = Exit.fail(encoded)\n"
  },
  {
    file: "protocol/sessionImpl.ts",
    why: "a connection in an unknown state is lent on",
    first: ["/protocol/"],
    before: "this.session.core.isDiscarded = true",
    after: "this.session.core.isDiscarded = false"
  },
  {
    file: "protocol/pending.ts",
    why: "a tag is given twice",
    first: ["/protocol/"],
    before: "if (this.byTag.has(tag)) continue",
    after: "if (this.byTag.has(tag) && this.byTag.size < 0) continue"
  },
  {
    file: "protocol/session.ts",
    why: "the pool is not told of the end",
    first: ["/protocol/"],
    before: "this.whenEnded?.(end.reason)",
    after: "if (end.reason === \"Released\") this.whenEnded?.(end.reason)"
  },
  {
    file: "protocol/session.ts",
    why: "a tombstone counts after its response has come",
    first: ["/protocol/"],
    before: "    if (entry instanceof Tombstone) {\n      this.abandoned--",
    after: "    if (entry instanceof Tombstone) {\n      this.abandoned -= 0"
  },
  {
    file: "protocol/session.ts",
    why: "pushes go on after the end",
    first: ["/protocol/"],
    before: "this.pushes.end()",
    after: "this.pushes.publish(undefined)"
  },
  {
    file: "transitions/trial.ts",
    why: "the end of a trial is not due when its timer rings, where times are fractions",
    first: ["/transitions.test.ts"],
    before: "if (now < slot.openedAt + trialMillis) break",
    after: "if (now - slot.openedAt < trialMillis) break"
  },
  {
    file: "transport/operation.ts",
    why: "an exchange that is interrupted leaves its answer to the next one",
    first: ["/exchange.test.ts"],
    before: "    this.spoil()\n    return super.onFailure(cause)",
    after: "    return super.onFailure(cause)"
  },
  {
    file: "transport/operation.ts",
    why: "an exchange sends although input is unread",
    first: ["/exchange.test.ts"],
    before: "if (!session.isInOrder || writes.hasWriters) return",
    after: "if (writes.hasWriters) return"
  },
  {
    file: "transport/operation.ts",
    why: "an exchange sends beside a write that waits",
    first: ["/exchange.test.ts"],
    before: "if (!session.isInOrder || writes.hasWriters) return",
    after: "if (!session.isInOrder) return"
  },
  {
    file: "transport/operation.ts",
    why: "the request of an exchange that has failed is still sent",
    first: ["/exchange.test.ts"],
    before: "    if (this.writer !== undefined) this.session.writes.abandon(this.writer)\n",
    after: ""
  },
  {
    file: "transport/operation.ts",
    why: "an exchange that ends late spoils the connection of the next holder",
    first: ["/exchange.test.ts"],
    before: "if (this.session.holder === this.connection) this.session.markDirty()",
    after: "this.session.markDirty()"
  },
  // --- The clients of protocols -----------------------------------------------------------------------------------------
  {
    package: "redis",
    file: "decoder.ts",
    why: "the items that an array claims are not held against the limit",
    first: ["redis/test/decoder.test.ts"],
    before: "this.taken + header + items * 3 > this.maxBytes",
    after: "this.taken + header > this.maxBytes"
  },
  {
    package: "redis",
    file: "replies.ts",
    why: "an error shows the arguments of an unknown command",
    first: ["redis/test/layers.test.ts"],
    before: "reply.text.replace(withArguments, \"\")",
    after: "reply.text"
  },
  {
    package: "redis",
    file: "handshake.ts",
    why: "a refused login passes for a server that knows no HELLO",
    first: ["redis/test/layers.test.ts"],
    before: "if (!knowsNoHello(hello)) return",
    after: "if (hello.text === \"\") return"
  },
  {
    package: "redis",
    file: "subscription.ts",
    why: "a subscription ends in peace with its connection",
    first: ["redis/test/subscriptions.test.ts"],
    before: "Stream.concat(Stream.fail(ended))",
    after: "Stream.concat(Stream.empty)"
  },
  {
    package: "redis",
    file: "client.ts",
    why: "a blocking command that timed out leaves its connection to others",
    first: ["redis/test/twin.test.ts"],
    before: "Effect.onError(session.request(request, options), () => session.discard)",
    after: "session.request(request, options)"
  },
  {
    package: "sql",
    file: "pg/session.ts",
    why: "the next statement is sent while a cancel request is on its way",
    first: ["sql/test/interruption.test.ts"],
    before: "this.end !== undefined || !this.isBusy && !this.isCancelling)",
    after: "this.end !== undefined || !this.isBusy)"
  },
  {
    package: "sql",
    file: "pg/cancel.ts",
    why: "a cancel request counts as answered once it is sent",
    first: ["sql/test/interruption.test.ts"],
    before: "wire.cancel(processID, secretKey)",
    after: "wire.cancel(processID, secretKey)\n      resume(Effect.succeed(true))"
  },
  {
    package: "sql",
    file: "pg/cancel.ts",
    why: "a cancel request whose connection was reset counts as answered",
    first: ["sql/test/interruption.test.ts"],
    before: "Effect.succeed(isSent && !hasFailed)",
    after: "Effect.succeed(isSent)"
  },
  {
    package: "sql",
    file: "pg/session.ts",
    why: "an interrupted statement that waits for its turn cancels the one in flight",
    first: ["sql/test/interruption.test.ts"],
    before: "return this.current === task ? this.cancel : Effect.void",
    after: "return this.cancel"
  },
  {
    package: "sql",
    file: "pg/session.ts",
    why: "an interrupted statement goes on at the server",
    first: ["sql/test/interruption.test.ts"],
    before: "return this.current === task ? this.cancel : Effect.void",
    after: "return Effect.void"
  },
  {
    package: "sql",
    file: "pg/session.ts",
    why: "a statement counts as ended with its error, before the server is ready",
    first: ["sql/test/suite.test.ts", "sql/test/storm.test.ts"],
    before: "if (outcome === undefined || this.isInFlight(task)) return",
    after: "if (outcome === undefined) return"
  },
  {
    package: "sql",
    file: "pg/session.ts",
    why: "a connection in a transaction is lent again",
    first: ["sql/test/failures.test.ts"],
    before: "!this.isCancelling && this.transaction === \"I\" &&",
    after: "!this.isCancelling &&"
  },
  {
    package: "sql",
    file: "pg/rows.ts",
    why: "a cursor stays open when its read was interrupted as it ended",
    first: ["sql/test/storm.test.ts"],
    before: "if (isInterrupted) return this.stop()",
    after: "if (isInterrupted) return"
  },
  {
    package: "sql",
    file: "leased.ts",
    why: "a connection can be used after its lease",
    first: ["sql/test/acquirer.test.ts"],
    before: "this.connection = undefined",
    after: "void this.connection"
  },
  {
    package: "msgpack-rpc",
    file: "scanner.ts",
    why: "the items that are still to come are not held against the limit",
    first: ["msgpack-rpc/test/scanner.test.ts"],
    before: "this.at + this.owed > this.maxBytes",
    after: "this.at > this.maxBytes"
  },
  {
    package: "msgpack-rpc",
    file: "messages.ts",
    why: "calls share tags",
    first: ["msgpack-rpc/test/calls.test.ts"],
    before: "return [call, tag, request.method",
    after: "return [call, tag & 15, request.method"
  },
  {
    package: "msgpack-rpc",
    file: "messages.ts",
    why: "the params of a notification may be anything",
    first: ["msgpack-rpc/test/calls.test.ts"],
    before: "count === 3 && isText(tokenOf(1)) && isArray(tokenOf(2))",
    after: "count === 3 && isText(tokenOf(1))"
  },
  {
    package: "msgpack-rpc",
    file: "served.ts",
    why: "calls that have been handled count against maxHandling",
    first: ["msgpack-rpc/test/handlers.test.ts"],
    before: "this.running.get(session)! - 1",
    after: "this.running.get(session)!"
  },
  {
    file: "transitions/leases.ts",
    why: "an idle connection that owes responses is lent before one that does not",
    first: ["/protocol/"],
    before: "if (load === 0) return slot",
    after: "return slot"
  },
  {
    file: "transitions/leases.ts",
    why: "responses that are owed do not count beside leases",
    first: ["/protocol/"],
    before: "const load = slot.leases.length + burdenOf(state, slot)",
    after: "const load = slot.leases.length"
  },
  {
    file: "leasing.ts",
    why: "a borrower of a connection that owes responses has no other opened",
    first: ["/protocol/"],
    before: "Leases.burdenOf(state, slot) > 0 ? Demand.openForNext(state, now) : nothing",
    after: "nothing"
  },
  {
    file: "exchange.ts",
    why: "an exchange that was interrupted takes up its lease all the same",
    first: ["/exchange.test.ts"],
    before: "    if (this.isOver) return\n",
    after: ""
  },
  {
    file: "exchange.ts",
    why: "an exchange that is interrupted while it waits keeps its place in the queue",
    first: ["/exchange.test.ts"],
    before: "      this.engine.leases.withdraw(waiter)\n",
    after: ""
  },
  {
    file: "exchange.ts",
    why: "an interrupt after the answer of an exchange costs the connection",
    first: ["/exchange.test.ts"],
    before: "if (Exit.isExit(answered) && Exit.isSuccess(answered)) this.endLease(answered)",
    after: ""
  },
  {
    file: "budget/shares.ts",
    why: "a place is free for others before its connection has closed",
    first: ["/budget-model.test.ts"],
    before: "return Math.max(this.granted, this.places)",
    after: "return this.granted"
  },
  {
    file: "budget/shares.ts",
    why: "a pool keeps places that it does not want any more",
    first: ["/budget-model.test.ts"],
    before: "for (const share of this.wasteful) share.grant(share.places + share.wanted)",
    after: ""
  },
  {
    file: "budget/shares.ts",
    why: "places come back from one pool only while others want them",
    first: ["/budget-model.test.ts"],
    before: "        // It had not used the place yet.\n        if (giver.leaving === 0) this.isUnsettled = true\n",
    after: ""
  },
  {
    file: "budget/shares.ts",
    why: "a pool in need has to wait for others' idle connections",
    first: ["/budget-model.test.ts"],
    before: "this.idlest(poor, promised) ?? this.richest(poor, coming, promised)",
    after: "this.richest(poor, coming, promised)"
  },
  {
    file: "budget/shares.ts",
    why: "a busy pool gives nothing back",
    first: ["/budget-model.test.ts"],
    before: "this.idlest(poor, promised) ?? this.richest(poor, coming, promised)",
    after: "this.idlest(poor, promised)"
  },
  {
    file: "budget/shares.ts",
    why: "more is taken back than is wanted",
    first: ["/budget-model.test.ts", "/budget.test.ts"],
    before: "this.needs - this.sums.leaving",
    after: "this.needs"
  },
  {
    file: "budget/shares.ts",
    why: "a place that was asked for is given back although nobody needs it any more",
    first: ["/budget-model.test.ts", "/budget.test.ts"],
    before: "return leaving > needs && granted < this.limit",
    after: "return false"
  },
  {
    file: "budget/shares.ts",
    why: "one that is to get what is on its way back has another give a place, too",
    first: ["/budget-model.test.ts"],
    before: "this.promise(this.sums.leaving)",
    after: "new Map<Share, number>()"
  },
  {
    file: "budget/shares.ts",
    why: "the floor of a pool is taken",
    first: ["/budget.test.ts"],
    before: "return share.granted > share.floor && !this.spared.has(share)",
    after: "return share.granted > 0 && !this.spared.has(share)"
  },
  {
    file: "budget/shares.ts",
    why: "a place goes to and fro without end",
    first: ["/budget.test.ts"],
    before: "return share.granted > share.floor && !this.spared.has(share)",
    after: "return share.granted > share.floor"
  },
  {
    file: "budget/shares.ts",
    why: "weights mean nothing",
    first: ["/budget-model.test.ts", "/budget.test.ts"],
    before: "return this.granted / this.weight",
    after: "return this.granted"
  },
  {
    file: "budget/shares.ts",
    why: "an idle connection is taken at once",
    first: ["/budget.test.ts"],
    before: "share.load > poor.load ? 0 : this.reclaimAfter - idleMillis",
    after: "0"
  },
  {
    file: "budget/budget.ts",
    why: "a pool that has closed keeps its places",
    first: ["/budget.test.ts"],
    before: "this.budget.leave(this.share)",
    after: ""
  },
  {
    file: "transitions/demand.ts",
    why: "a pool whose server is down takes the places of others",
    first: ["/budget.test.ts", "/core.test.ts"],
    before: "if ((isLimiting(state) || state.pause !== undefined) && now() < nextOpenAt(state)) return 0\n",
    after: "\n"
  },
  {
    file: "transitions/whole.ts",
    why: "a budget gets only idle connections back later",
    first: ["/budget.test.ts"],
    before: "const commands = isLess ? [...shrink(state, now), ...rotate(state, now)] : []",
    after: "const commands: Commands<C> = []"
  },
  {
    file: "engine.ts",
    why: "nobody tells the budget",
    first: ["/budget.test.ts"],
    before:
      "if (this.seat !== undefined && ((touched & ~Touched.leases) !== 0 || this.seat.isWatched)) this.seat.changed()",
    after: ""
  },
  {
    file: "keyed.ts",
    why: "a key that is forgotten closes beside borrowers that wait",
    first: ["/keyed.test.ts"],
    before: "!entry.isClosing && state.pending === 0",
    after: "!entry.isClosing"
  },
  {
    file: "keyed.ts",
    why: "a key in use is forgotten for another",
    first: ["/keyed.test.ts"],
    before: "if (!entry.isUsed) return entry",
    after: "return entry"
  },
  {
    file: "keyed.ts",
    why: "while all keys close, the places of one open connections of the next",
    first: ["/keyed.test.ts"],
    before: "        this.budget.freeze()\n",
    after: ""
  },
  {
    file: "keyed.ts",
    why: "the statistics of forgotten keys are lost",
    first: ["/keyed.test.ts"],
    before: "if (this.leaving.delete(entry)) this.totals.forget(state)",
    after: "this.leaving.delete(entry)"
  },
  {
    file: "keyed.ts",
    why: "a key without connections is kept for ever",
    first: ["/keyed.test.ts"],
    before: "else if (this.sweep - entry.seenIn > sweeps) this.takeOut(entry)",
    after: ""
  },
  {
    file: "engine.ts",
    why: "a budget hears of no lease, although a pool is in need",
    first: ["/budget.test.ts"],
    before: "(touched & ~Touched.leases) !== 0 || this.seat.isWatched",
    after: "(touched & ~Touched.leases) !== 0"
  },
  {
    file: "keyed.ts",
    why: "the places of a keyed pool are free for others while its connections close",
    first: ["/keyed.test.ts"],
    before: "        this.budget.freeze()\n",
    after: "        this.budget.close()\n"
  },
  {
    file: "transitions/overload.ts",
    why: "a queue that is short counts as too long",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "wait <= rule.target ||",
    after: "wait <= 0 ||"
  },
  {
    file: "transitions/overload.ts",
    why: "borrowers are shed while connections can be opened",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "  (state.slots.size < state.cap && now >= nextOpenAt(state))",
    after: "  false"
  },
  {
    file: "transitions/overload.ts",
    why: "the last borrower in the queue is shed",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "queue.length <= served ||",
    after: "queue.length === 0 ||"
  },
  {
    file: "transitions/overload.ts",
    why: "borrowers are shed as soon as they have waited for longer than the target",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "patience * rule.target",
    after: "rule.target"
  },
  {
    file: "transitions/overload.ts",
    why: "an overload is not counted when it ends",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "  overload.millis += millis\n",
    after: ""
  },
  {
    file: "transitions/overload.ts",
    why: "an overload begins with the first long wait",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "|| now - overload.above.since < rule.interval",
    after: ""
  },
  {
    file: "transitions/overload.ts",
    why: "adaptiveLifo serves in the order of arrival",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "? waiters.tail : waiters.head",
    after: "? waiters.head : waiters.head"
  },
  {
    file: "transitions/overload.ts",
    why: "adaptiveLifo sheds borrowers, too",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "if (rule.lifo || since",
    after: "if (since"
  },
  {
    file: "transitions/overload.ts",
    why: "what is left after borrowers were shed is not looked at",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "  if (commands.length > sensed.length) commands.push(...sense(state, slot, rule, now))\n",
    after: ""
  },
  {
    file: "transitions/leases.ts",
    why: "a pool with an idle connection stays overloaded",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "return both(calm(state, now), makeRoom(state, now))",
    after: "return makeRoom(state, now)"
  },
  {
    file: "transitions/whole.ts",
    why: "a pool that closes stays overloaded",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: ", ...calm(state, now))",
    after: ")"
  },
  {
    file: "engine.ts",
    why: "no event tells that a borrower was shed",
    first: ["/overload.test.ts", "/core.test.ts"],
    before: "failure._tag === \"AcquireTimeout\" || failure._tag === \"Shed\"",
    after: "failure._tag === \"AcquireTimeout\""
  },
  {
    file: "transitions/demand.ts",
    why: "a pool whose opens were delayed does not ask its budget when the delay is over",
    first: ["/simulation.test.ts"],
    before: "  state.openLimiter.awaited = now\n  state.touched |= Touched.queue\n",
    after: "  state.openLimiter.awaited = now\n"
  },
  {
    file: "endpoints.ts",
    why: "two endpoints may have one id",
    first: ["/endpoints.test.ts"],
    before: "if (first !== undefined) at.item",
    after: "if (first === -1) at.item"
  },
  {
    file: "endpoints.ts",
    why: "a weight of 0 is allowed",
    first: ["/endpoints.test.ts"],
    before: "Number.isFinite(value) && value > 0",
    after: "Number.isFinite(value) && value >= 0"
  },
  {
    file: "endpoints.ts",
    why: "the order of a set counts as a change",
    first: ["/endpoints.test.ts"],
    before: "    ).sort()\n",
    after: "    )\n"
  },
  {
    file: "endpoints.ts",
    why: "a weight that changes is no change",
    first: ["/endpoints.test.ts"],
    before: "host, port, weight, tier, zone, name])",
    after: "host, port, tier, zone, name])"
  },
  {
    file: "endpoints.ts",
    why: "a set that equals the one before is emitted",
    first: ["/endpoints.test.ts"],
    before: "if (now === last) return again",
    after: ""
  },
  {
    file: "endpoints.ts",
    why: "an IPv6 address has no brackets in its id",
    first: ["/endpoints.test.ts"],
    before: "host.includes(\":\") ? `[${host}]:${port}`",
    after: "host.includes(\"\\0\") ? `[${host}]:${port}`"
  },
  {
    file: "effect/stream.ts",
    why: "the scope of a discovery never closes",
    first: ["/endpoints.test.ts"],
    before: "      () => Scope.close(scope, Exit.void)\n",
    after: "      () => Effect.void\n"
  },
  {
    package: "node",
    file: "rounds.ts",
    why: "a discovery ends when a later round fails",
    first: ["/dnsAddresses.test.ts"],
    before: "return isFirst\n            ? Effect.fail",
    after: "return isFirst || last === undefined\n            ? Effect.fail"
  },
  {
    package: "node",
    file: "rounds.ts",
    why: "each failure is a warning",
    first: ["/dnsAddresses.test.ts"],
    before: "if (warned !== undefined && repeats(error, warned))",
    after: "if (warned !== undefined && repeats(error, warned) && failures < 0)"
  },
  {
    package: "node",
    file: "rounds.ts",
    why: "a second streak of failures is not told",
    first: ["/dnsAddresses.test.ts"],
    before: "      warned = undefined\n",
    after: ""
  },
  {
    package: "node",
    file: "rounds.ts",
    why: "the backoff does not begin anew after a success",
    first: ["/dnsAddresses.test.ts"],
    before: "      failures = 0\n",
    after: ""
  },
  {
    package: "node",
    file: "rounds.ts",
    why: "the first failure does not end the stream",
    first: ["/dnsAddresses.test.ts"],
    before: "return isFirst\n            ? Effect.fail",
    after: "return what === \"\"\n            ? Effect.fail"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "an interruption does not cancel the query",
    first: ["/dnsAddresses.test.ts"],
    before: "Effect.onInterrupt(() => Effect.sync(() => resolver.cancel()))",
    after: "Effect.onInterrupt(() => Effect.void)"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "a query has no timeout",
    first: ["/dnsAddresses.test.ts"],
    before: "Effect.timeoutOption(Duration.millis(timeout))",
    after: "Effect.timeoutOption(Duration.millis(timeout * 1e6))"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "the TTL of records is not obeyed below a minute",
    first: ["/dnsAddresses.test.ts"],
    before: "const leastTtl = 1_000",
    after: "const leastTtl = 60_000"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "a TTL of a day is obeyed",
    first: ["/dnsAddresses.test.ts"],
    before: "const mostTtl = 300_000",
    after: "const mostTtl = 300_000_000"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "the longest TTL decides",
    first: ["/dnsAddresses.test.ts"],
    before: "Math.min(...found.map(({ ttl }) => ttl))",
    after: "Math.max(...found.map(({ ttl }) => ttl))"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "a family whose query fails has no addresses",
    first: ["/dnsAddresses.test.ts"],
    before: "isAbsent(one.code) ? [] : this.families[i]!",
    after: "[]"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "a family that is gone keeps its addresses",
    first: ["/dnsAddresses.test.ts"],
    before: "isAbsent(one.code) ? [] : this.families[i]!",
    after: "this.families[i]!"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "the file of hosts is asked although servers are given",
    first: ["/dnsAddresses.test.ts"],
    before: "servers === undefined && (isAbsent(code)",
    after: "(isAbsent(code)"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "the file of hosts is asked after every failure",
    first: ["/dnsAddresses.test.ts"],
    before: "(isAbsent(code) || code === \"ECONNREFUSED\")",
    after: "(isAbsent(code) || code !== \"\")"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "a failure of one family is not noticed",
    first: ["/dnsAddresses.test.ts"],
    before: "trouble: failed === undefined ? undefined : this.error(failed)",
    after: "trouble: undefined"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "the code of a failure hides behind an empty answer",
    first: ["/dnsAddresses.test.ts"],
    before: "failed ?? (codes",
    after: "(codes"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "an address that comes twice is two endpoints",
    first: ["/dnsAddresses.test.ts"],
    before: "=> [...new Set(addresses)]",
    after: "=> addresses"
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "the addresses of a target that is gone come back when it cannot be asked for",
    first: ["/dnsSrv.test.ts"],
    before: "    if (isAbsent(code)) this.forget()\n",
    after: ""
  },
  {
    package: "node",
    file: "addresses.ts",
    why: "the other family of addresses is asked for, too",
    first: ["/dnsSrv.test.ts"],
    before: "asks.family === undefined ? [4, 6] : [asks.family]",
    after: "[4, 6]"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "nothing is jittered",
    first: ["/dnsAddresses.test.ts"],
    before: "const spread = 0.1",
    after: "const spread = 0"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "the backoff grows without end",
    first: ["/dnsAddresses.test.ts"],
    before: "const lastRetry = 30_000",
    after: "const lastRetry = 3_000_000"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "the backoff does not grow",
    first: ["/dnsAddresses.test.ts"],
    before: "firstRetry * 2 ** (failures - 1)",
    after: "firstRetry"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "the records' time is not obeyed while a part fails",
    first: ["/dnsAddresses.test.ts"],
    before: "Math.min(found?.millis ?? Infinity,",
    after: "Math.min(Infinity,"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "a whole name keeps its dot",
    first: ["/dnsAddresses.test.ts"],
    before: "host.replace(/\\.$/, \"\")",
    after: "host"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "the priority is not the tier",
    first: ["/dnsSrv.test.ts"],
    before: "tier: priority,",
    after: "tier: 0,"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "each address of a target has its whole weight",
    first: ["/dnsSrv.test.ts"],
    before: "Math.max(weight, 1) / addresses.length",
    after: "Math.max(weight, 1)"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "a weight of 0 stays",
    first: ["/dnsSrv.test.ts"],
    before: "Math.max(weight, 1) / addresses.length",
    after: "weight / addresses.length"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "the last record for an address counts",
    first: ["/dnsSrv.test.ts"],
    before: "      if (found.has(id)) continue\n",
    after: ""
  },
  {
    package: "node",
    file: "dns.ts",
    why: "records count in the order in which they come",
    first: ["/dnsSrv.test.ts"],
    before: "a.priority - b.priority || b.weight - a.weight",
    after: "0"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "a target that cannot be asked for has no addresses",
    first: ["/dnsSrv.test.ts"],
    before: "addresses: host.last,",
    after: "addresses: [],"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "the addresses of targets are not asked for when they expire",
    first: ["/dnsSrv.test.ts"],
    before: "Math.min(untimed, ...answers.map(({ millis }) => millis))",
    after: "untimed"
  },
  {
    package: "node",
    file: "dns.ts",
    why: "a record without a service is a target",
    first: ["/dnsSrv.test.ts"],
    before: "name !== \".\" && name !== \"\"",
    after: "name !== \"\""
  },
  {
    package: "node",
    file: "dns.ts",
    why: "targets forget their addresses",
    first: ["/dnsSrv.test.ts"],
    before: "this.hosts.get(name) ?? new Host",
    after: "new Host"
  },
  {
    package: "node",
    file: "endpointsFile.ts",
    why: "a change while the file is read is missed",
    first: ["/endpointsFile.test.ts"],
    before: "      if (this.hasChanged) return resume(Effect.void)\n",
    after: ""
  },
  {
    package: "node",
    file: "endpointsFile.ts",
    why: "a change counts again and again",
    first: ["/endpointsFile.test.ts"],
    before: "        this.hasChanged = false\n",
    after: ""
  },
  {
    package: "node",
    file: "endpointsFile.ts",
    why: "the file is read before its writer has finished",
    first: ["/endpointsFile.test.ts"],
    before: "const settling = 50",
    after: "const settling = 0"
  },
  {
    package: "node",
    file: "endpointsFile.ts",
    why: "the watcher stays open",
    first: ["/endpointsFile.test.ts"],
    before: "(changes) => Effect.sync(() => changes.close())",
    after: "() => Effect.void"
  },
  {
    package: "node",
    file: "endpointsFile.ts",
    why: "a watcher that has failed is not replaced",
    first: ["/endpointsFile.test.ts"],
    before: "() => this.changed(), () => this.close())",
    after: "() => this.changed(), () => {})"
  },
  {
    package: "node",
    file: "endpointsFile.ts",
    why: "a second reason is not told",
    first: ["/endpointsFile.test.ts"],
    before: "error.message === before.message",
    after: "error._tag === before._tag"
  },
  {
    package: "node",
    file: "endpointsFile.ts",
    why: "the log shows the text of a wrong file",
    first: ["/endpointsFile.test.ts"],
    before: "message.replace(/, .*(?= is not valid JSON$)/s, \"\")",
    after: "message"
  },
  {
    package: "node",
    file: "endpointsFile.ts",
    why: "another folder is watched",
    first: ["/endpointsFile.test.ts"],
    before: "path.dirname(file)",
    after: "path.dirname(path.dirname(file))"
  },
  {
    package: "node",
    file: "resolver.ts",
    why: "the servers are not used",
    first: ["/dnsmasq.test.ts"],
    before: "if (servers !== undefined) resolver.setServers(servers)",
    after: ""
  },
  {
    package: "node",
    file: "resolver.ts",
    why: "a cancelled query keeps its socket",
    first: ["/dnsmasq.test.ts"],
    before: "cancel: () => resolver.cancel()",
    after: "cancel: () => {}"
  },
  {
    package: "node",
    file: "resolver.ts",
    why: "a question that gets lost is not asked again",
    first: ["/dnsmasq.test.ts"],
    before: "const tries = 4",
    after: "const tries = 1"
  },
  {
    file: "endpointPool/pick.ts",
    why: "the weight of an endpoint does not count",
    first: ["/endpointPool.test.ts"],
    before: "health.isSettled ? endpoint.weight : endpoint.weight * health.warmth(now())",
    after: "health.isSettled ? 1 : health.warmth(now())"
  },
  {
    file: "endpointPool/pick.ts",
    why: "waiters are no load",
    first: ["/endpointPool.test.ts"],
    before: "(state.leased + state.pending + state.opening.length)",
    after: "(state.leased + state.opening.length)"
  },
  {
    file: "endpointPool/pick.ts",
    why: "a higher tier is used at once",
    first: ["/endpointPool.test.ts"],
    before: "health.isEjected ? Infinity : tier",
    after: "health.isEjected ? Infinity : 0"
  },
  {
    file: "endpointPool/pick.ts",
    why: "ejected endpoints are no last choice",
    first: ["/endpointPool.test.ts"],
    before: "=> health.isEjected ? Infinity : tier",
    after: "=> tier"
  },
  {
    file: "endpointPool/pick.ts",
    why: "the first of equal endpoints is always chosen",
    first: ["/endpointPool.test.ts"],
    before: "if (draw() * weights < weight) chosen = candidate",
    after: "if (weights === weight) chosen = candidate"
  },
  {
    file: "endpointPool/pick.ts",
    why: "a full pool sends borrowers where there is no connection",
    first: ["/endpointPool.test.ts"],
    before: "  !isFull || state.idle.length > 0",
    after: "  state.idle.length >= 0"
  },
  {
    file: "endpointPool/health.ts",
    why: "a connect that succeeds ends the row of failed leases",
    first: ["/endpointPool.test.ts"],
    before: "  opened(): void {\n    this.opens = 0\n",
    after: "  opened(): void {\n    this.opens = 0\n    this.leases = 0\n"
  },
  {
    file: "endpointPool/health.ts",
    why: "each ejection is as long as the first",
    first: ["/endpointPool.test.ts"],
    before: "ejectionTime * this.inRow",
    after: "ejectionTime"
  },
  {
    file: "endpointPool/health.ts",
    why: "a lease that ends well ends no row",
    first: ["/endpointPool.test.ts"],
    before: "    this.opens = 0\n    this.leases = 0\n    this.lastError = undefined\n    if (this.inRow",
    after: "    this.lastError = undefined\n    if (this.inRow"
  },
  {
    file: "endpointPool/health.ts",
    why: "an endpoint that has recovered is warm at once",
    first: ["/endpointPool.test.ts"],
    before: "    this.lastError = undefined\n    this.warmUp(now)",
    after: "    this.lastError = undefined"
  },
  {
    file: "endpointPool/group.ts",
    why: "more endpoints are ejected than may be",
    first: ["/endpointPool.test.ts"],
    before: "length >= 2 && ejected + 1 <= Math.floor(length * this.settings.maxEjected)",
    after: "length >= 2"
  },
  {
    file: "endpointPool/group.ts",
    why: "a single endpoint is ejected",
    first: ["/endpointPool.test.ts"],
    before: "length >= 2 && ejected",
    after: "ejected"
  },
  {
    file: "endpointPool/group.ts",
    why: "waiters stay with an endpoint that is ejected",
    first: ["/endpointPool.test.ts"],
    before: "// Its waiters have better places to wait.\n    engine.run(Whole.turnOut(engine.state))",
    after: ""
  },
  {
    file: "endpointPool/group.ts",
    why: "waiters stay with an ejected endpoint when another works again",
    first: ["/endpointPool.test.ts"],
    before: "if (other.health.isEjected && other.state.queued > 0) other",
    after: "if (false) other"
  },
  {
    file: "endpointPool/group.ts",
    why: "waiters of an endpoint that leaves the set fail",
    first: ["/endpointPool.test.ts"],
    before: "    engine.run(Whole.turnOut(state))\n    engine.run(Whole.beginClose(state, Infinity",
    after: "    engine.run(Whole.beginClose(state, Infinity"
  },
  {
    file: "endpointPool/group.ts",
    why: "leases of an endpoint that leaves the set are cut",
    first: ["/endpointPool.test.ts"],
    before: "Whole.beginClose(state, Infinity, this",
    after: "Whole.beginClose(state, 0, this"
  },
  {
    file: "endpointPool/group.ts",
    why: "an endpoint that leaves the set holds up the close",
    first: ["/endpointPool.test.ts"],
    before: "engine.run(Whole.limitDrain(state, deadline))",
    after: "void [engine, state]"
  },
  {
    file: "endpointPool/group.ts",
    why: "an endpoint that moves keeps its connections",
    first: ["/endpointPool.test.ts"],
    before: "a.host === b.host && a.port",
    after: "a.port"
  },
  {
    file: "endpointPool/group.ts",
    why: "an empty set replaces the last one",
    first: ["/endpointPool.test.ts"],
    before: "      this.publish({ _tag: \"EndpointsEmpty\" })\n      return",
    after: "      this.publish({ _tag: \"EndpointsEmpty\" })"
  },
  {
    file: "endpointPool/group.ts",
    why: "no ejected endpoint is asked again",
    first: ["/endpointPool.test.ts"],
    before: "if (!health.isDue(now)) continue",
    after: "continue"
  },
  {
    file: "endpointPool/group.ts",
    why: "an ejection that was no recheck's ends early",
    first: ["/endpointPool.test.ts"],
    before: "health.isDue(this.runtime.now())) this.restore",
    after: "true) this.restore"
  },
  {
    file: "endpointPool/group.ts",
    why: "waiters that get no place are left alone",
    first: ["/endpointPool-simulation.test.ts"],
    before: "this.starved(state))",
    after: "void state)"
  },
  {
    file: "endpointPool/group.ts",
    why: "connections do not move to new endpoints",
    first: ["/endpointPool.test.ts"],
    before: "poor.engine.run(Demand.openTrial(poor.state, now))",
    after: ""
  },
  {
    file: "endpointPool/group.ts",
    why: "connections move though all have their part",
    first: ["/endpointPool.test.ts"],
    before: "let least = -1\n    let most = 1",
    after: "let least = 0.5\n    let most = -0.5"
  },
  {
    file: "endpointPool/group.ts",
    why: "an isFailure that dies kills the borrower",
    first: ["/endpointPool.test.ts"],
    before: "if (!this.settings.isFailure(exit)) return undefined\n    } catch (defect) {",
    after: "if (!this.settings.isFailure(exit)) return undefined\n    } catch (defect) {\n      throw defect"
  },
  {
    file: "endpointPool/routing.ts",
    why: "an endpoint that has failed is tried again",
    first: ["/endpointPool.test.ts"],
    before: "this.tried = (this.tried ?? new Set()).add(member)",
    after: ""
  },
  {
    file: "endpointPool/routing.ts",
    why: "a borrower that moves has all its time again",
    first: ["/endpointPool.test.ts"],
    before: "this.since, this.deadline, isOwn",
    after: "this.since, now + this.deadline - this.since, isOwn"
  },
  {
    file: "endpointPool/routing.ts",
    why: "a connection handed to an interrupted borrower is lost",
    first: ["/endpointPool-interruption.test.ts"],
    before: "    this.engine.leases.withdraw(this.waiter)\n",
    after: ""
  },
  {
    file: "endpointPool/routing.ts",
    why: "waiters are failed instead of moved",
    first: ["/endpointPool.test.ts"],
    before: "waiter.canMove = true",
    after: ""
  },
  {
    file: "endpointPool/routing.ts",
    why: "a borrower that does not wait asks one endpoint only",
    first: ["/endpointPool.test.ts"],
    before: "for (const { engine } of this.selection.members) {",
    after: "for (const { engine } of [chosen]) {"
  },
  {
    file: "endpointPool/selection.ts",
    why: "a part lends of every endpoint",
    first: ["/endpointPool.test.ts"],
    before: "return (asked.endpoint === undefined || endpoint.id === asked.endpoint) &&",
    after: "return"
  },
  {
    file: "transitions/waiters.ts",
    why: "moved waiters come out of order",
    first: ["/endpointPool.test.ts"],
    before:
      "for (let next = older(shared, alone); next !== undefined; next = older(shared, alone)) {\n    if (next === shared) shared = shared.next\n    else alone = next.next\n    if (next.canMove) commands.push(",
    after:
      "for (let next = older(shared, alone); next !== undefined; next = older(shared, alone)) {\n    if (next === shared) shared = shared.next\n    else alone = next.next\n    if (next.canMove) commands.unshift("
  },
  {
    file: "transitions/opening.ts",
    why: "only the oldest waiter of an endpoint moves",
    first: ["/endpointPool.test.ts"],
    before: "if (state.isPart) commands.push(...moveQueue(state, failure))",
    after: ""
  },
  {
    file: "transitions/whole.ts",
    why: "the budget does not hear of a floor at the start",
    first: ["/budget.test.ts"],
    before: "  state.touched |= Touched.everything\n  return demand(state, now)\n}\n\n/** Begins a new generation",
    after: "  return demand(state, now)\n}\n\n/** Begins a new generation"
  },
  {
    file: "endpointPool/group.ts",
    why: "an endpoint gives up more connections than the others lack",
    first: ["/endpointPool.test.ts"],
    before: " && slot.reason === undefined) held++",
    after: ") held++"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "a process does not tell the places that it may take up",
    first: ["fleet/test/keeper.test.ts"],
    before: "held: Math.max(this.granted, places),",
    after: "held: places,"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "a process gives nothing back that it should",
    first: ["fleet/test/keeper.test.ts"],
    before: "this.grant(Math.max(0, answer.held - answer.shed))",
    after: "this.grant(answer.held)"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "places without use stay for ever",
    first: ["fleet/test/keeper.test.ts"],
    before: "if (wanted === 0 && held < this.granted) this.grant(held)",
    after: ""
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "the first borrower waits for the next call",
    first: ["fleet/test/keeper.test.ts"],
    before: "if (known <= 0 && wanted > 0) return now",
    after: ""
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "nobody hears of what is new",
    first: ["fleet/test/keeper.test.ts"],
    before: "if (signal === \"News\") this.hasNews = true",
    after: "if (signal === \"News\") this.hasNews = false"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "a process without the store opens connections",
    first: ["fleet/test/keeper.test.ts"],
    before: "if (this.isLost) this.tighten()",
    after: ""
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "a process without the store keeps what it should shed",
    first: ["fleet/test/keeper.test.ts"],
    before: "onLost === \"keep\" ? Math.min(this.granted, this.demand.places) : 0",
    after: "Math.min(this.granted, this.demand.places)"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "more than ten calls in a second",
    first: ["fleet/test/keeper.test.ts"],
    before: "const full = calls.length < mostCalls ? -Infinity : calls[0]! + 1_000",
    after: "const full = -Infinity"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "a cut connection is not noticed",
    first: ["fleet/test/keeper.test.ts"],
    before: "this.store.noticesCuts ? this.cutAt + reclaimDelay * shedPart : Infinity",
    after: "Infinity"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "a process leaves without a word",
    first: ["fleet/test/keeper.test.ts"],
    before: "yield* Effect.addFinalizer(() => made.leave)",
    after: ""
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "failures are never forgotten",
    first: ["fleet/test/simulation.test.ts"],
    before: "    this.failures = 0\n    this.cutAt = Infinity",
    after: "    this.cutAt = Infinity"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "a heartbeat too few",
    first: ["fleet/test/keeper.test.ts"],
    before: "this.options.ttl / 3",
    after: "this.options.ttl / 2"
  },
  {
    package: "fleet",
    file: "inTime.ts",
    why: "a hanging store holds up the end",
    first: ["fleet/test/simulation.test.ts"],
    before: "forkDetached(Effect.interruptible(Effect.timeout(effect, millis)))",
    after: "forkDetached(effect)"
  },
  {
    package: "fleet",
    file: "redis/script.ts",
    why: "a place too many for the one who asks",
    first: ["fleet/test/sharing.test.ts"],
    before: "local room = limit - withheld - me.held",
    after: "local room = limit - withheld - me.held + 1"
  },
  {
    package: "fleet",
    file: "redis/script.ts",
    why: "nobody sheds",
    first: ["fleet/test/sharing.test.ts"],
    before: "shed = math.max(0, math.min(me.held + grant - target[me.id], lack))",
    after: "shed = 0"
  },
  {
    package: "fleet",
    file: "redis/script.ts",
    why: "the largest limit counts",
    first: ["fleet/test/fleet/sharing.test.ts"],
    before: "limit = math.min(limit, row.limit)",
    after: "limit = math.max(limit, row.limit)"
  },
  {
    package: "fleet",
    file: "redis/script.ts",
    why: "a call that is late counts",
    first: ["fleet/test/fleet/stops.test.ts"],
    before: "if mine and mine.sequence >= me.sequence then return {'Late'} end",
    after: ""
  },
  {
    package: "fleet",
    file: "redis/script.ts",
    why: "a store without its data grants at once",
    first: ["fleet/test/fleet/lost.test.ts"],
    before: "local isSettling = now < settlesAt",
    after: "local isSettling = false"
  },
  {
    package: "fleet",
    file: "postgres/function.ts",
    why: "nobody sheds",
    first: ["fleet/test/sharing.test.ts"],
    before: "shed := greatest(0, least(held - my_target, lack));",
    after: "shed := 0;"
  },
  {
    package: "fleet",
    file: "postgres/function.ts",
    why: "a place too many for the one who asks",
    first: ["fleet/test/sharing.test.ts"],
    before: "room := total_limit - withheld - my_held;",
    after: "room := total_limit - withheld - my_held + 1;"
  },
  {
    package: "fleet",
    file: "postgres/store.ts",
    why: "the places of the dead are used at once",
    first: ["fleet/test/fleet/deaths.test.ts"],
    before: "if (!this.left.delete(pid)) this.trustAt = now + this.reclaimDelay",
    after: "this.left.delete(pid)"
  },
  // --- Endpoints on the page and in top --------------------------------------------------------------------------------
  {
    package: "dashboard",
    file: "endpoints.ts",
    why: "the share of an endpoint is that of its whole life",
    first: ["dashboard/test/endpoints.test.ts"],
    before: "before.get(keyOf(endpoint)) ?? 0",
    after: "0"
  },
  {
    package: "dashboard",
    file: "endpoints.ts",
    why: "of too many endpoints the ejected ones are left out",
    first: ["dashboard/test/endpoints.test.ts"],
    before: "isUp(a) - isUp(b)",
    after: "isUp(b) - isUp(a)"
  },
  {
    package: "cli",
    file: "pools.ts",
    why: "foreign text below a row of top is not escaped",
    first: ["cli/test/top.test.ts"],
    before: "cut(visible(below), width ?? Infinity)",
    after: "cut(below, width ?? Infinity)"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "a call that hangs holds up the loss",
    first: ["fleet/test/keeper.test.ts"],
    before: "return fork(Effect.ensuring(Effect.ignore(this.sync), ended))",
    after: "return Effect.ensuring(Effect.ignore(this.sync), ended)"
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "an answer counts that comes after the loss",
    first: ["fleet/test/keeper.test.ts"],
    before: " && this.isLost === isLost",
    after: ""
  },
  {
    package: "fleet",
    file: "keeper.ts",
    why: "a process starts without the store that should not",
    first: ["fleet/test/keeper.test.ts"],
    before: "this.options.whenUnavailable !== \"closed\" && error.reason",
    after: "error.reason"
  },
  {
    package: "fleet",
    file: "remote.ts",
    why: "nobody hears of a connection that is cut",
    first: ["fleet/test/remote.test.ts"],
    before: "if (this.current !== undefined) this.signal(\"Cut\")",
    after: ""
  },
  {
    package: "fleet",
    file: "remote.ts",
    why: "nobody hears of a connection that is cut during a call",
    first: ["fleet/test/remote.test.ts"],
    before: "(exit) => Exit.isSuccess(exit) ? Effect.void : this.cut()",
    after: "(exit) => Exit.isSuccess(exit) ? Effect.void : this.disconnect()"
  },
  {
    package: "fleet",
    file: "remote.ts",
    why: "the session stays after a call that has failed",
    first: ["fleet/test/remote.test.ts"],
    before: "(exit) => Exit.isSuccess(exit) ? Effect.void : this.cut()",
    after: "() => Effect.void"
  },
  {
    package: "fleet",
    file: "redis/script.ts",
    why: "others get what is reserved",
    first: ["fleet/test/fleet/reserve.test.ts"],
    before: "math.max(row.held, row.dead and 0 or math.min(row.reserve, limit))",
    after: "row.held"
  },
  {
    package: "fleet",
    file: "redis/script.ts",
    why: "the places of those that are late after a failover are given away",
    first: ["fleet/test/fleet/failover.test.ts"],
    before: "now >= row.dead + row.delay then",
    after: "now >= row.dead then"
  },
  {
    package: "fleet",
    file: "postgres/function.ts",
    why: "others get what is reserved",
    first: ["fleet/test/fleet/reserve.test.ts"],
    before: "greatest(helds[i], least(reserves[i], total_limit))",
    after: "helds[i]"
  },
  {
    package: "fleet",
    file: "postgres/function.ts",
    why: "a reserve that does not fit is no reason to refuse",
    first: ["fleet/test/fleet/reserve.test.ts"],
    before: "all_reserved > total_limit",
    after: "false"
  },
  // --- Roles of endpoints, and clients of several servers ----------------------------------------------------------------
  {
    file: "endpointPool/roles.ts",
    why: "an endpoint that moves keeps its connections",
    first: ["/endpointPool-roles.test.ts"],
    before: "engine.run(Whole.clear(state, group.runtime.now(), fresh))",
    after: ""
  },
  {
    file: "endpointPool/roles.ts",
    why: "the connection that tells of the move is condemned, too",
    first: ["/endpointPool-roles.test.ts"],
    before: "group.runtime.now(), fresh))",
    after: "group.runtime.now(), undefined))"
  },
  {
    file: "endpointPool/roles.ts",
    why: "a move leaves the waiters where they are",
    first: ["/endpointPool-roles.test.ts"],
    before: "if (state.queued > 0) engine.run(Whole.turnOut(state))",
    after: "if (state.queued < 0) engine.run(Whole.turnOut(state))"
  },
  {
    file: "endpointPool/roles.ts",
    why: "the others are not asked when one has moved",
    first: ["/endpointPool-roles.test.ts"],
    before: "if (other !== role) other.askedAt = -Infinity",
    after: "if (other === undefined) other.askedAt = -Infinity"
  },
  {
    file: "endpointPool/roles.ts",
    why: "trouble makes nobody ask sooner",
    first: ["/endpointPool-roles.test.ts"],
    before: "return this.isRestless ? Math.min(soonMillis, probeInterval) : probeInterval",
    after: "return probeInterval"
  },
  {
    file: "endpointPool/roles.ts",
    why: "a question has no limit of its own",
    first: ["/endpointPool-roles.test.ts"],
    before: "Math.min(questionMillis, probeInterval)",
    after: "probeInterval"
  },
  {
    file: "endpointPool/roles.ts",
    why: "a question that hangs holds up the close",
    first: ["/endpointPool-roles.test.ts"],
    before: "    stop(role?.asking)\n",
    after: ""
  },
  {
    file: "endpointPool/roles.ts",
    why: "borrowers in the lobby do not hear of a new role",
    first: ["/endpointPool-roles.test.ts"],
    before: "group.lobby.run(Whole.turnOut(group.lobby.state))",
    after: ""
  },
  {
    file: "endpointPool/selection.ts",
    why: "a tier has endpoints that were not asked yet",
    first: ["/endpointPool-roles.test.ts"],
    before: "isTierKnown && tier === asked.tier",
    after: "tier === asked.tier"
  },
  {
    file: "endpointPool/group.ts",
    why: "a probe that fails is no failure of its endpoint",
    first: ["/endpointPool-roles.test.ts"],
    before: "if (error instanceof ProbeFailed) return { value: error.error }",
    after: "if (error instanceof ProbeFailed) return undefined"
  },
  {
    file: "endpointPool/group.ts",
    why: "floors leave no place to the other endpoints",
    first: ["/endpointPool-simulation.test.ts"],
    before: "- (this.isAlone ? 0 : 1)",
    after: "- 0"
  },
  {
    file: "budget/shares.ts",
    why: "a time that is over but for a rounding error is looked at without end",
    first: ["/budget.test.ts"],
    before: "if (at <= now) return false",
    after: "if (left <= 0) return false"
  },
  {
    file: "protocol/clientImpl.ts",
    why: "a request that was not sent is not tried again at another server",
    first: ["/protocol/"],
    before: "call.triesLeft > 0 &&",
    after: "false &&"
  },
  {
    package: "redis",
    file: "endpoints.ts",
    why: "commands go to replicas while there is no primary",
    first: ["redis/test/endpoints.test.ts"],
    before: "if (!settings.roles) {",
    after: "if (settings !== undefined) {"
  },
  {
    file: "endpointPool/routing.ts",
    why: "a borrower waits on at an endpoint that has left its tier",
    first: ["/endpointPool-roles.test.ts"],
    before: "(member === undefined || route.mayUse(member))",
    after: "(member === undefined || member !== undefined)"
  },
  {
    file: "endpointPool/roles.ts",
    why: "a connection whose probe has failed is kept",
    first: ["/endpointPool-roles.test.ts"],
    before: "member.pool.invalidate(connection),",
    after: "Effect.void,"
  },
  {
    file: "alarm.ts",
    why: "a process that stands still again has no time to read",
    first: ["/alarm.test.ts"],
    before: "graces + 1 < mostGraces",
    after: "graces + 1 < 1"
  },
  {
    file: "byteQueue.ts",
    why: "bytes that have been taken are dropped again",
    first: ["/framing.test.ts"],
    before: "let rest = bytes + this.head",
    after: "let rest = bytes"
  },
  {
    file: "protocol/bytes.ts",
    why: "the halves of a character in two requests become one character",
    first: ["protocol/session.test.ts"],
    before: "if (isHighSurrogate(piece.charCodeAt(piece.length - 1))) this.endText()",
    after: ""
  },
  {
    file: "effect/fiber.ts",
    why: "an observer that throws stops the fibers that resume in the same turn",
    first: ["/frame.test.ts"],
    before: "void Promise.reject(error)",
    after: "throw error"
  },
  {
    file: "effect/fiber.ts",
    why: "what is resumed in one turn goes on in the wrong order",
    first: ["/frame.test.ts"],
    before: "for (const task of tasks) {",
    after: "for (const task of tasks.reverse()) {"
  },
  {
    file: "protocol/clientImpl.ts",
    why: "the reading of a response holds its connection",
    first: ["protocol/client.test.ts"],
    before:
      "    this.endLease(exit)\n    const { read } = this.call\n    if (read === undefined || exit._tag === \"Failure\") return exit\n",
    after:
      "    const { read } = this.call\n    if (read === undefined || exit._tag === \"Failure\") {\n      this.endLease(exit)\n      return exit\n    }\n    queueMicrotask(() => this.endLease(exit))\n"
  },
  {
    file: "erlang.ts",
    why: "requests that are turned away are taken for those that wait",
    first: ["/advice.test.ts"],
    before: "blocked / (1 - (load / servers) * (1 - blocked))",
    after: "blocked"
  },
  {
    file: "erlang.ts",
    why: "the wait of a percentile is that of the other end",
    first: ["/advice.test.ts"],
    before: "Math.max(0, Math.log(waits / (1 - fraction)) * holdMillis / (servers - load))",
    after: "Math.max(0, Math.log(waits / fraction) * holdMillis / (servers - load))"
  },
  {
    file: "erlang.ts",
    why: "the mean wait is that of the requests that wait",
    first: ["/advice.test.ts"],
    before: "waits * holdMillis / (servers - load)",
    after: "holdMillis / (servers - load)"
  }
]
