/**
 * Puts the npm package together from the built site: `node crates/worker/npm/build.mjs [SITE [PACKAGE]]`, by default `dist` and `target/npm`.
 *
 * `cargo xtask dist` builds the site. Then `npm publish target/npm` publishes, `npm pack --dry-run` shows what would be.
 */

import { cp, mkdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../../..");
const site = path.resolve(process.argv[2] ?? path.join(root, "dist"));
const target = path.resolve(process.argv[3] ?? path.join(root, "target/npm"));

const { files } = JSON.parse(await readFile(path.join(here, "package.json"), "utf8"));
await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
await cp(path.join(here, "package.json"), path.join(target, "package.json"));
let bytes = 0;
for (const file of files) {
  const from = path.join(file === "README.md" ? here : site, file);
  const facts = await stat(from).catch(() => {
    throw new Error(`${from} is missing: build the site first (cargo xtask dist)`);
  });
  bytes += facts.size;
  await mkdir(path.dirname(path.join(target, file)), { recursive: true });
  await cp(from, path.join(target, file));
}
console.log(`${target}: ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
