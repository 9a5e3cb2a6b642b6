/** The events of the fleet, from the reports of its processes. */
import { duration } from "../text.js"
import { type Report, withheldMillis } from "./member.js"

/** One line of the story. */
export interface Line {
  /** In milliseconds since 1970. */
  readonly at: number
  /** The time since the death that the line is about, in milliseconds. */
  readonly afterMillis?: number
  readonly text: string
}

/** A death, until its places are with others. */
interface Death {
  readonly number: number
  readonly holder: string
  readonly at: number
  readonly lost: number
  /** The connections of each living process at that moment. */
  readonly before: Map<number, number>
  /** The time after which others saw that its places are withheld, in milliseconds. */
  withheldAfter: number | undefined
  /** The time after which others saw that they no longer are, in milliseconds. */
  freeAfter: number | undefined
  /** The time after which others had them, in milliseconds. */
  givenAfter: number | undefined
}

/** The lines that are kept. */
const most = 200

/** Places that have come free are given within this time, in milliseconds, or else nobody wants all of them. */
const patienceMillis = 3_000

const places = (n: number): string => n === 1 ? "1 place" : `${n} places`

export class Story {
  readonly lines: Array<Line> = []
  private readonly deaths: Array<Death> = []
  /** The last report of each living process. */
  private readonly reports = new Map<number, Report>()
  /** The processes that have started and hold nothing yet, with the moment of their start. */
  private readonly newcomers = new Map<number, number>()

  /** The time from the last death to the moment at which others had its places, in milliseconds. */
  get givenAfter(): number | undefined {
    return this.deaths.at(-1)?.givenAfter
  }

  /** The places of a dead process that are still withheld from others. */
  withheld(number: number): number {
    const death = [...this.deaths].reverse().find((death) => death.number === number)
    return death === undefined || death.freeAfter !== undefined ? 0 : death.lost
  }

  tell(at: number, text: string): void {
    this.add({ at, text })
  }

  started(at: number, number: number): void {
    this.newcomers.set(number, at)
    this.tell(at, `process ${number} starts`)
  }

  /** A process has died. `how` says how, as in `killed (SIGKILL)`. */
  died(at: number, number: number, how: string): void {
    const last = this.reports.get(number)
    this.reports.delete(number)
    this.newcomers.delete(number)
    const lost = last?.held ?? 0
    this.tell(at, `process ${number} ${how}; it held ${places(lost)}`)
    if (last === undefined || lost === 0) return
    for (const { before } of this.deaths) before.delete(number)
    this.deaths.push({
      number,
      holder: last.holder,
      at,
      lost,
      before: new Map(Array.from(this.reports, ([number, { held }]) => [number, held])),
      withheldAfter: undefined,
      freeAfter: undefined,
      givenAfter: undefined
    })
    if (this.deaths.length > most) this.deaths.shift()
  }

  reported(at: number, number: number, report: Report): void {
    const before = this.reports.get(number)
    this.reports.set(number, report)
    const since = this.newcomers.get(number)
    if (since !== undefined && report.held > 0) {
      this.newcomers.delete(number)
      this.add({ at, afterMillis: at - since, text: `process ${number} holds its first place` })
    }
    if (before !== undefined && before.isLost !== report.isLost) {
      this.tell(
        at,
        report.isLost
          ? `process ${number} cannot reach Redis: it keeps its connections, and opens no other`
          : `process ${number} reaches Redis again`
      )
    }
    // It has not heard from Redis yet.
    if (report.holders.length === 0) return
    for (const death of this.deaths) if (death.givenAfter === undefined) this.follow(death, at, report)
  }

  private follow(death: Death, at: number, { holders }: Report): void {
    const afterMillis = at - death.at
    const row = holders.find(({ holder }) => holder === death.holder)
    if (row?.isDead === true && death.withheldAfter === undefined && death.freeAfter === undefined) {
      death.withheldAfter = afterMillis
      this.add({
        at,
        afterMillis,
        text: `Redis withholds the ${places(death.lost)} of process ${death.number} for ${duration(withheldMillis)}`
      })
    }
    if (row === undefined) death.freeAfter ??= afterMillis
    if (death.freeAfter === undefined) return
    const gains = Array.from(this.reports, ([number, { held }]) => ({
      number,
      gain: held - (death.before.get(number) ?? 0)
    })).filter(({ gain }) => gain > 0)
    const given = gains.reduce((sum, { gain }) => sum + gain, 0)
    const isWanted = Array.from(this.reports.values()).some(({ wanted }) => wanted > 0)
    if (given < death.lost && isWanted && afterMillis - death.freeAfter < patienceMillis) return
    death.givenAfter = afterMillis
    const whom = gains.sort((a, b) => a.number - b.number).map(({ gain, number }) => `${gain} to process ${number}`)
    this.add({
      at,
      afterMillis,
      text: given === 0
        ? `the ${places(death.lost)} of process ${death.number} are free, and no process wants one`
        : `the ${places(death.lost)} of process ${death.number} are given to others: ${whom.join(", ")}`
    })
  }

  private add(line: Line): void {
    this.lines.push(line)
    if (this.lines.length > most) this.lines.shift()
  }
}
