/**
 * The seam to Effect: the fibers that a fiber was forked from, and whether they wait for it. Reads the fiber's
 * internals of Effect 3.22. Where they have another shape, a fiber has no ancestors, or none that waits.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import type * as FiberRefs from "effect/FiberRefs"
import { identity } from "effect/Function"
import * as Runtime from "effect/Runtime"
import { schedulerByHand } from "./byHand.js"
import { fiberNumber, type Holder, stop, withFiber } from "./fiber.js"

type Callback = (...args: ReadonlyArray<never>) => unknown

/** The part of a fiber that shows who waits for it: in Effect 3.22, `internal/fiberRuntime.ts`. */
interface Internals {
  readonly _fiberRefs: FiberRefs.FiberRefs
  readonly _children: ReadonlySet<Holder> | null
  /** Called with the exit of the fiber. */
  readonly _observers: ReadonlyArray<Callback>
  /** Messages that it has not looked at yet. */
  readonly _queue: ReadonlyArray<unknown>
  readonly _stack: ReadonlyArray<{ readonly _op: string; readonly effect_instruction_i1: unknown }>
  readonly _running: boolean
  readonly _asyncBlockingOn: FiberId.FiberId | null
}

const internals = (fiber: Holder): Internals => fiber as unknown as Internals

// --- Ancestors ------------------------------------------------------------------------------------------------------

type Lineage = ReadonlyArray<readonly [FiberId.Single, unknown]>

const noLineage: Lineage = []

/**
 * The fibers that have forked each other down to this one, the nearest first; it can be among them itself. Each fiber
 * leaves its number in the history of this reference when it forks another.
 */
const lineageOf = (fiber: Holder): Lineage =>
  internals(fiber)._fiberRefs?.locals?.get(FiberRef.currentRuntimeFlags) ?? noLineage

const numberOf = (id: FiberId.Single): number => id._tag === "Runtime" ? id.id : -1

/** Whether a fiber was forked from another, directly or not. Takes one step for each generation. */
export const isAncestor = (ancestor: Holder, fiber: Holder): boolean => {
  const lineage = lineageOf(fiber)
  if (lineage === noLineage) return false
  const sought = ancestor.id()
  for (let i = 0; i < lineage.length; i++) if (lineage[i]![0] === sought) return ancestor !== fiber
  return false
}

// --- Waiting for a child --------------------------------------------------------------------------------------------

/** The texts of the functions by which Effect learns of a fiber's exit, for each way to wait for a child. */
interface Shapes {
  readonly concurrent: string
  readonly timed: string
  readonly joined: string
}

type Way = (child: Effect.Effect<never>) => Effect.Effect<unknown, unknown>

/**
 * Effect does not tell which fibers wait for a fiber, or how. Each of its operators leaves a function of its own with
 * the child, and functions of one origin have one text. Every operator is tried once, with children that do nothing.
 */
const findShapes = (): Shapes | undefined => {
  const { scheduler, settle } = schedulerByHand()
  const park = Effect.async<never>(() => {})
  const textsOf = (way: Way): ReadonlyArray<string> => {
    let child: Holder | undefined
    const parent = Runtime.runFork(
      Runtime.defaultRuntime,
      way(withFiber((fiber) => {
        child = fiber
        return park
      })),
      { scheduler, immediate: false }
    )
    settle()
    const texts = internals(child!)._observers.map(String)
    stop(parent)
    settle()
    return texts
  }
  try {
    const usual = [Effect.fork, Effect.forkDaemon].flatMap((fork) =>
      textsOf((child) => Effect.zipRight(fork(child), park))
    )
    const ownTextOf = (way: Way): string => {
      const own = textsOf(way).filter((text) => !usual.includes(text))
      return own.length === 1 ? own[0]! : ""
    }
    const shapes = {
      concurrent: ownTextOf((child) => Effect.forEach([child], identity, { concurrency: "unbounded" })),
      timed: ownTextOf(Effect.timeout("1 minute")),
      joined: ownTextOf((child) => Effect.flatMap(Effect.fork(child), Fiber.join))
    }
    const texts = new Set(Object.values(shapes))
    return texts.size === 3 && !texts.has("") ? shapes : undefined
  } catch {
    return undefined
  }
}

