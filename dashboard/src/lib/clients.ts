/** The configuration of MCP clients that use Ostler; the same as `ostler client-config` writes. */

export interface Aim {
  /** The base URL of Ostler, without a trailing slash. */
  base: string;
  /** One server, or all as one. */
  serverId: string | null;
  search: boolean;
}

export interface Client {
  key: string;
  name: string;
  /** The file that the text belongs in. */
  place: string;
  config: (aim: Aim) => string;
  /** The remaining step. */
  then: string;
}

const NAME = "ostler";

export function endpoint({ base, serverId, search }: Aim): string {
  if (serverId) return `${base}/mcp/${serverId}`;
  return `${base}/mcp${search ? "?tools=search" : ""}`;
}

/** The flags by which `ostler` finds the same. */
export function flags({ base, serverId, search }: Aim): string[] {
  return ["--url", base, ...(serverId ? ["--server", serverId] : []), ...(search && !serverId ? ["--search"] : [])];
}

const http = (aim: Aim, key: string) => ({
  type: "http",
  url: endpoint(aim),
  headers: { Authorization: `Bearer ${key}` },
});
const text = (value: unknown) => JSON.stringify(value, null, 2);
const exported = "Set OSTLER_API_KEY to the key before starting it.";

export const clients: Client[] = [
  {
    key: "claude-code",
    name: "Claude Code",
    place: ".mcp.json in the project folder",
    config: (aim) => text({ mcpServers: { [NAME]: http(aim, "${OSTLER_API_KEY}") } }),
    then: exported,
  },
  {
    key: "claude",
    name: "Claude Desktop",
    place: "claude_desktop_config.json (Settings, Developer, Edit Config)",
    config: (aim) =>
      text({
        mcpServers: {
          [NAME]: { command: "ostler", args: ["connect", ...flags(aim)], env: { OSTLER_API_KEY: "<your API key>" } },
        },
      }),
    then: "Replace <your API key> with the key, and ostler with its full path unless it is on PATH.",
  },
  {
    key: "cursor",
    name: "Cursor",
    place: "~/.cursor/mcp.json",
    config: (aim) => {
      const { url, headers } = http(aim, "${env:OSTLER_API_KEY}");
      return text({ mcpServers: { [NAME]: { url, headers } } });
    },
    then: exported,
  },
  {
    key: "vscode",
    name: "VS Code",
    place: ".vscode/mcp.json in the workspace folder",
    config: (aim) =>
      text({
        servers: { [NAME]: http(aim, `\${input:${NAME}-key}`) },
        inputs: [
          { type: "promptString", id: `${NAME}-key`, description: `API key of Ostler at ${aim.base}`, password: true },
        ],
      }),
    then: "VS Code asks for the key and stores it.",
  },
];
