/**
 * The mechanism of all checks of options and arguments: a table says which rule each option follows, and is read once.
 * A wrong value throws a `RangeError` that names the option, the value and the rule.
 */
import { nearest } from "../internal/nearest.js"
import { show, showName, showSecret } from "../internal/show.js"

/** The errors made here, as against those of a value itself, such as one that its getter throws. */
const refusals = new WeakSet<RangeError>()

const refusal = (message: string): RangeError => {
  const error = new RangeError(message)
  refusals.add(error)
  return error
}

/** The place of a value: which option of what. */
export class Place {
  constructor(
    /** The constructor or method, as messages name it. */
    readonly of: string,
    readonly option: string,
    private readonly isSecret = false
  ) {}

  /** Throws the error of a wrong value. */
  refuse(value: unknown, rule: string): never {
    throw refusal(`${this.of}: ${this.option} must be ${rule}, but is ${(this.isSecret ? showSecret : show)(value)}`)
  }

  /** The place of an item of a list or a record, such as `[0]`. */
  item(key: string): Place {
    return new Place(this.of, this.option + key, this.isSecret)
  }

  /** The place of an option within it, such as `target.host`. */
  member(name: string): Place {
    return new Place(this.of, this.option === "" ? name : `${this.option}.${name}`, this.isSecret)
  }

  /** The same place, with values that must not be shown. */
  secret(): Place {
    return new Place(this.of, this.option, true)
  }
}

/** Returns the checked value, or refuses it. An omitted option is `undefined`; `null` is a value like any other. */
export type Rule<out A> = (value: unknown, at: Place) => A

/** A rule for each option of `A`, so that the compiler misses no row. */
export type Rows<A> = { readonly [K in keyof A]-?: Rule<unknown> }

type Rules<A> = { readonly [K in keyof A]: Rule<A[K]> }

/** Refuses an option for what another option says. */
type Refuse<A> = (option: keyof A & string, value: unknown, rule: string) => never

type Also<A> = (options: A, refuse: Refuse<A>) => void

const readable = "a value that can be read"

/** Applies a rule. A value that throws when it is looked at is refused, too. */
const apply = <A>(at: Place, rule: Rule<A>, value: unknown): A => {
  try {
    return rule(value, at)
  } catch (error) {
    if (refusals.has(error as RangeError)) throw error
    return at.refuse(value, readable)
  }
}

/** Checks an argument that is no object of options. */
export const argument = <A>(of: string, name: string, rule: Rule<A>, value: unknown): A =>
  apply(new Place(of, name), rule, value)

/** Looks at an object that may be a proxy or have getters. The arguments are passed separately, to spare a closure. */
const attempt = <X, A>(at: Place, look: (object: X, name: string) => A, object: X, name: string): A => {
  try {
    return look(object, name)
  } catch {
    throw refusal(`${at.of}: ${at.option} must be ${readable}, but is one that throws`)
  }
}

// --- Objects --------------------------------------------------------------------------------------------------------

/** Whether an object is the prototype of a class, which `Object.prototype` of any realm is not. */
const isOfClass = (prototype: object): boolean => {
  const made = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value
  return typeof made === "function" && made.prototype === prototype && Object.getPrototypeOf(prototype) !== null
}

/**
 * Reads a property once: the object's own, or one of its class. Properties of `Object.prototype` or of
 * another object are left out, so that a polluted prototype sets no option.
 */
const property = (object: object, name: string): unknown => {
  for (let on: object | null = object; on !== null; on = Object.getPrototypeOf(on)) {
    if (!Object.hasOwn(on, name)) continue
    if (on === object) return (object as Record<string, unknown>)[name]
    if (!isOfClass(on)) return undefined
    const value = (object as Record<string, unknown>)[name]
    return typeof value === "function" ? value.bind(object) : value
  }
  // Nothing, unless a proxy makes it up.
  return (object as Record<string, unknown>)[name]
}

/** Returns the names that an object has set: its own, and the getters of its class. */
const namesOf = (object: object): ReadonlyArray<string> => {
  const names = Object.keys(object)
  for (let on = Object.getPrototypeOf(object); on !== null && isOfClass(on); on = Object.getPrototypeOf(on)) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(on))) {
      if (get !== undefined) names.push(name)
    }
  }
  // Effect brands the instances of some classes.
  return names.filter((name) => !name.startsWith("~effect/"))
}

/**
 * Whether a value is an object of properties: no array, `Map`, promise or other thing of its own kind. Objects that
 * inherit methods, but not from a class, are such things: an `Option` or a `Redacted`, for example.
 */
