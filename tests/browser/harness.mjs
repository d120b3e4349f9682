/**
 * What every browser test stands on: the tests' list, a browser with WebGPU, and the site on a server of this process.
 *
 *     import { test } from "./harness.mjs";
 *     test("the page opens", async ({ page, site }) => { await (await page()).goto(site); });
 *
 * Each test gets a browser of its own with an empty profile on disk (storage of private windows lives in memory, and is small), and the
 * test fails on its time limit, on an exception, and on nothing else: what a page logs is shown only when it fails.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serveFolder } from "./server.mjs";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const dist = path.resolve(process.env.MMEDKIT_DIST ?? path.join(root, "dist"));
const executablePath = process.env.MMEDKIT_CHROMIUM ?? "/usr/bin/chromium";

/** Needed by headless Chromium for a WebGPU adapter without a graphics card; measured with Chromium 156, 2026-11. */
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
const QUIET = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const tests = [];

/** Adds a test. `options`: `timeout` in seconds (120), `webgpu: false` for a browser without an adapter, `args` for the browser. */
export function test(name, options, body) {
  if (typeof options === "function") [options, body] = [{}, options];
  tests.push({ name, body, ...options });
}

/** A browser with an empty profile. `close` also removes the profile. */
async function openBrowser({ webgpu = true, args = [] }) {
  const profile = await mkdtemp(path.join(tmpdir(), "mmedkit-profile-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [...QUIET, ...(webgpu ? WEBGPU : ["--disable-gpu", "--disable-features=WebGPU"]), ...args],
  });
  const close = async () => {
    await context.close().catch(() => {});
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { context, close };
}

async function runOne({ name, body, timeout = 120, ...options }) {
  const log = [];
  const cleanups = [];
  let timer;
  try {
    const site = await serveFolder(dist);
    cleanups.push(() => site.close());
    const browser = await openBrowser(options);
    cleanups.push(browser.close);
    const page = async () => {
      const page = await browser.context.newPage();
      page.on("console", (message) => log.push(`[${message.type()}] ${message.text()}`));
      page.on("pageerror", (error) => log.push(`[page error] ${error.stack ?? error}`));
      page.on("crash", () => log.push("[crash]"));
      return page;
    };
    const defer = (cleanup) => cleanups.push(cleanup);
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${timeout} s`)), timeout * 1000);
    });
    const started = performance.now();
    await Promise.race([body({ page, site: site.url, server: site, context: browser.context, defer }), late]);
    console.log(`ok - ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    return true;
  } catch (error) {
    console.log(`not ok - ${name}\n${String(error?.stack ?? error).replace(/^/gm, "    ")}`);
    if (log.length) console.log(`    the pages said:\n${log.slice(-40).join("\n").replace(/^/gm, "      ")}`);
    return false;
  } finally {
    clearTimeout(timer);
    for (const cleanup of cleanups.reverse()) await Promise.resolve(cleanup()).catch((error) => console.log(`    cleaning up: ${error}`));
  }
}

/** Runs the tests whose names contain one of `wanted` (all, without). Returns the number that failed. */
export async function runAll(wanted) {
  const chosen = tests.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
  if (chosen.length === 0) throw new Error(`no test is called ${wanted.join(" or ")}`);
  let failed = 0;
  for (const one of chosen) failed += (await runOne(one)) ? 0 : 1;
  console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
  return failed;
}
