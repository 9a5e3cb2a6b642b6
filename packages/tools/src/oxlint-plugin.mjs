// Our own lint rules, loaded by .oxlintrc.json.
import { lateSubjects } from "./sentences.mjs"

/** Members of `it` or `test` that run the callback's Effect. */
const RUNS_EFFECTS = new Set(["effect", "scoped", "live", "scopedLive", "layer", "flakyTest"])

/** Returns the names from `it` or `test` to this callee: `it`, `skip`, `each` for `it.skip.each(cases)`. */
const chain = (node) => {
  switch (node.type) {
    case "Identifier":
      return [node.name]
    case "MemberExpression":
      return [...chain(node.object), node.computed ? node.property.value : node.property.name]
    case "CallExpression":
      return chain(node.callee)
    case "TaggedTemplateExpression":
      return chain(node.tag)
    default:
      return []
  }
}

const isFunction = (node) =>
  node.type === "ArrowFunctionExpression" || node.type === "FunctionExpression" || node.type === "FunctionDeclaration"

/**
 * Vitest awaits the value that a test's callback returns. An Effect is not a promise: if a bare `it` returns one, it
 * never runs and the test passes. So the callback of a bare `it` must return nothing.
 */
const noEffectInPlainTest = {
  meta: {
    type: "problem",
    docs: { description: "Disallow a bare it() or test() whose callback returns a value: an Effect would never run." },
    schema: [],
    messages: {
      generator: "A bare {{name}}() never runs a generator: use it.effect and Effect.gen.",
      expression: "The callback of a bare {{name}}() needs a block body: an Effect returned from it would never run.",
      returned:
        "The callback of a bare {{name}}() must not return a value: an Effect returned from it would never run.",
      inline: "Write the callback of {{name}}() inline, so that this rule can check that it returns no Effect."
    }
  },
  create(context) {
    const callbacks = new Map()
    return {
      CallExpression(node) {
        const names = chain(node.callee)
        if (names[0] !== "it" && names[0] !== "test") return
        if (names.some((name) => RUNS_EFFECTS.has(name))) return
        const name = names.join(".")
        const candidates = node.arguments.slice(1)
        const inline = candidates.filter(isFunction)
        if (candidates.length > 0 && inline.length === 0) {
          context.report({ node: candidates[0], messageId: "inline", data: { name } })
        }
        for (const callback of inline) {
          callbacks.set(callback, name)
          if (callback.generator) {
            context.report({ node: callback, messageId: "generator", data: { name } })
          } else if (callback.body.type !== "BlockStatement") {
            context.report({ node: callback, messageId: "expression", data: { name } })
          }
        }
      },
      ReturnStatement(node) {
        if (node.argument === null) return
        let owner = node.parent
        while (owner !== null && !isFunction(owner)) owner = owner.parent
        if (owner === null || !callbacks.has(owner)) return
        context.report({ node, messageId: "returned", data: { name: callbacks.get(owner) } })
      }
    }
  }
}

/** Modules of Effect 3 that Effect 4 does not have, or whose content it has elsewhere. */
const MOVED = new Set([
  ...[
    "DateTime",
    "DefaultServices",
    "Effectable",
    "Either",
    "FastCheck",
    "FiberId",
    "FiberRef",
    "FiberRefs",
    "GlobalValue",
    "LogLevel",
    "Metric",
    "MetricBoundaries",
    "MetricKey",
    "MetricLabel",
    "MetricState",
    "PubSub",
    "Runtime",
    "RuntimeFlags",
    "RuntimeFlagsPatch",
    "Scheduler",
    "TestAnnotations",
    "TestClock",
    "TestContext",
    "TestServices"
  ].map((name) => `effect/${name}`),
  "@effect/vitest"
])

/** Members that Effect 4 spells or means differently. */
const DIFFERENT = {
  Effect: [
    "async",
    "catchAll",
    "catchAllCause",
    "catchAllDefect",
    "clock",
    "dieMessage",
    "disconnect",
    "either",
    "fork",
    "forkDaemon",
    "getRuntimeFlags",
    "interruptWith",
    "intoDeferred",
    "locally",
    "logWithLevel",
    "makeSemaphore",
    "mapInputContext",
    "repeatN",
    "runtime",
    "step",
    "tagMetrics",
    "tapBoth",
    "tapErrorCause",
    "timeoutFail",
    "timeoutTo",
    "tracer",
    "whenEffect",
    "withClock",
    "withFiberRuntime",
    "withMaxOpsBeforeYield",
    "withRandom",
    "withScheduler",
    "yieldNow",
    "zipLeft",
    "zipRight"
  ],
  Cause: ["failureOption", "isDie", "isFailType", "isFailure", "isInterrupted", "isInterruptedOnly"],
  Channel: ["embedInput", "interruptWhen", "unwrap"],
  Clock: ["ClockTypeId", "make"],
  Config: ["boolean", "integer", "literal", "number", "redacted", "string"],
  ConfigProvider: ["fromMap"],
  Context: ["Tag"],
  Duration: ["decodeUnknown"],
  Exit: ["getOrElse", "isInterrupted"],
  Fiber: ["all", "interruptAsFork", "interruptFork", "poll"],
  Inspectable: ["format", "toJSON"],
  Layer: ["scoped", "setConfigProvider", "unwrapEffect", "unwrapScoped"],
  Logger: ["add", "minimumLogLevel", "replace", "withMinimumLogLevel"],
  Random: ["fixed", "make"],
  Schedule: ["driver", "intersect", "mapEffect", "stop", "tapInput", "union"],
  Schema: ["Defect", "Literal", "Record", "Union", "decode", "decodeUnknown", "encode", "optionalWith", "parseJson"],
  Scope: ["extend"],
  Stream: [
    "fromQueue",
    "mapConcat",
    "paginateChunkEffect",
    "repeatEffectOption",
    "runCollect",
    "runFold",
    "unwrapScoped"
  ],
  Tracer: ["make"]
}

