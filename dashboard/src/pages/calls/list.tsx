/** The list of recorded calls, newest first. */
import { useMemo } from "react";
import { Link } from "wouter";
import { keys, usePages, useServers } from "../../api/queries";
import type { ToolCall } from "../../api/types";
import { count, millis } from "../../lib/format";
import { to } from "../../lib/links";
import { Card, Paged } from "../../ui/card";
import { Badge } from "../../ui/state";
import { Moment, Text } from "../../ui/text";
import type { Filter } from "./filter";

export function CallList({ filter, withServer }: { filter: Filter; withServer: boolean }) {
  const { pages, items } = usePages<ToolCall>([...keys.calls, "list"], "/api/calls", { ...filter });
  return (
    <>
      {items.length > 4 && <Histogram items={items} />}
      <Card title="Recorded calls" flush>
        <Paged pages={pages} none={pages.hasNextPage ? "No matches so far" : "No calls"}>
          {items.length > 0 && <Rows items={items} withServer={withServer} />}
        </Paged>
      </Card>
    </>
  );
}

const bounds = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000];

/** The listed calls by duration. */
function Histogram({ items }: { items: ToolCall[] }) {
  const found = Array.from({ length: bounds.length + 1 }, () => 0);
  for (const { executionTime } of items) {
    const at = bounds.findIndex((bound) => executionTime <= bound);
    found[at < 0 ? bounds.length : at]! += 1;
  }
  const first = found.findIndex((n) => n > 0);
  const last = found.findLastIndex((n) => n > 0);
  const most = Math.max(...found);
  return (
    <Card title={`Duration of these ${count(items.length)} calls`}>
      <ul className="stack tight">
        {found.map((n, index) =>
          index < first || index > last ? null : (
            <li key={index} className="bars-row">
              <span className="num">
                {index < bounds.length ? `≤ ${millis(bounds[index])}` : `> ${millis(bounds.at(-1))}`}
              </span>
              <span className="bar-track" aria-hidden="true">
                <span style={{ width: `${(n / most) * 100}%` }} />
              </span>
              <span className="num">{count(n)}</span>
            </li>
          ),
        )}
      </ul>
    </Card>
  );
}

function Rows({ items, withServer }: { items: ToolCall[]; withServer: boolean }) {
  const servers = useServers().data;
  const names = useMemo(() => new Map(servers?.map((server) => [server.id, server.name])), [servers]);
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Tool</th>
            {withServer && <th scope="col" className="wide-only">Server</th>}
            <th scope="col">Outcome</th>
            <th scope="col" className="num">Duration</th>
            <th scope="col">Time</th>
          </tr>
        </thead>
        <tbody>
          {items.map((call) => (
            <tr key={call.id}>
              <td className="naming">
                <Link href={to.call(call.id)} className="main-link mono">
                  <Text line most={80}>
                    {call.toolName}
                  </Text>
                </Link>
              </td>
              {withServer && (
                <td className="wide-only">
                  <Link href={to.server(call.serverId)}>
                    <Text line most={60}>
                      {names.get(call.serverId) ?? call.serverId}
                    </Text>
                  </Link>
                </td>
              )}
              <td>
                <Badge tone={call.success ? "ok" : "bad"}>{call.success ? "Succeeded" : "Failed"}</Badge>
                {call.errorMessage && (
                  <span className="small muted wide-only">
                    {" "}
                    <Text line most={120}>
                      {call.errorMessage}
                    </Text>
                  </span>
                )}
              </td>
              <td className="num">{millis(call.executionTime)}</td>
              <td className="nowrap"><Moment at={call.createdAt} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
