/**
 * For tests of the JavaScript kit: an empty page of the site with the kit in it, models on another origin, and what the native program says.
 */

import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "./harness.mjs";
import { serveModel } from "./server.mjs";

/** A page with the kit's exports in `window.kit`, and `window.tell(error)` to bring errors over. */
export async function kitPage({ page, server }) {
  server.routes.set("/kit.html", (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>kit</title>"));
  const tab = await page();
  await tab.goto(`${server.url}kit.html`);
  await tab.evaluate(async () => {
    window.kit = await import("./mmedkit.js");
    window.tell = (error) => ({ name: error.name, kind: error.kind, message: error.message, recoverable: error.recoverable });
    /** Loads, and returns the engine's facts or the error. */
    window.load = async (options) => {
      window.progress = [];
      try {
        window.engine = await kit.Engine.load({ onProgress: (at) => window.progress.push(at), ...options });
        return { info: window.engine.info };
      } catch (error) {
        return { error: tell(error) };
      }
    };
  });
  return tab;
}

/** Serves `model` (see gguf.mjs) until the test ends. */
export async function served({ defer }, model, faults) {
  const server = await serveModel(model, faults);
  defer(() => server.close());
  return server;
}

/** `model` as a file that the native program can read; removed when the test ends. */
export async function onDisk({ defer }, model) {
  const folder = await mkdtemp(path.join(tmpdir(), "mmedkit-model-"));
  defer(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, "model.gguf");
  await writeFile(file, model.bytes(0, model.size));
  return file;
}

let program;
/** The program `mmedkit`; built where it is missing. */
function native() {
  if (program) return program;
  program = process.env.MMEDKIT_NATIVE ?? ["debug", "release"].map((profile) => path.join(root, "target", profile, "mmedkit")).find(existsSync);
  if (!program) {
    execFileSync("cargo", ["build", "--quiet", "--package", "mmedkit", "--bin", "mmedkit"], { cwd: root, stdio: "inherit" });
    program = path.join(root, "target/debug/mmedkit");
  }
  return program;
}

/** Runs `mmedkit` with these arguments and waits for its end. */
export function runNative(args) {
  return new Promise((resolve, reject) => {
    execFile(native(), args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error) return reject(new Error(`mmedkit ${args.join(" ")}: ${stderr || error}`));
      resolve(stdout);
    });
  });
}

/** Runs `mmedkit` with JSON values on the lines of its input; returns those of its output. */
export function mmedkit(args, lines) {
  return new Promise((resolve, reject) => {
    const child = execFile(native(), args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error) return reject(new Error(`mmedkit ${args.join(" ")}: ${stderr || error}`));
      resolve(stdout.trim().split("\n").map((line) => JSON.parse(line)));
    });
    child.stdin.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  });
}
