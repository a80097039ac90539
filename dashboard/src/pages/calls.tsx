/** Every call on record: how many, how long, and each by itself. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { all, api, query as queryString } from "../api/client";
import { keys, useMay, useServers } from "../api/queries";
import type { CallBucket, List, ServerItem, ToolCall, User } from "../api/types";
import { count, millis, percent, plural } from "../lib/format";
import { inertLine } from "../lib/inert";
import { to } from "../lib/links";
import { Button, Choices } from "../ui/button";
import { Card, Empty, Failed, Loading, More, PageHead } from "../ui/card";
import { Chart, type Series } from "../ui/chart";
import { Input, Select } from "../ui/field";
import { began, spans, useSettled, type Span } from "../ui/filters";
import { Badge } from "../ui/state";
import { Moment, Text } from "../ui/text";

interface Filter {
  span: Span;
  serverId: string;
  toolName: string;
  success: "" | "true" | "false";
  userId: string;
}

export function Calls() {
  const [filter, setFilter] = useState<Filter>({ span: "24h", serverId: "", toolName: "", success: "", userId: "" });
  const set = <K extends keyof Filter>(key: K, value: Filter[K]) => setFilter({ ...filter, [key]: value });
  const servers = useServers().data ?? [];
  const asked = { ...filter, toolName: useSettled(filter.toolName.trim()) };
  return (
    <>
      <PageHead title="Calls">
        <Choices label="Time shown" value={filter.span} options={spans} onChange={(span) => set("span", span)} />
      </PageHead>
      <div className="row filters">
        <Select label="Server" value={filter.serverId} onChange={(event) => set("serverId", event.target.value)}>
          <option value="">All</option>
          {servers.map((server) => <option key={server.id} value={server.id}>{inertLine(server.name, 80)}</option>)}
        </Select>
        <Input label="Tool" placeholder="All" value={filter.toolName} onChange={(event) => set("toolName", event.target.value)} />
        <Callers value={filter.userId} onChange={(userId) => set("userId", userId)} />
        <Choices label="Which calls" value={filter.success} onChange={(success) => set("success", success)}
          options={[["", "All"], ["true", "Answered"], ["false", "Failed"]]} />
      </div>
      <Past filter={asked} />
      <Recorded filter={asked} servers={servers} />
    </>
  );
}

/** Accounts are listed for those who manage them only. */
function Callers({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const may = useMay();
  const users = useQuery({
    queryKey: keys.users,
    queryFn: ({ signal }) => all<User>("/api/auth/users", signal),
    enabled: may("users:manage"),
    staleTime: 300_000,
  });
  if (!users.data || users.data.length < 2) return null;
  return (
    <Select label="Caller" value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">All</option>
      {users.data.map((user) => <option key={user.id} value={user.id}>{inertLine(`${user.name} <${user.email}>`, 80)}</option>)}
    </Select>
  );
}

const steps: Record<Span, string> = { "1h": "minute", "24h": "minute", "7d": "hour", "30d": "hour" };

/** Calls over time come by server and tool; the other filters are for the list alone. */
function Past({ filter: { span, serverId, toolName } }: { filter: Filter }) {
  const step = steps[span];
  const tool = serverId && toolName;
  const history = useQuery({
    queryKey: [...keys.calls, "history", span, serverId, tool],
    queryFn: ({ signal }) =>
      api.get<{ buckets: CallBucket[] }>(`/api/history/calls${queryString({ since: began(span), step, serverId, toolName: tool })}`, signal),
    placeholderData: (before) => before,
  });
  const made = useMemo(() => (history.data ? drawn(history.data.buckets) : null), [history.data]);
  if (history.isError) return <Failed error={history.error} retry={() => void history.refetch()} />;
  if (!made) return <Loading />;
  if (!made.total) return null;
  return (
    <div className="columns">
      <Card title="Calls">
        <Chart label={`${plural(made.total, "call")}, ${count(made.errors)} failed (${percent(made.errors / made.total)})`}
          times={made.times} series={made.calls} format={count} />
      </Card>
      <Card title="Time they took">
        <Chart label={`Time calls took: at worst p99 ${millis(made.worst)}`} times={made.times} series={made.latency} format={millis} />
      </Card>
    </div>
  );
}

/** At most this many points: neighbours are put together, so that a day of minutes is drawn at once. */
const MOST_POINTS = 240;

function drawn(buckets: CallBucket[]) {
  const size = Math.max(1, Math.ceil(buckets.length / MOST_POINTS));
  const groups = Array.from({ length: Math.ceil(buckets.length / size) }, (_, index) => buckets.slice(index * size, (index + 1) * size));
  const sum = (group: CallBucket[], of: (bucket: CallBucket) => number) => group.reduce((total, bucket) => total + of(bucket), 0);
  const most = (of: (bucket: CallBucket) => number | null) => groups.map((group) => {
    const known = group.map(of).filter((value) => value !== null);
    return known.length ? Math.max(...known) : null;
  });
  const calls: Series[] = [
    { label: "Calls", values: groups.map((group) => sum(group, (bucket) => bucket.calls)), kind: "bars", color: 1 },
    { label: "Failed", values: groups.map((group) => sum(group, (bucket) => bucket.errors)), kind: "bars", color: 3 },
  ];
  const latency: Series[] = [
    { label: "p99", values: most((bucket) => bucket.p99), kind: "bars", color: 3 },
    { label: "p95", values: most((bucket) => bucket.p95), kind: "bars", color: 2 },
    { label: "p50", values: most((bucket) => bucket.p50), kind: "bars", color: 1 },
  ];
  return {
    times: groups.map((group) => Date.parse(group[0]?.start ?? "") / 1000),
    total: sum(buckets, (bucket) => bucket.calls),
    errors: sum(buckets, (bucket) => bucket.errors),
    worst: Math.max(0, ...(latency[0]?.values ?? []).map((value) => value ?? 0)),
    calls,
    latency,
  };
}

function Recorded({ filter: { span, ...filter }, servers }: { filter: Filter; servers: ServerItem[] }) {
  const calls = useInfiniteQuery({
    queryKey: [...keys.calls, "list", span, filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<List<ToolCall>>(`/api/calls${queryString({ ...filter, since: began(span), limit: 50, cursor: pageParam })}`, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    maxPages: 20,
    // Each page is a request: events refresh the newest, not a long list that somebody reads in.
    enabled: ({ state }) => (state.data?.pages.length ?? 0) < 3,
  });
  const long = (calls.data?.pages.length ?? 0) >= 3;
  const items = calls.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      {items.length > 4 && <Histogram items={items} />}
      <Card title="On record" flush actions={long && <Button look="compact" icon="restart" busy={calls.isFetching} onClick={() => void calls.refetch()}>Refresh</Button>}>
        {calls.isError && <Failed error={calls.error} retry={() => void calls.refetch()} />}
        {calls.isPending ? <Loading /> : items.length ? <Rows items={items} servers={servers} /> : <Empty title="No calls" />}
        <More query={calls} />
      </Card>
    </>
  );
}

const bounds = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000];

/** How the calls that are listed are spread over how long they took. */
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
    <Card title={`How long these ${count(items.length)} took`}>
      <ul className="stack tight">
        {found.map((n, index) => (index < first || index > last ? null : (
          <li key={index} className="bars-row">
            <span className="num">{index < bounds.length ? `≤ ${millis(bounds[index])}` : `> ${millis(bounds.at(-1))}`}</span>
            <span className="bar-track" aria-hidden="true"><span style={{ width: `${(n / most) * 100}%` }} /></span>
            <span className="num">{count(n)}</span>
          </li>
        )))}
      </ul>
    </Card>
  );
}

function Rows({ items, servers }: { items: ToolCall[]; servers: ServerItem[] }) {
  const names = useMemo(() => new Map(servers.map((server) => [server.id, server.name])), [servers]);
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Tool</th>
            <th scope="col" className="wide-only">Server</th>
            <th scope="col">Answer</th>
            <th scope="col" className="num">Took</th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          {items.map((call) => (
            <tr key={call.id}>
              <td className="naming"><Link href={to.call(call.id)} className="main-link mono"><Text line most={80}>{call.toolName}</Text></Link></td>
              <td className="wide-only"><Link href={to.server(call.serverId)}><Text line most={60}>{names.get(call.serverId) ?? call.serverId}</Text></Link></td>
              <td>
                <Badge tone={call.success ? "ok" : "bad"}>{call.success ? "Answered" : "Failed"}</Badge>
                {call.errorMessage && <span className="small muted wide-only"> <Text line most={120}>{call.errorMessage}</Text></span>}
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
