// A real directory: OpenLDAP, on a random loopback port.
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { makeLdap } from "../src/ldap.js"
import { admin, installed, ldap } from "./fixtures/directory.js"

describe.skipIf(isMissing("slapd", installed))("a client of LDAP on two pools", () => {
  const port = shared(ldap)
  const client = Effect.suspend(() =>
    makeLdap({
      url: `ldap://127.0.0.1:${port()}`,
      user: admin.user,
      password: Redacted.make(admin.password),
      maxConnections: 2
    })
  )
  const names = { filter: "(objectClass=person)", attributes: ["cn"] }

  it.scopedLive("searches, many at once on few connections", () =>
    Effect.gen(function*() {
      const { search, searches } = yield* client
      const found = yield* Effect.replicateEffect(search("dc=example", names), 50).pipe(
        Effect.withConcurrency("unbounded")
      )
      for (const entries of found) assert.deepStrictEqual(entries.map(({ cn }) => cn), ["ada", "alan"])
      assert.isAtMost((yield* searches.stats).opened, 2)
    }))

  it.scopedLive("checks passwords, and searches go on as the admin", () =>
    Effect.gen(function*() {
      const { checks, isPassword, search } = yield* client
      const tries = [["ada", "difference"], ["ada", "enigma"], ["alan", "enigma"], ["alan", ""]] as const
      const answers = yield* Effect.forEach(
        tries,
        ([name, password]) => isPassword(`cn=${name},dc=example`, Redacted.make(password)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers, [true, false, true, false])
      // A person may not list others; the connections of the searches are still the admin's.
      assert.lengthOf(yield* search("dc=example", names), 2)
      assert.strictEqual((yield* checks.stats).inUse, 0)
    }))

  it.scopedLive("never searches as nobody on a connection that was lost", () =>
    Effect.gen(function*() {
      const { search, searches } = yield* client
      assert.lengthOf(yield* search("dc=example", names), 2)
      yield* searches.use((client) => Effect.promise(() => client.unbind()))
      assert.lengthOf(yield* search("dc=example", names), 2)
      const { closed, opened } = yield* searches.stats
      assert.deepStrictEqual([opened, closed.Disconnected], [2, 1])
    }))

  it.scopedLive("fails with the server's words", () =>
    Effect.gen(function*() {
      const { search } = yield* client
      const error = yield* Effect.flip(search("dc=nowhere", names))
      assert.strictEqual(error._tag, "LdapError")
      assert.match(error.message, /^search: /)
    }))
})
