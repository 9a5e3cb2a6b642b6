/** What a process can say of itself. */

/** Bytes on the heap that are still reachable. */
export const heapUsed = async (): Promise<number> => {
  // What is freed by finalizers is freed only by the next collection.
  for (let i = 0; i < 4; i++) {
    globalThis.gc!()
    await new Promise((next) => setImmediate(next))
  }
  return process.memoryUsage().heapUsed
}

/** The longest time, in milliseconds, in which the event loop did not turn while something went on. */
export const longestPause = async (body: () => Promise<unknown>): Promise<number> => {
  let longest = 0
  let last = performance.now()
  let isOver = false
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await body()
  isOver = true
  return Math.max(longest, performance.now() - last)
}

/** Waits for something, a look every 10 ms. */
export const until = async (happened: () => boolean): Promise<void> => {
  while (!happened()) await new Promise((next) => setTimeout(next, 10))
}