const isBag = (value: unknown): value is object => {
  if (typeof value !== "object" || value === null) return false
  if (!/^\[object (Object|Module)\]$/.test(Object.prototype.toString.call(value))) return false
  for (let on = Object.getPrototypeOf(value); on !== null; on = Object.getPrototypeOf(on)) {
    if (Object.getPrototypeOf(on) === null) return true
    if (isOfClass(on)) return true
    const inherited = Object.values(Object.getOwnPropertyDescriptors(on))
    if (inherited.some((one) => typeof one.value === "function")) return false
  }
  return true
}

/** Returns the properties of an object, each read once. */
export const entries = (at: Place, value: unknown, rule: string): ReadonlyArray<readonly [string, unknown]> => {
  if (!attempt(at, isBag, value, "")) at.refuse(value, rule)
  const object = value as object
  return attempt(at, namesOf, object, "").map((name) => [
    name,
    attempt(at.item(`[${show(name)}]`), property, object, name)
  ])
}

// --- Tables ---------------------------------------------------------------------------------------------------------

/** The options of one constructor, with the rule of each. */
export class Table<A extends object> {
  private readonly names: ReadonlyArray<keyof A & string>

  constructor(readonly rules: Rules<A>, readonly also: ReadonlyArray<Also<NoInfer<A>>> = []) {
    this.names = Object.keys(rules) as Array<keyof A & string>
  }

  /** Adds options, or replaces their rules. */
  with<B extends object>(rules: Rules<B>, ...also: ReadonlyArray<Also<NoInfer<Omit<A, keyof B> & B>>>) {
    return new Table<Omit<A, keyof B> & B>(
      { ...this.rules, ...rules } as unknown as Rules<Omit<A, keyof B> & B>,
      [...this.also as unknown as ReadonlyArray<Also<Omit<A, keyof B> & B>>, ...also]
    )
  }

  /** Leaves options out; setting one of them is an error that says that there is no such option. */
  without<K extends keyof A & string>(...names: ReadonlyArray<K>): Table<Omit<A, K>> {
    const kept = Object.entries(this.rules).filter(([name]) => !(names as ReadonlyArray<string>).includes(name))
    return new Table<Omit<A, K>>(
      Object.fromEntries(kept) as unknown as Rules<Omit<A, K>>,
      this.also as unknown as ReadonlyArray<Also<Omit<A, K>>>
    )
  }

  /**
   * Checks the options that somebody has given and returns them, with defaults, without a prototype. `set` has options
   * that come from elsewhere, such as arguments of the same call.
   */
  read(of: string, given: unknown, set: { readonly [K in keyof A]?: unknown } = {}): A {
    return this.readAt(new Place(of, ""), given, set)
  }

  /** Reads options that are a part of others. */
  readAt(at: Place, given: unknown, set: { readonly [K in keyof A]?: unknown } = none): A {
    const whole = at.option === "" ? at.member("options") : at
    if (!attempt(whole, isBag, given, "")) whole.refuse(given, "an object")
    const object = given as object
    for (const name of attempt(whole, namesOf, object, "")) this.refuseUnknown(at, object, name, set)
    const options: any = Object.create(null)
    for (const name of this.names) {
      const place = at.member(name)
      const value = Object.hasOwn(set, name) ? set[name] : attempt(place, property, object, name)
      options[name] = apply(place, this.rules[name], value)
    }
    for (const check of this.also) check(options, (option, value, rule) => at.member(option).refuse(value, rule))
    return options
  }

  /** The same options, which all follow one rule. */
  each<B>(rule: Rule<B>): Table<{ readonly [K in keyof A]: B }> {
    return new Table(Object.fromEntries(this.names.map((name) => [name, rule])) as any)
  }

  /** Takes the options of this table from checked options of a larger one. */
  pick(options: A): A {
    const picked: any = Object.create(null)
    for (const name of this.names) picked[name] = options[name]
    return picked
  }

  private refuseUnknown(at: Place, given: object, name: string, set: object): void {
    const isKnown = Object.hasOwn(this.rules, name) && !Object.hasOwn(set, name)
    if (isKnown || attempt(at.member(showName(name)), property, given, name) === undefined) return
    const known = this.names.filter((one) => !Object.hasOwn(set, one))
    const meant = nearest(name, known)
    throw refusal(
      `${at.of}: ${at.member(showName(name)).option} is not an option` +
        (meant === undefined ? `; the options are ${known.join(", ")}` : `: did you mean ${meant}?`)
    )
  }
}

const none = Object.freeze({})