/** `unsafeDone`, `unsafePoll` …: Effect 4 puts the word at the end of the name. */
const UNSAFE = /^unsafe[A-Z]/

/** Whether it is `cause._tag`, or the number of a fiber: `fiber.id().id`. */
const isShape = ({ object, property }) =>
  property.name === "_tag"
    ? (object.type === "MemberExpression" ? object.property.name : object.name) === "cause"
    : property.name === "id" && object.type === "CallExpression" && object.arguments.length === 0 &&
      object.callee.type === "MemberExpression" && object.callee.property.name === "id"

/**
 * Everything but the seams uses only names that mean the same in Effect 3 and Effect 4, so that one source serves both.
 * The seam of a source is its `internal/effect`, that of all tests is `@socketpool/test-seam`. Types are free: they
 * follow the edition that compiles them.
 */
const seam = {
  meta: {
    type: "problem",
    docs: { description: "Disallow names of Effect that another major version spells or means differently." },
    schema: [],
    messages: {
      module: "{{name}} belongs to one major version of Effect: only a seam uses it.",
      member: "{{name}} differs between major versions of Effect: take it from the seam."
    }
  },
  create: (context) => ({
    ImportDeclaration(node) {
      if (node.importKind === "type") return
      const from = node.source.value
      const modules = from !== "effect"
        ? [from]
        : node.specifiers
          .filter((one) => one.type === "ImportSpecifier" && one.importKind !== "type")
          .map((one) => `effect/${one.imported.name}`)
      for (const name of modules) {
        if (MOVED.has(name)) context.report({ node, messageId: "module", data: { name } })
      }
    },
    MemberExpression(node) {
      if (node.computed) return
      const member = node.property.name
      const of = node.object.type === "Identifier" ? node.object.name : ""
      const isDifferent = Object.hasOwn(DIFFERENT, of) && DIFFERENT[of].includes(member)
      if (isDifferent || UNSAFE.test(member) || isShape(node)) {
        context.report({ node, messageId: "member", data: { name: `${of}.${member}` } })
      }
    }
  })
}

const LOST = new Set(["race", "raceFirst", "raceWith"])

/** In effect 3.22 a race that is interrupted between the making of its fibers and their start never ends. */
const noLostRace = {
  meta: {
    type: "problem",
    docs: { description: "Disallow Effect.race, raceFirst and raceWith: interrupted at their start, they never end." },
    schema: [],
    messages: { race: "Effect.{{name}} never ends if it is interrupted at its start: use firstOf or timeoutOption." }
  },
  create: (context) => ({
    MemberExpression(node) {
      const { computed, object, property } = node
      if (computed || object.type !== "Identifier" || object.name !== "Effect" || !LOST.has(property.name)) return
      context.report({ node, messageId: "race", data: { name: property.name } })
    }
  })
}

/** A comment without its stars. */
const textOf = ({ value }) => value.replace(/^ *\* ?/gm, "")

/** A reader of a comment should meet its subject first. */
const subjectFirst = {
  meta: {
    type: "suggestion",
    docs: { description: "Disallow sentences in comments that open with a relative clause." },
    schema: [],
    messages: { late: "Begin this sentence with its subject: {{sentence}}" }
  },
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        const text = textOf(comment)
        const late = /^\s*(How|Why|Where)\b/.test(text) ? [text.trim()] : lateSubjects(text)
        for (const sentence of late) {
          context.report({ node: comment, messageId: "late", data: { sentence: sentence.slice(0, 60) } })
        }
      }
    }
  })
}

export default {
  meta: { name: "socketpool" },
  rules: {
    "no-effect-in-plain-test": noEffectInPlainTest,
    "no-lost-race": noLostRace,
    seam,
    "subject-first": subjectFirst
  }
}
