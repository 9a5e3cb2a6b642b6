/** Effect's `it`, with the names of both editions, and with generated values of fast-check. */
import { it as plain, type Vitest } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as FastCheck from "fast-check"
import type { TestContext, TestFunction, TestOptions } from "vitest"

type Test = Vitest.Test<Scope.Scope>

type Arbitraries =
  | ReadonlyArray<FastCheck.Arbitrary<any>>
  | { readonly [name: string]: FastCheck.Arbitrary<any> }

type Values<Arbs extends Arbitraries> = {
  -readonly [K in keyof Arbs]: Arbs[K] extends FastCheck.Arbitrary<infer A> ? A : never
}

type Variants = Pick<Vitest.Tester<Scope.Scope>, "each" | "fails" | "only" | "skip" | "skipIf" | "runIf">

export interface Tester extends Test, Variants {
  readonly prop: <const Arbs extends Arbitraries, A, E>(
    name: string,
    arbitraries: Arbs,
    self: (values: Values<Arbs>, context: TestContext) => Effect.Effect<A, E, Scope.Scope>,
    options?: number | TestOptions & { readonly fastCheck?: FastCheck.Parameters<[Values<Arbs>]> }
  ) => void
}

/** `effect` and `live` have a scope of their own here, as `scoped` and `scopedLive` have. */
export interface It extends Omit<Vitest.Methods, "effect" | "live" | "prop" | "scoped"> {
  (name: string, test: TestFunction, timeout?: number): void
  (name: string, options: TestOptions, test: TestFunction): void
  readonly effect: Tester
  readonly scoped: Tester
  readonly live: Tester
  readonly scopedLive: Tester
}

type Around = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

const register: (name: string, options: TestOptions, test: TestFunction) => void = plain

const testerOf = (tester: Vitest.Tester<Scope.Scope>, around: Around): Tester => {
  const within = <A, E>(body: () => Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
    around(Effect.scoped(Effect.suspend(body)))
  const wrapped = (test: Test): Test => (name, self, options) =>
    test(name, (context) => within(() => self(context)), options)
  return Object.assign(wrapped(tester), {
    skip: wrapped(tester.skip),
    only: wrapped(tester.only),
    fails: wrapped(tester.fails),
    skipIf: (condition: unknown) => wrapped(tester.skipIf(condition)),
    runIf: (condition: unknown) => wrapped(tester.runIf(condition)),
    each: <T>(cases: ReadonlyArray<T>) =>
    <A, E>(
      name: string,
      self: Vitest.TestFunction<A, E, Scope.Scope, [T, TestContext]>,
      options?: number | TestOptions
    ) => tester.each(cases)(name, (one, context) => within(() => self(one, context)), options),
    prop: ((name, arbitraries, self, options = {}) => {
      const { fastCheck, ...rest } = typeof options === "number" ? { timeout: options } : options
      const all = Array.isArray(arbitraries) ? FastCheck.tuple(...arbitraries) : FastCheck.record(arbitraries as object)
      register(name, rest, (context) =>
        FastCheck.assert(
          FastCheck.asyncProperty(all as FastCheck.Arbitrary<any>, async (values) => {
            await Effect.runPromise(within(() => self(values, context)))
          }),
          fastCheck
        ))
    }) as Tester["prop"]
  })
}

/** `it`, whose `effect` and `scoped` run their tests in this way. */
export const itAround = (around: Around): It => {
  const effect = testerOf(plain.effect, around)
  const live = testerOf(plain.live, (effect) => effect)
  const testers: Partial<Record<PropertyKey, Tester>> = { effect, scoped: effect, live, scopedLive: live }
  return new Proxy(plain, {
    get: (target, key, receiver) => testers[key] ?? Reflect.get(target, key, receiver)
  }) as unknown as It
}
