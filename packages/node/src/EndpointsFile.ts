/**
 * Endpoints from a file that others write.
 *
 * @since 3.0.0
 */
import type * as Endpoints from "@socketpool/core/Endpoints"
import type { EndpointsError } from "@socketpool/core/EndpointsError"
import type * as Duration from "effect/Duration"
import * as internal from "./internal/endpointsFile.js"

/**
 * The options of `watch`, besides the path.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * The time after which the file is read again, although the system has told of no change: it does not tell of each, as
   * with files of a network. More than 0. Default: 5 seconds.
   */
  readonly interval?: Duration.DurationInput
}

/**
 * Reads a set of endpoints from a file, and reads it again whenever it changes. Use it where something else knows the
 * servers: a deployment, a template, a `ConfigMap` of Kubernetes.
 *
 * The file has a JSON array of endpoints, with the fields of `Endpoint`:
 *
 * ```json
 * [{ "host": "10.0.0.1", "port": 6379 }, { "host": "10.0.0.2", "port": 6379, "weight": 2, "tier": 1 }]
 * ```
 *
 * - It is read again when something changes in its folder, and every `interval`. So a file that is replaced by another
 *   one, or by way of a symbolic link, counts as changed, too. Write a new file and rename it: then nobody reads half of
 *   it.
 * - A set is emitted only if it differs from the one before. An empty array is an empty set.
 * - The stream fails with `EndpointsError` if there is no file at first, or none that can be used. Later the last set stays,
 *   and the reason is logged as a warning, once until it changes.
 *
 * @example
 * ```ts
 * import { EndpointsFile } from "@socketpool/node"
 *
 * const replicas = EndpointsFile.watch("/etc/app/replicas.json")
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const watch = (path: string, options: Options = {}): Endpoints.Endpoints<EndpointsError> =>
  internal.watch(internal.nodes, path, options)
