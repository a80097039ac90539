/** The tools of a server. */
import { useMay, useTools } from "../../api/queries";
import type { Server, Tool } from "../../api/types";
import { plural } from "../../lib/format";
import { readableJson } from "../../lib/inert";
import { to } from "../../lib/links";
import { useAddressState } from "../../ui/address";
import { ButtonLink } from "../../ui/button";
import { Card, Empty, Loaded } from "../../ui/card";
import { Search } from "../../ui/field";
import { Code, Text } from "../../ui/text";
import type { TabProps } from "./tab";
import { ToolChanges } from "./tool-changes";

export function Tools({ details: { server } }: TabProps) {
  return (
    <>
      <ToolChanges server={server} />
      <ListedTools server={server} />
    </>
  );
}

function ListedTools({ server }: { server: Server }) {
  const tools = useTools(server);
  const [{ search: words }, set] = useAddressState({ search: "" });
  return (
    <Loaded query={tools}>
      {(items) => {
        const found = items.filter((tool) =>
          `${tool.name}\n${tool.title}\n${tool.description}`.toLowerCase().includes(words.toLowerCase()),
        );
        return (
          <Card
            title={plural(items.length, "tool")}
            flush
            actions={
              items.length > 8 && (
                <Search label="Search tools" value={words} onChange={(search) => set({ search })} />
              )
            }
          >
            {found.length ? (
              <ul className="list">
                {found.map((tool) => <ToolItem key={tool.name} tool={tool} serverId={server.id} />)}
              </ul>
            ) : (
              <Empty title={items.length ? "No matching tools" : "No tools"} />
            )}
          </Card>
        );
      }}
    </Loaded>
  );
}

function ToolItem({ tool, serverId }: { tool: Tool; serverId: string }) {
  const may = useMay();
  const title = tool.title ?? tool.annotations?.title;
  return (
    <li>
      <div className="row">
        <div className="grow">
          <div className="row">
            <span className="strong mono"><Text line>{tool.name}</Text></span>
            {title && title !== tool.name && <span><Text line>{title}</Text></span>}
            <Hints tool={tool} />
          </div>
          {tool.description && <p className="small muted break"><Text most={400} line>{tool.description}</Text></p>}
          <details className="small">
            <summary>Schema</summary>
            <Code label={`Schema of ${tool.name}`}>{readableJson(tool.inputSchema ?? {}, 2)}</Code>
          </details>
        </div>
        {may("mcp:execute") && <ButtonLink to={to.tool(serverId, tool.name)} icon="play">Run</ButtonLink>}
      </div>
    </li>
  );
}

/** Hints of the server about a tool; they need not be true. */
export function Hints({ tool: { annotations } }: { tool: Tool }) {
  if (!annotations) return null;
  const hints = [
    annotations.readOnlyHint && "read-only",
    !annotations.readOnlyHint && annotations.destructiveHint && "destructive",
    annotations.idempotentHint && "idempotent",
    annotations.openWorldHint && "open world",
  ].filter((hint) => typeof hint === "string");
  return (
    <>
      {hints.map((hint) => <span key={hint} className="tag" title="Hint of the server">{hint}</span>)}
    </>
  );
}
