/**
 * Runs every `*.test.mjs` of this folder against the built site: `node tests/browser/run.mjs [part of a test's name …]`.
 *
 * Environment: `MMEDKIT_DIST` (the built site, default `dist/`), `MMEDKIT_CHROMIUM` (the browser, default `/usr/bin/chromium`).
 */

import { readdir } from "node:fs/promises";
import { runAll } from "./harness.mjs";

const folder = new URL("./", import.meta.url);
const files = (await readdir(folder)).filter((name) => name.endsWith(".test.mjs")).sort();
for (const file of files) await import(new URL(file, folder));
process.exitCode = (await runAll(process.argv.slice(2))) === 0 ? 0 : 1;
