/** Measurements of the process itself. */

/** Measures the reachable bytes on the heap. */
export const heapUsed = async (): Promise<number> => {
  // Memory that finalizers release is freed only by the next collection.
  for (let i = 0; i < 4; i++) {
    globalThis.gc!()
    await new Promise((next) => setImmediate(next))
  }
  return process.memoryUsage().heapUsed
}

/** Measures the longest pause of the event loop, in milliseconds, while the body runs. */
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

/** Waits for a condition and checks it every 10 ms. */
export const until = async (happened: () => boolean): Promise<void> => {
  while (!happened()) await new Promise((next) => setTimeout(next, 10))
}
