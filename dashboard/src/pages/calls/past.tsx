/** Calls over time: how many, and how long they took. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, query as queryString } from "../../api/client";
import { keys } from "../../api/queries";
import type { CallBucket } from "../../api/types";
import { count, millis, percent, plural } from "../../lib/format";
import { began, type Span } from "../../lib/spans";
import { Card, Failed, Loading } from "../../ui/card";
import { Chart, type Series } from "../../ui/chart";
import type { Filter } from "./filter";

const steps: Record<Span, string> = { "1h": "minute", "24h": "minute", "7d": "hour", "30d": "hour" };

/** They come by server and tool; the other filters are for the list alone. */
export function Past({ filter: { span, serverId, toolName } }: { filter: Filter }) {
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
