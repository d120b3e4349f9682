/**
 * Servers for the tests: the built site, and a model's server that can be told to misbehave.
 */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import http from "node:http";
import path from "node:path";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".jsonl": "application/jsonl",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Starts a server on a free port of this machine. */
async function listen(handler) {
  const server = http.createServer((request, response) => {
    Promise.resolve(handler(request, response)).catch((error) => {
      response.destroy(error);
    });
  });
  await new Promise((resolve, reject) => server.listen(0, "127.0.0.1", resolve).once("error", reject));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

/** `bytes=a-b` of a resource of `size` bytes as `[a, b + 1)`, or null without (or with another kind of) range. */
export function rangeOf(header, size) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (!match) return null;
  const start = Number(match[1]);
  const end = match[2] ? Math.min(Number(match[2]) + 1, size) : size;
  return start < end ? [start, end] : undefined;
}

/** Serves `folder`, under the path `under`. `requests` lists what was asked for; `routes.set(path, handler)` stands in for a file. */
export async function serveFolder(folder, under = "/") {
  const requests = [];
  const routes = new Map();
  const server = await listen(async (request, response) => {
    const name = decodeURIComponent(new URL(request.url, "http://here").pathname);
    requests.push(name);
    if (routes.has(name)) return routes.get(name)(request, response);
    if (!name.startsWith(under)) return response.writeHead(404, { "content-type": "text/plain" }).end("404 Not Found");
    let file = path.join(folder, path.normalize(name.slice(under.length - 1)));
    if (!file.startsWith(folder)) return response.writeHead(403).end();
    let facts = await stat(file).catch(() => null);
    if (facts?.isDirectory()) {
      file = path.join(file, "index.html");
      facts = await stat(file).catch(() => null);
    }
    if (!facts) return response.writeHead(404, { "content-type": "text/plain" }).end("404 Not Found");
    const headers = { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream", "accept-ranges": "bytes", "cache-control": "no-store" };
    const range = rangeOf(request.headers.range, facts.size);
    if (range === undefined) return response.writeHead(416, { "content-range": `bytes */${facts.size}` }).end();
    const [start, end] = range ?? [0, facts.size];
    headers["content-length"] = end - start;
    if (range) headers["content-range"] = `bytes ${start}-${end - 1}/${facts.size}`;
    response.writeHead(range ? 206 : 200, headers);
    if (request.method === "HEAD" || start === end) return response.end();
    createReadStream(file, { start, end: end - 1 }).pipe(response);
  });
  return { ...server, url: new URL(under, server.url).href, requests, routes };
}

/**
 * Serves one model from another origin. `bytes(start, end)` gives its content. `faults` may be changed at any time:
 * `cors: false`, `ranges: false`, `status: 404`, `cutAfter: n` (closes the connection after n bytes of each answer), `stall: n` (answers n requests, then
 * falls silent).
 */
export async function serveModel({ size, bytes, etag = '"1"' }, faults = {}) {
  const ranges = [];
  const server = await listen(async (request, response) => {
    const headers = { "content-type": "application/octet-stream", "cache-control": "no-store", etag };
    if (faults.cors !== false) {
      headers["access-control-allow-origin"] = "*";
      headers["access-control-allow-headers"] = "*";
      headers["access-control-expose-headers"] = "*";
    }
    if (request.method === "OPTIONS") return response.writeHead(204, headers).end();
    if (ranges.length >= faults.stall) return;
    if (faults.status) return response.writeHead(faults.status, headers).end();
    const range = faults.ranges === false ? null : rangeOf(request.headers.range, size);
    if (range === undefined) return response.writeHead(416, { ...headers, "content-range": `bytes */${size}` }).end();
    const [start, end] = range ?? [0, size];
    ranges.push([start, end]);
    if (faults.ranges !== false) headers["accept-ranges"] = "bytes";
    headers["content-length"] = end - start;
    if (range) headers["content-range"] = `bytes ${start}-${end - 1}/${size}`;
    response.writeHead(range ? 206 : 200, headers);
    if (request.method === "HEAD") return response.end();
    let sent = 0;
    for (let at = start; at < end; ) {
      const next = Math.min(end, at + (1 << 20));
      if (faults.cutAfter !== undefined && sent + (next - at) > faults.cutAfter) return response.destroy();
      sent += next - at;
      const more = response.write(bytes(at, next));
      if (!more) await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
      if (response.destroyed) return;
      at = next;
    }
    response.end();
  });
  return { ...server, url: `${server.url}model.gguf`, ranges, faults };
}
