/** TLS sessions: which one a handshake offers to resume, and when none is offered. */

/**
 * The longest time, in milliseconds, for which sessions descend from one full handshake. It is OpenSSL's own lifetime of
 * a session. Most servers keep theirs for less; RFC 5246 allows 24 hours and RFC 8446 7 days. A resumed connection does
 * not verify the certificate again, so this is also the delay until a certificate that has expired is noticed.
 */
const maxAge = 2 * 60 * 60_000

/** The time, in milliseconds, for which a server that has refused a session is offered none. */
const pause = 60 * 60_000

/** The most tickets of TLS 1.3 to keep: those of four connections, as many as a pool opens at once by default. */
const maxTickets = 8

interface Kept {
  readonly session: Buffer
  /** The time of the full handshake that the session descends from. */
  readonly verifiedAt: number
  /** A ticket of TLS 1.3. Offered twice, it would show a listener that the same client is back (RFC 8446, C.4). */
  readonly isTicket: boolean
}

/** The sessions of one identity with one server. */
class Sessions {
  private kept: ReadonlyArray<Kept> = []
  /** Whether a handshake that offered a session has failed, and none has ended since that offered none. */
  private isSuspected = false
  private pausedUntil = -Infinity

  /** Takes the newest session that may be offered. */
  take(now: number): Kept | undefined {
    // The age is not known if the clock was set back.
    this.kept = this.kept.filter(({ verifiedAt }) => verifiedAt <= now && now - verifiedAt < maxAge)
    if (now < this.pausedUntil) return undefined
    const newest = this.kept.at(-1)
    if (newest?.isTicket === true) this.kept = this.kept.slice(0, -1)
    return newest
  }

  keep(one: Kept): void {
    this.kept = one.isTicket ? [...this.kept.filter(({ isTicket }) => isTicket), one].slice(-maxTickets) : [one]
  }

  drop(): void {
    this.kept = []
    this.isSuspected = false
  }

  failed(hadOffered: boolean): void {
    if (hadOffered) this.drop()
    this.isSuspected = hadOffered
  }

  /** A server that fails with a session and succeeds without one refuses sessions. */
  succeeded(hadOffered: boolean, now: number): void {
    if (hadOffered || !this.isSuspected) return
    this.isSuspected = false
    this.pausedUntil = now + pause
  }
}

/** The memory that one identity has of the server. */
export class Resumption {
  private sessions = new Sessions()

  /** Handshakes that have begun note what they learn in the memory of their time. */
  readonly forget = (): void => {
    this.sessions = new Sessions()
  }

  /** Begins a handshake. */
  begin(now: number, offers: boolean): Handshake {
    return new Handshake(this.sessions, now, offers ? this.sessions.take(now) : undefined)
  }
}

/** One handshake, and what it offers. */
export class Handshake {
  private isOver = false
  private keep: ((session: Buffer) => void) | undefined

  constructor(
    private readonly sessions: Sessions,
    private readonly begunAt: number,
    private readonly offered: Kept | undefined
  ) {}

  get session(): Buffer | undefined {
    return this.offered?.session
  }

  /** Notes that the handshake has succeeded and the peer is verified. */
  secured(isResumed: boolean, protocol: string | null): void {
    const { begunAt, offered, sessions } = this
    this.isOver = true
    sessions.succeeded(offered !== undefined, begunAt)
    const verifiedAt = isResumed && offered !== undefined ? offered.verifiedAt : begunAt
    const isTicket = protocol === "TLSv1.3"
    this.keep = (session) => sessions.keep({ session, verifiedAt, isTicket })
  }

  /** Keeps a session for later handshakes. That of a peer that is not verified would evade the verification. */
  receive(session: Buffer): void {
    this.keep?.(session)
  }

  /** Notes that the peer's certificate is bad. No session is the cause of that. */
  distrusted(): void {
    this.isOver = true
    this.sessions.drop()
  }

  /** Notes that the open has failed. Returns whether the session that was offered may be the cause. */
  failed(): boolean {
    if (this.isOver) return false
    this.isOver = true
    const hadOffered = this.offered !== undefined
    this.sessions.failed(hadOffered)
    return hadOffered
  }
}
