import { async, hasInterrupts, promise, reasonOf, yieldNow } from "@socketpool/test-seam"
import { Data, Deferred, Effect, type Exit, Scope } from "effect"

/**
 * The next answer of a hook. `ok` also stands for the good answer, `no` for the other one (`false`, `discard`);
 * a number is a good end after so many milliseconds. `throws` dies before there is an effect, `stuck` never ends and
 * cannot be interrupted, `late` cannot be interrupted and ends well after 900 ms. `fatal` is a failure that `isFatal`
 * knows; for other hooks it is a failure like any other.
 */
export type Behaviour = "ok" | "no" | "fail" | "fatal" | "die" | "throws" | "never" | "stuck" | "late" | number

type Verdict = "keep" | "discard"

export type Hook = "open" | "validate" | "onRelease" | "close"

export class OpenFailure extends Data.TaggedError("OpenFailure")<{
  readonly attempt: number
  readonly fatal: boolean
}> {}

/** The defect of an open that dies. */
export class OpenDefect extends Error {
  constructor(readonly attempt: number) {
    super(`attempt ${attempt} dies`)
  }
}

/** A connection; the numbers count from 1. */
export interface Link {
  readonly id: number
  /** The answer of `isConnected`. */
  alive: boolean
  /** The answer of `isExpired`. */
  outdated: boolean
  /** The end that `closed` waits for. */
  readonly gone: Deferred.Deferred<void>
}

/** Hears of everything that happens to connections, when it happens. */
export interface Witness {
  /** `stubborn`: an interrupt will not end it. */
  readonly openBegun: (attempt: number, stubborn: boolean) => void
  readonly openEnded: (attempt: number, how: "failed" | "failed fatally" | "died" | "interrupted") => void
  /** True once the remains of a failed open have been cleaned up. */
  readonly swept: (attempt: number) => void
  readonly connected: (attempt: number, link: Link) => void
  readonly validateBegun: (link: Link) => void
  readonly validateEnded: (link: Link, answer: "good" | "bad" | "interrupted") => void
  /** `id` tells one reset from another: with several leases there can be several at once. */
  readonly resetBegun: (link: Link, id: number) => void
  readonly resetEnded: (link: Link, id: number, verdict: "keep" | "discard" | "died" | "interrupted") => void
  readonly closeBegun: (link: Link) => void
  readonly closeEnded: (link: Link) => void
}

const lateness = 900

/** A hook that hangs can be let go once nobody looks any more; the runtime keeps a fiber that waits for ever. */
class Hanging {
  private readonly waiting = new Set<() => void>()

  readonly forever: Effect.Effect<void> = async((resume) => {
    const go = () => resume(Effect.void)
    this.waiting.add(go)
    return Effect.sync(() => this.waiting.delete(go))
  })

  letGo(): void {
    for (const go of this.waiting) go()
  }
}

/** Does what a behaviour says, apart from its answer. */
const behave = <E>(
  behaviour: Behaviour,
  forever: Effect.Effect<void>,
  failure: E,
  defect: unknown
): Effect.Effect<void, E> => {
  switch (behaviour) {
    case "ok":
    case "no":
      return Effect.void
    case "fail":
    case "fatal":
      return Effect.fail(failure)
    case "die":
      return Effect.die(defect)
    case "throws":
      throw defect
    case "never":
      return forever
    case "stuck":
      return Effect.uninterruptible(forever)
    case "late":
      return Effect.uninterruptible(Effect.sleep(lateness))
    default:
      return Effect.sleep(behaviour)
  }
}

const answer = (exit: Exit.Exit<boolean, string>): "good" | "bad" | "interrupted" => {
  if (exit._tag === "Success") return exit.value ? "good" : "bad"
  return hasInterrupts(exit.cause) ? "interrupted" : "bad"
}

/** A connector whose hooks do what `next` says, call by call. */
export class Connector {
  private attempts = 0
  private links = 0
  private resets = 0
  private readonly hanging = new Hanging()

  constructor(
    private readonly next: (hook: Hook) => Behaviour,
    private readonly witness: Witness,
    /** Whether there is something to clean up from the beginning of an open, as with a socket. */
    private readonly opensEarly: boolean
  ) {}

