/** All routes of a dashboard, which watches the pools for them until the scope closes. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { actionRoutes } from "./actionRoutes.js"
import { guards } from "./auth.js"
import type { Resolved } from "./options.js"
import { readRoutes } from "./readRoutes.js"
import type { Route } from "./route.js"
import { watch } from "./watch.js"

export const routes = (options: Resolved): Effect.Effect<ReadonlyArray<Route>, never, Scope.Scope> =>
  Effect.map(watch(options), (watch) => {
    const access = guards(options)
    return [...readRoutes(access, watch, options.metrics), ...actionRoutes(access, watch)]
  })
