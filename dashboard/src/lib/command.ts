/** Command lines that make a tool call. */
import { inertJson } from "./inert";

/** One word for a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export interface ToolCommand {
  /** The base URL of Ostler, without a trailing slash. */
  base: string;
  serverId: string;
  tool: string;
  parameters: unknown;
}

export function asCurl({ base, serverId, tool, parameters }: ToolCommand): string {
  const body = inertJson({ toolName: tool, parameters });
  return [
    `curl -s ${shellWord(`${base}/api/mcp/${serverId}/execute`)}`,
    `  -H "Authorization: Bearer $OSTLER_API_KEY" -H 'Content-Type: application/json'`,
    `  -d ${shellWord(body)}`,
  ].join(" \\\n");
}

/** `ostler connect` takes the call as a client would send it. */
export function asOstler({ base, serverId, tool, parameters }: ToolCommand): string {
  const prefix = "io.modelcontextprotocol/";
  const meta = {
    [`${prefix}protocolVersion`]: "2026-07-28",
    [`${prefix}clientInfo`]: { name: "terminal", version: "1" },
    [`${prefix}clientCapabilities`]: {},
  };
  const message = inertJson({
    jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: parameters, _meta: meta },
  });
  const connect = `ostler connect --url ${shellWord(base)} --server ${shellWord(serverId)}`;
  return `printf '%s\\n' ${shellWord(message)} \\\n  | ${connect}`;
}
