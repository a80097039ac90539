/** Requests to the API: same origin, the session's cookie, failures as `ApiError`. */
import { Store } from "../lib/store";
import type { List, Problem } from "./types";

/** Relative to the page, so that it also works where a host program mounts Ostler under a prefix. */
export function address(path: string): string {
  const { pathname, search } = new URL(path.replace(/^\//, ""), document.baseURI.replace(/[?#].*$/, ""));
  return pathname + search;
}

export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
    /** Milliseconds after which another try may help. */
    readonly retryAfter: number | null,
  ) {
    super(problem.detail || problem.title || `the request failed with status ${status}`);
  }

  /** The validation message of the field at a JSON Pointer. */
  at(pointer: string): string | undefined {
    return this.problem.errors?.find((fault) => fault.pointer === pointer)?.message;
  }
}

/** The state of the session; a response with status 401 ends it, and the login form appears at once. */
export const session = new Store<"unknown" | "open" | "ended">("unknown");

export interface RequestOptions {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** Sends a request; throws an `ApiError` unless it succeeds. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json", ...options.headers };
  const init: RequestInit = { method: options.method ?? "GET", headers, credentials: "same-origin", cache: "no-store" };
  if (options.body !== undefined) {
    headers["content-type"] = "application/json";
    init.body = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
  }
  if (options.signal) init.signal = options.signal;
  let response: Response;
  try {
    response = await fetch(address(path), init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, { detail: "Ostler cannot be reached" }, 2000);
  }
  if (response.ok) return response;
  throw await failure(response, path);
}

async function failure(response: Response, path: string): Promise<ApiError> {
  if (response.status === 401 && !path.endsWith("/auth/login")) session.set("ended");
  const wait = Number(response.headers.get("retry-after"));
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const problem = isJson ? ((await response.json().catch(() => ({}))) as Partial<Problem>) : {};
  return new ApiError(response.status, problem, wait > 0 ? wait * 1000 : null);
}

async function read<T>(response: Response): Promise<T> {
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export const api = {
  get: async <T>(path: string, signal?: AbortSignal): Promise<T> => read(await send(path, { signal })),
  post: async <T>(path: string, body?: unknown): Promise<T> => read(await send(path, { method: "POST", body })),
  put: async <T>(path: string, body: unknown, headers?: Record<string, string>): Promise<T> =>
    read(await send(path, { method: "PUT", body, ...(headers && { headers }) })),
  delete: async (path: string): Promise<void> => {
    await send(path, { method: "DELETE" });
  },
};

/** A query string of the values that are set, with its question mark. */
export function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString();
  return text && `?${text}`;
}

/** Items of all pages of a list, up to `max`. */
export async function allPages<T>(path: string, signal?: AbortSignal, max = 2000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: List<T> = await api.get(path + query({ limit: 100, cursor }), signal);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor && items.length < max);
  return items;
}

/** The message of an error. */
export function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True if the API has no such route, or that part of Ostler is disabled. */
export function isAbsent(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return (error.status === 404 && error.problem.code === "not_found") || error.status === 405;
}
