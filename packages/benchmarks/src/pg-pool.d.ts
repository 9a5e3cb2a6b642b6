/** The part of pg-pool that the benchmarks use. Its own types require a driver. */
declare module "pg-pool" {
  interface Options {
    readonly Client: new() => object
    readonly max: number
    readonly min: number
    readonly idleTimeoutMillis: number
    readonly connectionTimeoutMillis?: number
  }
  interface Client {
    release(): void
  }
  export default class PgPool {
    constructor(options: Options)
    connect(): Promise<Client>
    end(): Promise<void>
    readonly idleCount: number
  }
}