let shapes: Shapes | undefined | "Unknown" = "Unknown"

/** Whether it waits in an asynchronous operation, and nothing has resumed or interrupted it. */
const isSuspended = (fiber: Holder): boolean => !internals(fiber)._running && internals(fiber)._queue.length === 0

/** Whether a race of a child of the parent's with a global fiber is on: of all operators, only timeouts start one. */
const isTimed = (parent: Holder, child: Holder): boolean => {
  const racers = internals(parent)._asyncBlockingOn
  if (racers === null || racers._tag !== "Composite" || racers.left !== child.id()) return false
  const roots = Fiber.unsafeRoots()
  return !roots.includes(child) && roots.some((root) => root.id() === racers.right)
}

/** Whether the parent joins the child. One that awaits a `Deferred` of the child's blocks on the child as well. */
const isJoined = (parent: Holder, child: Holder): boolean => {
  const { _asyncBlockingOn, _stack } = internals(parent)
  const next = _stack.filter(({ _op }) => _op === "OnSuccess").at(-1)
  return _asyncBlockingOn === child.id() && next?.effect_instruction_i1 === identity
}

/** The way in which a fiber may wait for this child of its own, as far as the child shows. */
const wayToWait = (child: Holder, shapes: Shapes): "concurrent" | "timed" | "joined" | undefined => {
  const observers = internals(child)._observers.map(String)
  if (observers.includes(shapes.concurrent)) return "concurrent"
  if (observers.includes(shapes.timed)) return "timed"
  return observers.includes(shapes.joined) ? "joined" : undefined
}

/**
 * Whether the parent, which has forked the child, does not go on before the child has ended or is interrupted. A race is
 * no such wait: what the parent does when the other side wins is its own affair.
 */
const waits = (parent: Holder, way: "concurrent" | "timed" | "joined", child: Holder): boolean => {
  // A concurrent loop ends after its last child, also when it fails or is interrupted.
  if (way === "concurrent") return true
  return isSuspended(parent) && (way === "timed" ? isTimed(parent, child) : isJoined(parent, child))
}

/** All fibers by their numbers. */
const allFibers = (): ReadonlyMap<number, Holder> => {
  const found = new Map<number, Holder>()
  const left = Fiber.unsafeRoots() as Array<Holder>
  for (let fiber = left.pop(); fiber !== undefined; fiber = left.pop()) {
    if (found.has(fiberNumber(fiber))) continue
    found.set(fiberNumber(fiber), fiber)
    left.push(...internals(fiber)._children ?? [])
  }
  return found
}

/**
 * Whether each of these ancestors waits for the fiber: it waits for a child that waits for a child, and so on down to
 * the fiber. Finds no wait that is not there, but not each that is. If the fiber's parent seems to wait, this may take a
 * step for each fiber of the process.
 */
export const allWaitFor = (fiber: Holder, ancestors: ReadonlySet<Holder>): boolean => {
  if (shapes === "Unknown") shapes = findShapes()
  if (shapes === undefined) return false
  let fibers: ReadonlyMap<number, Holder> = new Map(Array.from(ancestors, (fiber) => [fiberNumber(fiber), fiber]))
  const left = new Set(ancestors)
  for (let child = fiber; left.size > 0;) {
    const way = wayToWait(child, shapes)
    const forkedBy = lineageOf(child).find(([id]) => id !== child.id())
    if (way === undefined || forkedBy === undefined) return false
    const number = numberOf(forkedBy[0])
    if (!fibers.has(number)) fibers = allFibers()
    const parent = fibers.get(number)
    if (parent === undefined || !waits(parent, way, child)) return false
    left.delete(parent)
    child = parent
  }
  return true
}
