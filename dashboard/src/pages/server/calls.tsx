/** The calls of a server, newest first. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api, query as queryString } from "../../api/client";
import { keys } from "../../api/queries";
import type { List, ToolCall } from "../../api/types";
import { millis } from "../../lib/format";
import { to } from "../../lib/links";
import { Choices } from "../../ui/button";
import { Card, Empty, Failed, Loading, More } from "../../ui/card";
import { Badge } from "../../ui/state";
import { Moment, Text } from "../../ui/text";
import type { TabProps } from "../server";

export function Calls({ details: { server } }: TabProps) {
  const [success, setSuccess] = useState<"" | "true" | "false">("");
  const calls = useInfiniteQuery({
    queryKey: [...keys.callsOf(server.id), success],
    queryFn: ({ pageParam, signal }) =>
      api.get<List<ToolCall>>(`/api/mcp/${server.id}/logs${queryString({ limit: 50, success, cursor: pageParam })}`, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    maxPages: 20,
  });
  const items = calls.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card
      flush
      title="Calls on record"
      actions={<Choices label="Which calls" value={success} onChange={setSuccess} options={[["", "All"], ["true", "Answered"], ["false", "Failed"]]} />}
    >
      {calls.isError && <Failed error={calls.error} retry={() => void calls.refetch()} />}
      {calls.isPending ? <Loading /> : items.length ? <Rows items={items} /> : <Empty title="No calls yet" />}
      <More query={calls} />
    </Card>
  );
}

function Rows({ items }: { items: ToolCall[] }) {
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Tool</th>
            <th scope="col">Answer</th>
            <th scope="col" className="num">Took</th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          {items.map((call) => (
            <tr key={call.id}>
              <td><Link href={to.call(call.id)} className="main-link mono"><Text line most={80}>{call.toolName}</Text></Link></td>
              <td>
                <Badge tone={call.success ? "ok" : "bad"}>{call.success ? "Answered" : "Failed"}</Badge>
                {call.errorMessage && <span className="small muted"> <Text line most={140}>{call.errorMessage}</Text></span>}
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
