/** The choice of the endpoint for a borrower. */
import type { State } from "../state.js"
import type { Health } from "./health.js"

/** An endpoint, as the choice sees it. */
export interface Candidate {
  readonly endpoint: { readonly weight: number }
  readonly tier: number
  readonly health: Pick<Health, "isEjected" | "isSettled" | "warmth">
  readonly state: Pick<State<any>, "leased" | "pending" | "opening" | "idle" | "shareable" | "slots">
}

/** Up to this number all endpoints are compared; above it, this number of them. */
const mostCompared = 32
const sample = 5

/** Random numbers from 0 to 1. */
export type Draw = () => number

/** A small generator of random numbers (Mulberry32), so that the choice costs no effect. */
export const drawFrom = (seed: number): Draw => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Tells the time, in milliseconds. Reading it costs more than all else here. */
export type Now = () => number

/** The clock is read only for an endpoint that may be in its slow start. */
const weightOf = ({ endpoint, health }: Candidate, now: Now): number =>
  health.isSettled ? endpoint.weight : endpoint.weight * health.warmth(now())

const loadFor = ({ state }: Candidate, weight: number): number =>
  (state.leased + state.pending + state.opening.length) / weight

/** The load of an endpoint, for its weight. */
export const loadOf = (candidate: Candidate, now: Now): number => loadFor(candidate, weightOf(candidate, now))

/** The lower, the sooner it is chosen: the tier, or the ejected ones of all tiers together. */
const tierOf = ({ health, tier }: Candidate): number => health.isEjected ? Infinity : tier

/**
 * The order within a tier. If the pool may open no further connection, one that can lend at once comes first, and then one
 * that has any: without, a borrower would have to wait until another endpoint can do without a place.
 */
const orderOf = ({ state }: Candidate, isFull: boolean): number =>
  !isFull || state.idle.length > 0 || state.shareable.length > 0 ? 0 : state.slots.size > 0 ? 1 : 2

/** Some of many, each as likely as the others. */
const sampled = <A>(all: ReadonlyArray<A>, draw: Draw): ReadonlyArray<A> => {
  const chosen = new Set<A>()
  while (chosen.size < sample) chosen.add(all[Math.floor(draw() * all.length)]!)
  return [...chosen]
}

/**
 * Chooses an endpoint: of those that come first, the one with the least load. Of several, each is chosen as often as its
 * weight says. It runs for every borrower, so it makes no arrays.
 */
export const pick = <A extends Candidate>(
  candidates: ReadonlyArray<A>,
  isFull: boolean,
  draw: Draw,
  clock: Now
): A | undefined => {
  let read: number | undefined
  const now = (): number => read ??= clock()
  let chosen: A | undefined
  let tier = Infinity
  let order = Infinity
  let equals = 0
  let lowest = Infinity
  let weights = 0
  for (const candidate of candidates) {
    const ownTier = tierOf(candidate)
    if (ownTier > tier) continue
    const own = orderOf(candidate, isFull)
    const isSooner = ownTier < tier || own < order
    if (!isSooner && own > order) continue
    if (isSooner) {
      tier = ownTier
      order = own
      equals = 0
    }
    equals++
    const weight = weightOf(candidate, now)
    const load = loadFor(candidate, weight)
    if (isSooner || load < lowest) {
      chosen = candidate
      lowest = load
      weights = weight
    } else if (load === lowest) {
      weights += weight
      if (draw() * weights < weight) chosen = candidate
    }
  }
  if (equals <= mostCompared) return chosen
  const first = candidates.filter((one) => tierOf(one) === tier && orderOf(one, isFull) === order)
  return pick(sampled(first, draw), isFull, draw, clock)
}
