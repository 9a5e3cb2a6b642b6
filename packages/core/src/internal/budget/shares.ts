/**
 * Shares out the places of a budget among its members, by max–min fairness: a place goes to the member with the fewest
 * for its weight (D. Bertsekas, R. Gallager, "Data Networks", section 6.5.2).
 *
 * A member is a pool, or another budget with pools of its own. A place that a member has to give back counts as taken
 * until the member has none too many.
 */

/** One that takes places. */
export interface Member {
  readonly name: string
  /** The places that it takes up, those on their way out included. */
  readonly places: number
  /** The places that it could use now, beyond those it takes up. */
  readonly wanted: number
  /** The places that nothing is taken from: its `minConnections`. */
  readonly floor: number
  readonly hasIdle: boolean
  /** The idle time of its longest idle connection, in milliseconds. */
  readonly idleMillis: number
  /** Sets the number of places that it may take up. It closes what is too much. */
  readonly allot: (places: number) => void
}

/** The figures of a budget. */
export interface Told {
  readonly granted: (share: Share) => void
  readonly reclaimed: (share: Share) => void
  readonly starved: (share: Share, millis: number) => void
}

/** A member that has wanted a place for longer than this is starved. */
export const starvedMillis = 1_000

/** The places on their way back that members are to get. */
type Promised = ReadonlyMap<Share, number>

/** The part of one member. */
export class Share {
  /** The places that it may take up. */
  granted = 0
  /** The places that it takes up, when it was last looked at. */
  places = 0
  /** The places that it wants beyond those. */
  wanted = 0
  hasIdle = false
  floor = 0
  /** The moment from which it has been in need of a place without a break; `Infinity` while it is not. */
  wantsSince = Infinity
  isStarved = false

  constructor(private readonly shares: Shares, readonly member: Member, public weight: number) {}

  /** The member may have changed. */
  changed(): void {
    const { floor, hasIdle, places, wanted } = this.member
    const isSame = places === this.places && wanted === this.wanted && hasIdle === this.hasIdle && floor === this.floor
    if (isSame) return
    this.look()
    this.shares.changed(this)
  }

  /** Notes what the member has and wants. */
  look(): void {
    const { floor, hasIdle, places, wanted } = this.member
    this.shares.count(this, -1)
    this.places = places
    this.wanted = wanted
    this.hasIdle = hasIdle
    this.floor = floor
    this.shares.count(this, 1)
    if (this.lacks === 0) {
      this.wantsSince = Infinity
      this.isStarved = false
    } else if (this.wantsSince === Infinity) this.wantsSince = this.shares.now()
  }

  /** Sets what is granted, and looks at what the member makes of it. */
  grant(places: number): void {
    this.shares.count(this, -1)
    this.granted = places
    this.shares.count(this, 1)
    this.member.allot(places)
    this.look()
  }

  get held(): number {
    return Math.max(this.granted, this.places)
  }

  /** The places that it has to give back, and has not yet. */
  get leaving(): number {
    return Math.max(0, this.places - this.granted)
  }

  /** The places that it wants and that it has not been granted. */
  get lacks(): number {
    return Math.max(0, this.wanted - Math.max(0, this.granted - this.places))
  }

  /** The places that it is to get. While it has to give places back, it gets none. */
  get needs(): number {
    return this.leaving > 0 ? 0 : this.lacks
  }

  /** The places that it has been granted and does not want any more. */
  get unused(): number {
    return Math.max(0, this.granted - this.places - this.wanted)
  }

  /** Its granted places, for its weight. */
  get load(): number {
    return this.granted / this.weight
  }
}

/** Shares out places. A change of one member costs no step for each of the others, unless some are in need. */
export class Shares {
  private readonly all = new Set<Share>()
  /** Those with places: no more than there are places. */
  private readonly holders = new Set<Share>()
  private readonly inNeed = new Set<Share>()
  /** Those with more places than they want, when they were last looked at. */
  private readonly wasteful = new Set<Share>()
  private readonly sums = {
    granted: 0,
    held: 0,
    places: 0,
    wanted: 0,
    lacks: 0,
    needs: 0,
    leaving: 0,
    floor: 0,
    idle: 0
  }
  /** Those that were left a place in this round, and so give none: else the same place could go to and fro without end. */
  private readonly spared = new Set<Share>()
  private mayRelent = true
  private isSettling = false
  private isUnsettled = false
  private isClosed = false
  /** The next moment at which time alone changes something; `Infinity` if there is none. */
  lookAt = Infinity

  constructor(
    public limit: number,
    private readonly reclaimAfter: number,
    readonly now: () => number,
    private readonly told: Told,
    /** Runs after each change. */
    private readonly settled: () => void
  ) {}

