// The server's API, as the page asks it. The token goes along as a header, and to WebSockets as a
// sub-protocol: never in an address.
import {clockFromHeader} from "./clock.js";
import {token} from "./session.js";
import {say} from "./texts.js";

const BASE = "/api/v1";

// What the server says when it refuses; status 0: it was not reached.
export class ApiError extends Error {
  constructor(status, detail, field, retryAfter) {
    super(detail);
    this.status = status;
    this.field = field; // the part of the request that was wrong, "decoding.beam_size"
    this.retryAfter = retryAfter; // seconds, or null
  }
}

let onRefused = () => {};

// Called with the error when the server wants a token, or another one.
export function whenRefused(handler) {
  onRefused = handler;
}

export function address(path, query) {
  const url = new URL(BASE + path, location.origin);
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  return url;
}

// A part of a path: names of streams may be anything.
export const part = encodeURIComponent;

// `body` is the answer's text: that of a problem, or a proxy's page.
function errorOf(status, words, body, retryAfter) {
  let problem = {};
  try {
    problem = JSON.parse(body);
  } catch {
    // Not from the API.
  }
  return new ApiError(status, problem.detail ?? problem.title ?? `${status} ${words}`, problem.field,
    Number(retryAfter) || null);
}

// The answer itself. Throws ApiError for what is no success.
export async function send(method, path, {query, json, body, headers, signal} = {}) {
  const all = new Headers(headers);
  if (token()) all.set("Authorization", `Bearer ${token()}`);
  if (json !== undefined) all.set("Content-Type", "application/json");
  let response;
  try {
    response = await fetch(address(path, query), {
      method,
      headers: all,
      body: json !== undefined ? JSON.stringify(json) : body,
      signal,
      cache: "no-store",
      credentials: "omit",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, say("error.unreached"));
  }
  clockFromHeader(response.headers.get("Date"));
  if (response.ok) return response;
  const error = errorOf(response.status, response.statusText, await response.text().catch(() => ""),
    response.headers.get("Retry-After"));
  if (error.status === 401) onRefused(error);
  throw error;
}

// The answer's JSON; null where it has none (204).
export async function request(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

export const get = (path, query, signal) => request("GET", path, {query, signal});

export async function blob(path, query, signal) {
  return (await send("GET", path, {query, signal})).blob();
}

// Send a large body, and be told how far it is: onProgress(bytes sent, bytes in all). The answer's
// JSON; throws ApiError as the others do.
export function upload(path, {query, body, onProgress, signal}) {
  return new Promise((resolve, reject) => {
    const asking = new XMLHttpRequest();
    asking.open("POST", address(path, query));
    if (token()) asking.setRequestHeader("Authorization", `Bearer ${token()}`);
    asking.upload.onprogress = ({loaded, total}) => onProgress(loaded, total);
    asking.onload = () => {
      if (asking.status >= 200 && asking.status < 300) return resolve(JSON.parse(asking.responseText));
      const error = errorOf(asking.status, asking.statusText, asking.responseText, asking.getResponseHeader("Retry-After"));
      if (error.status === 401) onRefused(error);
      return reject(error);
    };
    asking.onerror = () => reject(new ApiError(0, say("error.unreached")));
    asking.onabort = () => reject(new DOMException("", "AbortError"));
    signal?.addEventListener("abort", () => asking.abort(), {once: true});
    asking.send(body);
  });
}

export function webSocket(path, query) {
  const url = address(path, query);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(url, token() ? ["eavesdrop.v1", `eavesdrop.token.${token()}`] : ["eavesdrop.v1"]);
}

// What the reader may do: {name, scopes, streams, is_known, version}, and what the server tells
// everybody of itself.
export const me = {scopes: [], streams: null, is_known: false, version: ""};

export async function askWhoIAm() {
  Object.assign(me, await get("/me"));
  return me;
}

export const may = (scope) => me.scopes.includes(scope);
export const mayReadAll = () => may("read") && me.streams === null;
