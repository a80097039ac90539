/** Tools that are not as they were accepted: their differences, and their acceptance. */
import type { ReactNode } from "react";
import { api } from "../../api/client";
import { keys, useMay, useToolChanges } from "../../api/queries";
import type { Server, ToolChange } from "../../api/types";
import { plural } from "../../lib/format";
import { readableJson } from "../../lib/inert";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Card } from "../../ui/card";
import { Code, Text } from "../../ui/text";

export function ToolChanges({ server }: { server: Server }) {
  const { data: changes = [] } = useToolChanges(server.id);
  const mayAccept = useMay()("mcp:write");
  const accept = useAction(
    (tools: ToolChange[]) =>
      // The hash says what was looked at: a tool that has changed since is refused.
      api.post(`/api/mcp/${server.id}/tools/accept`, { tools: tools.map(({ name, hash }) => ({ name, hash })) }),
    {
      done: (_, tools) => `${plural(tools.length, "tool")} accepted`,
      refresh: [keys.tools(server.id), keys.server(server.id), keys.overview],
    },
  );
  if (!changes.length) return null;
  return (
    <Card
      title={`${plural(changes.length, "tool")} to accept`}
      flush
      actions={
        mayAccept &&
        changes.length > 1 && (
          <Button busy={accept.isPending} onClick={() => accept.mutate(changes)}>Accept all</Button>
        )
      }
    >
      <ul className="list">
        <li className="small muted">
          They are not as they were accepted. Clients do not see them, and calls of them are refused.
        </li>
        {changes.map((change) => (
          <li key={change.name}>
            <ChangedTool change={change}>
              {mayAccept && (
                <Button busy={accept.isPending} label={`Accept ${change.name}`} onClick={() => accept.mutate([change])}>
                  Accept
                </Button>
              )}
            </ChangedTool>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** A tool that is not as it was accepted, with its differences, and what can be done. */
export function ChangedTool({ change, children }: { change: ToolChange; children?: ReactNode }) {
  return (
    <>
      <div className="row">
        <div className="grow">
          <span className="strong mono"><Text line>{change.name}</Text></span>{" "}
          <span className="tag">{change.acceptedHash === null ? "new" : "changed"}</span>
        </div>
        {children}
      </div>
      {change.warnings.map((warning) => (
        <p key={warning} className="small warn break"><Text line>{warning}</Text></p>
      ))}
      <Differences change={change} />
    </>
  );
}

function Differences({ change }: { change: ToolChange }) {
  return change.differences.map(({ pointer, before, after }) => (
    <div key={pointer} className="small">
      <p className="mono break"><Text line>{pointer || "The whole definition"}</Text></p>
      {before !== null && <Code label={`Accepted ${pointer}`}>{`\u2212 ${readableJson(before, 2)}`}</Code>}
      {after !== null && <Code label={`New ${pointer}`}>{`+ ${readableJson(after, 2)}`}</Code>}
    </div>
  ));
}
