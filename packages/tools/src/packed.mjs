// Packs the published packages and installs them in a project outside the workspace, as a user does.
import * as fs from "node:fs"
import * as path from "node:path"
import { pnpm } from "./pnpm.mjs"
import { published, readJson, root } from "./workspace.mjs"

/**
 * Packs every published package into a folder and returns each package's tarball by its name.
 *
 * @type {(folder: string) => Record<string, string>}
 */
export const pack = (folder) =>
  Object.fromEntries(published.map(({ dir, manifest }) => {
    const { name, version } = manifest
    pnpm(["pack", "--pack-destination", folder], { cwd: dir, stdio: ["ignore", "ignore", "inherit"] })
    return [name, path.join(folder, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`)]
  }))

const versionOf = (name) => readJson(path.join(root, "node_modules", name, "package.json")).version

/** Optional peers, such as drivers, in the versions that their packages are tested with. */
const optionalPeers = () =>
  Object.fromEntries(
    published.flatMap(({ manifest: { devDependencies = {}, peerDependenciesMeta = {} } }) =>
      Object.keys(peerDependenciesMeta)
        .map((name) => [name, devDependencies[name]])
        .filter(([, version]) => /^\d/.test(version ?? ""))
    )
  )

/**
 * Makes a project that depends on the tarballs, and on what they leave to their users.
 *
 * @type {(app: string, tarballs: Record<string, string>) => void}
 */
export const installIn = (app, tarballs) => {
  const files = Object.fromEntries(Object.entries(tarballs).map(([name, tarball]) => [name, `file:${tarball}`]))
  const write = (file, content) => fs.writeFileSync(path.join(app, file), JSON.stringify(content))
  fs.mkdirSync(app)
  write("package.json", {
    private: true,
    dependencies: {
      ...files,
      ...optionalPeers(),
      ...Object.fromEntries(
        ["effect", "@effect/platform", "@effect/platform-node"].map((name) => [name, versionOf(name)])
      )
    },
    devDependencies: { "@types/node": versionOf("@types/node") }
  })
  // JSON is YAML. The overrides make the packages find one another's tarballs, too.
  write("pnpm-workspace.yaml", {
    strictPeerDependencies: true,
    overrides: files,
    allowBuilds: { "@parcel/watcher": false, "msgpackr-extract": false }
  })
  pnpm(["install", "--prefer-offline", "--silent", "--no-frozen-lockfile"], { cwd: app })
}
