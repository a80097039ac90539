/** A client of Ostler's own MCP endpoint, revision 2026-07-28: each request stands for itself. */
import { headerValue } from "../lib/header";
import { readEvents } from "../lib/sse";
import { ApiError, send } from "./client";

const REVISION = "2026-07-28";
const prefix = "io.modelcontextprotocol/";

/** What a server may ask of the page that runs its tools. */
export const answerable = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

export interface Heard {
  method: string;
  params?: Record<string, unknown>;
}

export interface McpAsk {
  signal?: AbortSignal | undefined;
  /** What this page can be asked for, such as `{ elicitation: {} }`. */
  capabilities?: Record<string, unknown>;
  /** Notifications that come before the answer. */
  heard?: (note: Heard) => void;
  /** Arguments that the server's schema wants as headers, too. */
  mirrored?: [name: string, value: string][];
}

/** The server, or Ostler for it, answered with a JSON-RPC error. */
export class RpcError extends Error {
  override name = "RpcError";

  constructor(
    readonly code: number,
    message: string,
    readonly data: unknown,
  ) {
    super(message || `the server answered with error ${code}`);
  }
}

interface Reply<T> {
  id?: unknown;
  method?: string;
  params?: Record<string, unknown>;
  result?: T;
  error?: { code: number; message: string; data?: unknown };
}

let asked = 0;

/** Sends one request to a server; aborting cancels it. */
export async function ask<T>(serverId: string, method: string, params: Record<string, unknown> = {}, options: McpAsk = {}): Promise<T> {
  const id = ++asked;
  const meta = {
    ...(params["_meta"] as Record<string, unknown> | undefined),
    [`${prefix}protocolVersion`]: REVISION,
    [`${prefix}clientInfo`]: { name: "ostler-dashboard", version: "1" },
    [`${prefix}clientCapabilities`]: options.capabilities ?? {},
  };
  const headers: Record<string, string> = {
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": REVISION,
    "mcp-method": method,
  };
  const name = method === "resources/read" ? params["uri"] : params["name"];
  if (typeof name === "string") headers["mcp-name"] = headerValue(name);
  for (const [mirror, value] of options.mirrored ?? []) headers[`mcp-param-${mirror}`] = headerValue(value);
  const body = { jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } };
  const reply = await exchange<T>(`/mcp/${encodeURIComponent(serverId)}`, body, headers, id, options);
  if (reply.error) throw new RpcError(reply.error.code, reply.error.message, reply.error.data);
  return reply.result as T;
}

/** All pages of a list such as `prompts/list`; `field` is what the items are under. */
export async function askAll<T>(serverId: string, method: string, field: string, options: McpAsk = {}): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await ask<Record<string, unknown>>(serverId, method, cursor ? { cursor } : {}, options);
    items.push(...((page[field] as T[] | undefined) ?? []));
    cursor = page["nextCursor"] as string | undefined;
  } while (cursor && items.length < 2000);
  return items;
}

async function exchange<T>(path: string, body: unknown, headers: Record<string, string>, id: number, options: McpAsk): Promise<Reply<T>> {
  let response: Response;
  try {
    response = await send(path, { method: "POST", body, headers, signal: options.signal });
  } catch (error) {
    const reply = error instanceof ApiError ? (error.problem as Reply<T>) : null;
    if (reply?.error && typeof reply.error === "object") return reply;
    throw error;
  }
  if (!(response.headers.get("content-type") ?? "").includes("event-stream")) return (await response.json()) as Reply<T>;
  let reply: Reply<T> | null = null;
  await readEvents(response, (events) => {
    for (const event of events) {
      const message = JSON.parse(event.data) as Reply<T>;
      if (message.id === id && !message.method) reply = message;
      else if (message.method) options.heard?.(message as Heard);
    }
  });
  if (!reply) throw new Error("the stream ended before the answer");
  return reply;
}
