/** A stateless client of Ostler's MCP endpoint, revision 2026-07-28. */
import { headerValue } from "../lib/header";
import { listed } from "../lib/listed";
import { readEvents } from "../lib/sse";
import { ApiError, send } from "./client";

const REVISION = "2026-07-28";
const prefix = "io.modelcontextprotocol/";

/** Capabilities of the page that runs tools: requests that servers may send to it. */
export const clientCapabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

export interface McpNotification {
  method: string;
  params?: Record<string, unknown>;
}

export interface McpOptions {
  signal?: AbortSignal | undefined;
  /** Capabilities of the client, such as `{ elicitation: {} }`. */
  capabilities?: Record<string, unknown>;
  /** Receives notifications that precede the response. */
  onNotification?: (note: McpNotification) => void;
  /** Arguments to send as headers as well, because the tool's schema has `x-mcp-header`. */
  argumentHeaders?: [name: string, value: string][];
}

/** A JSON-RPC error of the server, or of Ostler in its place. */
export class RpcError extends Error {
  override name = "RpcError";

  constructor(
    readonly code: number,
    message: string,
    readonly data: unknown,
  ) {
    super(message || `the server returned error ${code}`);
  }
}

interface JsonRpcMessage<T> {
  id?: unknown;
  method?: string;
  params?: Record<string, unknown>;
  result?: T;
  error?: { code: number; message: string; data?: unknown };
}

let lastId = 0;

/** Sends one request to a server; aborting cancels it. */
export async function request<T>(
  serverId: string,
  method: string,
  params: Record<string, unknown> = {},
  options: McpOptions = {},
): Promise<T> {
  const id = ++lastId;
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
  for (const [mirror, value] of options.argumentHeaders ?? []) headers[`mcp-param-${mirror}`] = headerValue(value);
  const body = { jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } };
  const reply = await exchange<T>(`/mcp/${encodeURIComponent(serverId)}`, body, headers, id, options);
  if (reply.error) throw new RpcError(reply.error.code, reply.error.message, reply.error.data);
  return reply.result as T;
}

/** Items of all pages of a list such as `prompts/list`; `field` is the member with the items. */
export async function requestAll<T>(
  serverId: string,
  method: string,
  field: string,
  options: McpOptions = {},
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await request<Record<string, unknown>>(serverId, method, cursor ? { cursor } : {}, options);
    items.push(...listed<T>(page[field]));
    cursor = page["nextCursor"] as string | undefined;
  } while (cursor && items.length < 2000);
  return items;
}

async function exchange<T>(
  path: string,
  body: unknown,
  headers: Record<string, string>,
  id: number,
  options: McpOptions,
): Promise<JsonRpcMessage<T>> {
  let response: Response;
  try {
    response = await send(path, { method: "POST", body, headers, signal: options.signal });
  } catch (error) {
    const reply = error instanceof ApiError ? (error.problem as JsonRpcMessage<T>) : null;
    if (reply?.error && typeof reply.error === "object") return reply;
    throw error;
  }
  if (!(response.headers.get("content-type") ?? "").includes("event-stream"))
    return (await response.json()) as JsonRpcMessage<T>;
  let reply: JsonRpcMessage<T> | null = null;
  await readEvents(response, (events) => {
    for (const event of events) {
      const message = JSON.parse(event.data) as JsonRpcMessage<T>;
      if (message.id === id && !message.method) reply = message;
      else if (message.method) options.onNotification?.(message as McpNotification);
    }
  });
  if (!reply) throw new Error("the stream ended before the response");
  return reply;
}
