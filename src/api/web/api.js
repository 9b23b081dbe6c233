// The server's API, as the page asks it. The token goes along as a header, and to WebSockets as a
// sub-protocol: never in an address.
import {clockFromHeader} from "./clock.js";
import {token} from "./session.js";

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

async function errorOf(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Not from the API: a proxy's page, say.
  }
  const after = Number(response.headers.get("Retry-After"));
  return new ApiError(response.status, problem.detail ?? problem.title ?? `${response.status} ${response.statusText}`,
    problem.field, after || null);
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
    throw new ApiError(0, "the server cannot be reached");
  }
  clockFromHeader(response.headers.get("Date"));
  if (response.ok) return response;
  const error = await errorOf(response);
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

export function webSocket(path, query) {
  const url = address(path, query);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(url, token() ? ["eavesdrop.v1", `eavesdrop.token.${token()}`] : ["eavesdrop.v1"]);
}

// What the reader may do: {name, scopes, streams, is_known, version}.
export const me = {scopes: [], streams: null, is_known: false, version: ""};

export async function askWhoIAm() {
  Object.assign(me, await get("/me"));
  return me;
}

export const may = (scope) => me.scopes.includes(scope);
export const mayReadAll = () => may("read") && me.streams === null;
