/**
 * The length of the tests that search: `SOCKETPOOL_SEARCH` decides.
 *
 * - `short`, the default, plays fixed seeds and those that ever failed, so that it fails for a change of the code alone.
 * - `full`, which `npm run verify` sets, goes on for minutes with a random seed.
 * - `deep` goes on for hours with a random seed.
 */

const lengths = ["short", "full", "deep"] as const

type Length = typeof lengths[number]

const { SOCKETPOOL_SEARCH = "short", SOCKETPOOL_SEED } = process.env

const isLength = (value: string): value is Length => lengths.some((length) => length === value)

if (!isLength(SOCKETPOOL_SEARCH)) {
  throw new Error(`SOCKETPOOL_SEARCH must be short, full or deep, but is ${JSON.stringify(SOCKETPOOL_SEARCH)}`)
}
if (SOCKETPOOL_SEED !== undefined && !/^\d{1,15}$/.test(SOCKETPOOL_SEED)) {
  throw new Error(`SOCKETPOOL_SEED must be a whole number, but is ${JSON.stringify(SOCKETPOOL_SEED)}`)
}

const length: Length = SOCKETPOOL_SEARCH

/** Whether this run is a full or a deep one. */
export const isLong = length !== "short"

/** The value for this run; without one for a deep run, that for a full one. */
export const bySearch = <A>(values: { readonly short: A; readonly full: A; readonly deep?: A }): A =>
  length === "deep" ? values.deep ?? values.full : values[length]

/** The seed that this run replays, if there is one. */
export const replayed: number | undefined = SOCKETPOOL_SEED === undefined ? undefined : Number(SOCKETPOOL_SEED)

const random = (what: string): number => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  process.stdout.write(`${what}: seed ${seed}\n`)
  return seed
}

/** The seeds of this run: the one that it replays, or these, or in a long run a random one, which it prints. */
export const seeds = (
  what: string,
  ...fixed: readonly [number, ...Array<number>]
): readonly [number, ...Array<number>] => replayed !== undefined ? [replayed] : isLong ? [random(what)] : fixed

let heardAt = performance.now()

/**
 * Lets the test runner hear from its worker, at most five times a second: it gives up a worker that stays silent for a
 * minute. Every loop of a search calls it in each round.
 */
export const breathe = async (): Promise<void> => {
  if (performance.now() - heardAt < 200) return
  await new Promise((next) => setImmediate(next))
  heardAt = performance.now()
}
