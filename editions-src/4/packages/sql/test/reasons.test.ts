// Real servers: the reasons by which programs decide whether to try again.
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { installed, postgres } from "../../node/test/fixtures/postgres.js"
import { freePort, isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { login, ours } from "./fixtures/clients.js"

const toldBy = <A, R>(effect: Effect.Effect<A, SqlError, R>) =>
  Effect.map(Effect.flip(effect), ({ isRetryable, reason }) => [reason._tag, isRetryable])

describe.skipIf(isMissing("postgresql", installed))("the reason of an error", () => {
  const server = shared(postgres)

  it.scopedLive("is that of the server", () =>
    Effect.gen(function*() {
      const sql = yield* ours(server())
      yield* sql`create table told (n int primary key check (n > 0))`
      yield* sql`insert into told values (1)`
      const statements: ReadonlyArray<readonly [text: string, reason: string, isRetryable: boolean]> = [
        ["insert into told values (1)", "UniqueViolation", false],
        ["insert into told values (-1)", "ConstraintError", false],
        ["selec 1", "SqlSyntaxError", false],
        ["select 1 / 0", "UnknownError", false],
        ["do $$ begin raise sqlstate '40P01'; end $$", "DeadlockError", true],
        ["do $$ begin raise sqlstate '40001'; end $$", "SerializationError", true],
        ["do $$ begin raise sqlstate '55P03'; end $$", "LockTimeoutError", true],
        ["do $$ begin raise sqlstate '57014'; end $$", "StatementTimeoutError", true],
        ["do $$ begin raise sqlstate '42501'; end $$", "AuthorizationError", false],
        // As poolers of connections tell of a server that has died.
        ["do $$ begin raise sqlstate '08P01'; end $$", "UnknownError", false],
        ["do $$ begin raise sqlstate '08006'; end $$", "UnknownError", false]
      ]
      const told = yield* Effect.forEach(statements, ([text]) => toldBy(sql.unsafe(text)))
      expect(told).toEqual(statements.map(([, reason, isRetryable]) => [reason, isRetryable]))
      const violation = yield* Effect.flip(sql`insert into told values (1)`)
      expect(violation.reason).toMatchObject({ constraint: "told_pkey", cause: { code: "23505" } })
    }))

  it.scopedLive("allows another attempt only where nothing can have been done", () =>
    Effect.gen(function*() {
      // Connecting may take longer than a borrower waits.
      const sql = yield* ours(server(), { maxConnections: 1, minConnections: 1, acquireTimeout: "20 millis" })
      yield* sql.pool.awaitReady
      const killed = toldBy(sql`select pg_terminate_backend(pg_backend_pid()), pg_sleep(1)`)
      expect(yield* killed).toEqual(["UnknownError", false])
      const nobody = yield* ours(server(), { port: yield* freePort })
      expect(yield* toldBy(nobody`select 1`)).toEqual(["ConnectionError", true])
      const unknown = yield* ours(server(), { ...login(server()), database: "nowhere" })
      expect(yield* toldBy(unknown`select 1`)).toEqual(["UnknownError", false])
      yield* sql.pool.awaitReady
      yield* Effect.scoped(Effect.gen(function*() {
        yield* sql.reserve
        expect(yield* toldBy(sql`select 1`)).toEqual(["UnknownError", false])
        const other = yield* Effect.forkChild(toldBy(sql`select 1`))
        expect(yield* Fiber.join(other)).toEqual(["ConnectionError", true])
      }))
      yield* sql.pool.close
      expect(yield* toldBy(sql`select 1`)).toEqual(["UnknownError", false])
    }))
})