  /** The places that are granted or taken up. */
  get held(): number {
    return this.sums.held
  }

  /** The places that members take up. */
  get places(): number {
    return this.sums.places
  }

  /** The places that members want beyond those, granted or not. */
  get wanted(): number {
    return this.sums.wanted
  }

  /** The places that members want and have not been granted. */
  get lacks(): number {
    return this.sums.lacks
  }

  /** The places that members are to get. */
  get needs(): number {
    return this.sums.needs
  }

  /** The members with places. */
  get withPlaces(): Iterable<Share> {
    return this.holders
  }

  get floors(): number {
    return this.sums.floor
  }

  get hasIdle(): boolean {
    return this.sums.idle > 0
  }

  get longestIdleMillis(): number {
    let longest = 0
    for (const { hasIdle, member } of this.holders) if (hasIdle) longest = Math.max(longest, member.idleMillis)
    return longest
  }

  [Symbol.iterator](): IterableIterator<Share> {
    return this.all.values()
  }

  /** The member has no place until it tells that it wants one. */
  join(member: Member, weight: number): Share {
    const share = new Share(this, member, weight)
    this.all.add(share)
    share.floor = member.floor
    this.count(share, 1)
    member.allot(0)
    return share
  }

  leave(share: Share): void {
    this.count(share, -1)
    if (this.all.delete(share)) this.settle()
  }

  /** Adds a share to the sums, or takes it out of them. */
  count(share: Share, sign: 1 | -1): void {
    // One that has left may still change.
    if (!this.all.has(share)) return
    const { sums } = this
    const { floor, granted, hasIdle, held, lacks, leaving, needs, places, unused, wanted } = share
    sums.granted += sign * granted
    sums.held += sign * held
    sums.places += sign * places
    sums.wanted += sign * wanted
    sums.lacks += sign * lacks
    sums.needs += sign * needs
    sums.leaving += sign * leaving
    sums.floor += sign * floor
    if (hasIdle) sums.idle += sign
    if (sign === 1) {
      if (held > 0) this.holders.add(share)
      if (needs > 0) this.inNeed.add(share)
      if (unused > 0) this.wasteful.add(share)
    } else {
      this.holders.delete(share)
      this.inNeed.delete(share)
      this.wasteful.delete(share)
    }
  }

  resize(limit: number): void {
    this.limit = limit
    this.settle()
  }

  /** Grants nothing more, and takes nothing back. */
  close(): void {
    this.isClosed = true
    this.lookAt = Infinity
  }

  /** A member has changed. */
  changed(share: Share): void {
    if (share.unused > 0 || this.inNeed.size > 0 || this.sums.held > this.limit || this.isAskedTooMuch) this.settle()
    else if (!this.isSettling) this.settled()
  }

  /**
   * Shares out again. A grant makes a member open connections, and it tells of that in the middle of this; so a call
   * within a call has the outer one begin again.
   */
  settle(): void {
    if (this.isClosed) return this.settled()
    this.isUnsettled = true
    if (this.isSettling) return
    this.isSettling = true
    this.mayRelent = true
    try {
      while (this.isUnsettled && !this.isClosed) {
        this.isUnsettled = false
        this.lookAt = Infinity
        this.takeUnused()
        this.shrink()
        this.give()
        this.relent()
        this.reclaim()
        this.watch()
        if (!this.isUnsettled && this.spared.size > 0) this.spareNobody()
      }
    } finally {
      this.isSettling = false
    }
    this.settled()
  }

  /** Takes back what was granted and is not wanted any more. While too many places are taken up, nothing is opened. */
  private takeUnused(): void {
    for (const share of this.wasteful) share.grant(share.places + share.wanted)
    if (this.held <= this.limit) return
    for (const share of this.holders) {
      if (this.held > this.limit && share.granted > share.places) share.grant(share.places)
    }
  }

  /** Takes back what is above a limit that has become smaller: floors last. */
  private shrink(): void {
    while (this.sums.granted > this.limit) {
      const most = this.most(({ floor, granted }) => granted > floor) ?? this.most(({ granted }) => granted > 0)!
      this.take(most)
    }
  }

  /** Grants free places, each to the neediest member. */
  private give(): void {
    while (this.held < this.limit) {
      const neediest = this.neediest()
      if (neediest === undefined) return
      this.giveTo(neediest)
    }
  }

  private giveTo(share: Share): void {
    this.told.granted(share)
    share.grant(share.granted + 1)
  }

