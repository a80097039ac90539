/** Charts of calls over time: their number and their duration. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, query as queryString } from "../../api/client";
import { keys } from "../../api/queries";
import type { CallBucket } from "../../api/types";
import { count, millis, percent, plural } from "../../lib/format";
import { spanStart, type Span } from "../../lib/spans";
import { Card, Failed, Loading } from "../../ui/card";
import { Chart, type Series } from "../../ui/chart";
import type { Filter } from "./filter";

const steps: Record<Span, string> = { "1h": "minute", "24h": "minute", "7d": "hour", "30d": "hour" };

/** The history API filters by server and tool only; the other filters apply to the list. */
export function CallCharts({
  filter: { span, serverId, toolName },
}: {
  filter: Pick<Filter, "span" | "serverId" | "toolName">;
}) {
  const step = steps[span];
  const tool = serverId && toolName;
  const history = useQuery({
    queryKey: [...keys.calls, "history", span, serverId, tool],
    queryFn: ({ signal }) =>
      api.get<{ buckets: CallBucket[] }>(
        `/api/history/calls${queryString({ since: spanStart(span), step, serverId, toolName: tool })}`,
        signal,
      ),
    placeholderData: (before) => before,
  });
  const charts = useMemo(() => (history.data ? chartsOf(history.data.buckets) : null), [history.data]);
  if (history.isError) return <Failed error={history.error} retry={() => void history.refetch()} />;
  if (!charts) return <Loading />;
  if (!charts.total) return null;
  const errorRate = percent(charts.errors / charts.total);
  return (
    <div className="columns">
      <Card title="Calls">
        <Chart
          label={`${plural(charts.total, "call")}, ${count(charts.errors)} failed (${errorRate})`}
          times={charts.times}
          series={charts.calls}
          format={count}
        />
      </Card>
      <Card title="Call duration">
        <Chart
          label={`Call duration: highest p99 ${millis(charts.worst)}`}
          times={charts.times}
          series={charts.latency}
          format={millis}
        />
      </Card>
    </div>
  );
}

/** Points of a chart; more buckets are merged, so that a day of minutes is drawn at once. */
const POINTS_MAX = 240;

function chartsOf(buckets: CallBucket[]) {
  const size = Math.max(1, Math.ceil(buckets.length / POINTS_MAX));
  const groups = Array.from({ length: Math.ceil(buckets.length / size) }, (_, index) =>
    buckets.slice(index * size, (index + 1) * size),
  );
  const sum = (group: CallBucket[], of: (bucket: CallBucket) => number) =>
    group.reduce((total, bucket) => total + of(bucket), 0);
  const most = (of: (bucket: CallBucket) => number | null) =>
    groups.map((group) => {
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
