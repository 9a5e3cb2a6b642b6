// The session that a handshake offers, for servers that this machine has none of.
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Resumption } from "../src/internal/resumption.js"

const hour = 60 * 60_000
const one = Buffer.from("one")
const two = Buffer.from("two")

/** A handshake that succeeds and gets a session. */
const handshake = (resumption: Resumption, now: number, session: Buffer, isResumed = false, protocol = "TLSv1.3") => {
  const begun = resumption.begin(now, true)
  begun.secured(isResumed, protocol)
  begun.receive(session)
  return begun
}

const offered = (resumption: Resumption, now: number) => resumption.begin(now, true).session

describe("a session", () => {
  it("of a resumed connection is as old as the handshake that verified the certificate", () => {
    const resumption = new Resumption()
    handshake(resumption, 0, one)
    expect(handshake(resumption, hour, two, true).session).toBe(one)
    expect(offered(resumption, 2 * hour)).toBeUndefined()
  })

  it("of a connection that did not resume the one it offered is new", () => {
    const resumption = new Resumption()
    handshake(resumption, 0, one)
    expect(handshake(resumption, hour, two, false).session).toBe(one)
    expect(offered(resumption, 3 * hour - 1)).toBe(two)
  })

  it("that an older connection gets after forget is not offered", () => {
    const resumption = new Resumption()
    const older = handshake(resumption, 0, one)
    resumption.forget()
    older.receive(two)
    expect(offered(resumption, 1)).toBeUndefined()
  })

  it("that comes before the peer is verified is not kept", () => {
    const resumption = new Resumption()
    const begun = resumption.begin(0, true)
    begun.receive(one)
    begun.distrusted()
    begun.receive(two)
    expect(offered(resumption, 1)).toBeUndefined()
  })

  it("is not offered by a clock that was set back, as its age is not known", () => {
    const resumption = new Resumption()
    handshake(resumption, hour, one)
    expect(offered(resumption, 0)).toBeUndefined()
  })

  it("of TLS 1.2 is offered again, and replaced by the next", () => {
    const resumption = new Resumption()
    handshake(resumption, 0, one, false, "TLSv1.2")
    expect([offered(resumption, 1), offered(resumption, 1)]).toEqual([one, one])
    handshake(resumption, 0, two, false, "TLSv1.2")
    expect([offered(resumption, 1), offered(resumption, 1)]).toEqual([two, two])
  })

  it("is one of at most eight tickets", () => {
    const resumption = new Resumption()
    const begun = handshake(resumption, 0, one)
    for (let n = 0; n < 100; n++) begun.receive(Buffer.of(n))
    const all = Array.from({ length: 9 }, () => offered(resumption, 1)?.[0])
    expect(all).toEqual([99, 98, 97, 96, 95, 94, 93, 92, undefined])
  })
})