  /**
   * The member that needs a place and has the fewest for its weight, or as many as another and has waited longer. Places
   * that members have been promised count as granted.
   */
  private neediest(promised?: Promised): Share | undefined {
    let neediest: Share | undefined
    let least = Infinity
    for (const share of this.inNeed) {
      const coming = promised?.get(share) ?? 0
      if (coming >= share.needs) continue
      const load = (share.granted + coming) / share.weight
      if (neediest === undefined || load < least || (load === least && share.wantsSince < neediest.wantsSince)) {
        neediest = share
        least = load
      }
    }
    return neediest
  }

  /** Whether members have to give back more places than others need. */
  private get isAskedTooMuch(): boolean {
    const { granted, leaving, needs } = this.sums
    return leaving > needs && granted < this.limit
  }

  /** Leaves members the places that they were to give back and that nobody needs any more. They may need more now. */
  private relent(): void {
    while (this.mayRelent && this.isAskedTooMuch) {
      let least: Share | undefined
      for (const share of this.holders) {
        if (share.leaving > 0 && (least === undefined || share.load < least.load)) least = share
      }
      this.giveTo(least!)
      this.spared.add(least!)
      this.isUnsettled = true
    }
  }

  /** Looks at all once more, so that nobody waits beside one that was spared. From now on no place is left to anybody. */
  private spareNobody(): void {
    this.spared.clear()
    this.mayRelent = false
    this.isUnsettled = true
  }

  /** Takes places back for members in need: as many as they lack, less those on their way back. */
  private reclaim(): void {
    let missing = this.needs - this.sums.leaving
    if (missing <= 0) return
    const promised = this.promise(this.sums.leaving)
    const inNeed = [...this.inNeed].sort((a, b) => a.load - b.load || a.wantsSince - b.wantsSince)
    for (const poor of inNeed) {
      for (let coming = (promised.get(poor) ?? 0) + 1; coming <= poor.needs; coming++) {
        if (missing === 0) return
        const giver = this.idlest(poor, promised) ?? this.richest(poor, coming, promised)
        if (giver === undefined) break
        this.take(giver)
        missing--
        // It had not used the place yet.
        if (giver.leaving === 0) this.isUnsettled = true
      }
    }
  }

  /** Shares out this number of places that are on their way back. There are more needs than such places. */
  private promise(places: number): Promised {
    const promised = new Map<Share, number>()
    for (let left = places; left > 0; left--) {
      const neediest = this.neediest(promised)!
      promised.set(neediest, (promised.get(neediest) ?? 0) + 1)
    }
    return promised
  }

  private take(giver: Share): void {
    this.told.reclaimed(giver)
    giver.grant(giver.granted - 1)
  }

  /** One that is promised a place would want another for the one that it gives. */
  private canGive(share: Share, promised: Promised): boolean {
    return share.granted > share.floor && !this.spared.has(share) && !promised.has(share)
  }

  private most(may: (share: Share) => boolean): Share | undefined {
    let most: Share | undefined
    for (const share of this.holders) {
      if (may(share) && (most === undefined || share.load > most.load)) most = share
    }
    return most
  }

  /** The member with the longest idle connection, of those that have more than their share or do not use it. */
  private idlest(poor: Share, promised: Promised): Share | undefined {
    let idlest: Share | undefined
    let longest = -1
    for (const share of this.holders) {
      if (share === poor || !this.canGive(share, promised) || !share.member.hasIdle) continue
      const { idleMillis } = share.member
      const left = share.load > poor.load ? 0 : this.reclaimAfter - idleMillis
      if (this.isAhead(left)) continue
      if (idleMillis > longest) {
        idlest = share
        longest = idleMillis
      }
    }
    return idlest
  }

  /**
   * Whether the pool has to look again after this time. A time so short that adding it to the present changes nothing is
   * over: the next look would be now, without end.
   */
  private isAhead(left: number): boolean {
    const now = this.now()
    const at = now + left
    if (at <= now) return false
    this.lookAt = Math.min(this.lookAt, at)
    return true
  }

  /** The member with the most for its weight, if it has no less than the other after this place has changed hands. */
  private richest(poor: Share, coming: number, promised: Promised): Share | undefined {
    const enough = (poor.granted + coming) / poor.weight
    return this.most((share) =>
      share !== poor && this.canGive(share, promised) && (share.granted - 1) / share.weight >= enough
    )
  }

  /** Tells of members that have wanted a place for long. */
  private watch(): void {
    if (this.inNeed.size === 0) return
    const now = this.now()
    for (const share of this.inNeed) {
      if (share.isStarved) continue
      const left = share.wantsSince + starvedMillis - now
      if (this.isAhead(left)) continue
      share.isStarved = true
      this.told.starved(share, now - share.wantsSince)
    }
  }
}