  readonly open: Effect.Effect<Link, OpenFailure, Scope.Scope> = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (scope) => {
      const attempt = ++this.attempts
      const behaviour = this.next("open")
      const stubborn = behaviour === "stuck" || behaviour === "late"
      const fatal = behaviour === "fatal"
      this.witness.openBegun(attempt, stubborn)
      let link: Link | undefined
      const finalizer = Effect.suspend(() => link === undefined ? this.sweep(attempt) : this.close(link))
      const work = Effect.suspend(() =>
        behave(behaviour, this.hanging.forever, new OpenFailure({ attempt, fatal }), new OpenDefect(attempt))
      )
      const wait = stubborn ? work : restore(work)
      return Effect.matchCauseEffect(
        this.opensEarly ? Effect.andThen(Scope.addFinalizer(scope, finalizer), wait) : wait,
        {
          onFailure: (cause) => {
            const reason = reasonOf(cause)
            const failed = fatal ? "failed fatally" : "failed"
            this.witness.openEnded(attempt, reason === "Fail" ? failed : reason === "Die" ? "died" : "interrupted")
            if (!this.opensEarly) this.witness.swept(attempt)
            return Effect.failCause(cause)
          },
          onSuccess: () => {
            const opened: Link = {
              id: ++this.links,
              alive: true,
              outdated: false,
              gone: promise()
            }
            link = opened
            this.witness.connected(attempt, opened)
            return Effect.as(this.opensEarly ? Effect.void : Scope.addFinalizer(scope, finalizer), opened)
          }
        }
      )
    })
  )

  /** Lets go of all that hangs. */
  end(): void {
    this.hanging.letGo()
  }

  readonly isConnected = (link: Link): boolean => link.alive

  readonly isFatal = (failure: OpenFailure): boolean => failure.fatal

  readonly isExpired = (link: Link): boolean => link.outdated

  readonly closed = (link: Link): Effect.Effect<void> => Deferred.await(link.gone)

  readonly validate = (link: Link): Effect.Effect<boolean, string> => {
    const behaviour = this.next("validate")
    this.witness.validateBegun(link)
    if (behaviour === "throws") this.witness.validateEnded(link, "bad")
    return Effect.onExit(
      Effect.as(behave(behaviour, this.hanging.forever, "it does not answer", "validate dies"), behaviour !== "no"),
      (exit) => Effect.sync(() => this.witness.validateEnded(link, answer(exit)))
    )
  }

  readonly onRelease = (link: Link): Effect.Effect<Verdict> => {
    const id = ++this.resets
    const behaviour = this.next("onRelease")
    this.witness.resetBegun(link, id)
    switch (behaviour) {
      case "ok":
      case "no": {
        const verdict = behaviour === "ok" ? "keep" : "discard"
        this.witness.resetEnded(link, id, verdict)
        // An answer at hand.
        return Effect.succeed(verdict)
      }
      case "throws":
        this.witness.resetEnded(link, id, "died")
        throw new Error("onRelease throws")
      case "fail":
        // There is no typed failure here: the nearest to it is to say that the connection is no good, after a turn.
        return this.reset(link, id, Effect.as(yieldNow, "discard"))
      default:
        return this.reset(
          link,
          id,
          Effect.as(Effect.orDie(behave(behaviour, this.hanging.forever, "-", "onRelease dies")), "keep")
        )
    }
  }

  private reset(link: Link, id: number, answer: Effect.Effect<Verdict>): Effect.Effect<Verdict> {
    return Effect.onExit(answer, (exit) =>
      Effect.sync(() => {
        const verdict = exit._tag === "Success" ? exit.value : reasonOf(exit.cause) === "Die" ? "died" : "interrupted"
        this.witness.resetEnded(link, id, verdict)
      }))
  }

  /** A close cannot fail with an error of its own: instead of failing it dies of something else than an `Error`. */
  private close(link: Link): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.witness.closeBegun(link)
      return Effect.ensuring(this.ending(), Effect.sync(() => this.witness.closeEnded(link)))
    })
  }

  private sweep(attempt: number): Effect.Effect<void> {
    return Effect.ensuring(this.ending(), Effect.sync(() => this.witness.swept(attempt)))
  }

  private ending(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const behaviour = this.next("close")
      return behave(
        behaviour === "fail" || behaviour === "fatal" ? "throws" : behaviour,
        this.hanging.forever,
        undefined as never,
        "the close dies"
      )
    })
  }
}
