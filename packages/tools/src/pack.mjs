// Packs every published package into `build/packages`, for projects that install them from files.
import * as fs from "node:fs"
import * as path from "node:path"
import { pack } from "./packed.mjs"
import { root } from "./workspace.mjs"

const folder = path.join(root, "build", "packages")
fs.rmSync(folder, { recursive: true, force: true })
fs.mkdirSync(folder, { recursive: true })
for (const tarball of Object.values(pack(folder))) console.log(path.relative(root, tarball))
