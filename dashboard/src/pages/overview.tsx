/** The overview: health of servers, calls, and live events. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link } from "wouter";
import { api, query as queryString } from "../api/client";
import { keys, useServers } from "../api/queries";
import type { CallBucket, Overview as Figures, ServerItem } from "../api/types";
import { count, decimal, millis, percent, plural } from "../lib/format";
import { to } from "../lib/links";
import { reasonIn } from "../lib/reason";
import { byUrgency, group } from "../lib/servers";
import { useAddressState } from "../ui/address";
import { Choices } from "../ui/button";
import { Card, Empty, Loaded, Loading, PageHead } from "../ui/card";
import { Chart, type Series } from "../ui/chart";
import { HealthBadge } from "../ui/state";
import { Ago, Soon, Text } from "../ui/text";
import { GetStarted, noServers } from "./get-started";
import { Feed } from "./feed";

type Span = "15m" | "1h" | "24h";

const spans = [["15m", "15 min"], ["1h", "1 h"], ["24h", "24 h"]] as const;
/** Buckets of the history that a span is divided into. */
const cuts: Record<Span, { step: "minute" | "hour"; seconds: number; steps: number }> = {
  "15m": { step: "minute", seconds: 60, steps: 15 },
  "1h": { step: "minute", seconds: 60, steps: 60 },
  "24h": { step: "hour", seconds: 3600, steps: 24 },
};

export function Overview() {
  const servers = useServers();
  const [{ span }, set] = useAddressState<{ span: Span }>({ span: "1h" }, { span: spans });
  return (
    <>
      <PageHead title="Overview">
        {!!servers.data?.length && (
          <Choices label="Time range" value={span} options={spans} onChange={(span) => set({ span })} />
        )}
      </PageHead>
      <Loaded query={servers} absent={noServers}>
        {(items) =>
          items.length ? (
            <>
              <Summary items={items} span={span} />
              <div className="columns wide-first">
                <div className="stack loose">
                  <Calls span={span} />
                  <Attention items={items} />
                </div>
                <Card title="Live events" flush><Feed /></Card>
              </div>
            </>
          ) : (
            <GetStarted />
          )
        }
      </Loaded>
    </>
  );
}

function Summary({ items, span }: { items: ServerItem[]; span: Span }) {
  const { data } = useQuery({
    queryKey: [...keys.overview, span],
    queryFn: ({ signal }) => api.get<Figures>(`/api/overview${queryString({ window: span })}`, signal),
    placeholderData: (before) => before,
  });
  const of = (wanted: string) => items.filter((item) => group(item.healthStatus) === wanted).length;
  const [healthy, degraded, down, off] = [of("healthy"), of("degraded"), of("down"), of("off")];
  const restarts = data?.restarts ?? items.reduce((sum, item) => sum + item.runtimeStatus.restarts, 0);
  const calls = data?.calls;
  return (
    <>
      <dl className="figures">
        <Figure name="Healthy" tone={healthy ? "ok" : undefined}>
          {count(healthy)} <small>of {count(items.length)}</small>
        </Figure>
        <Figure name="Degraded" tone={degraded ? "warn" : undefined}>
          {count(degraded)}
        </Figure>
        <Figure name="Down" tone={down ? "bad" : undefined}>
          {count(down)}
        </Figure>
        <Figure name="Calls/min">{calls ? decimal(calls.perMinute) : "–"}</Figure>
        <Figure name="Failed calls" tone={calls && calls.errorRate > 0.05 ? "bad" : undefined}>
          {calls ? percent(calls.errorRate) : "–"}
        </Figure>
        <Figure name="p50">{millis(calls?.p50)}</Figure>
        <Figure name="p95">{millis(calls?.p95)}</Figure>
        <Figure name="p99">{millis(calls?.p99)}</Figure>
        {!!data?.waitingTools && <Figure name="Tools to accept" tone="warn">{count(data.waitingTools)}</Figure>}
        <Figure name="Restarts" tone={restarts ? "warn" : undefined}>{count(restarts)}</Figure>
      </dl>
      <div
        className="parts"
        role="img"
        aria-label={`${healthy} healthy, ${degraded} degraded, ${down} down, ${off} stopped`}
      >
        {(
          [
            ["ok", healthy],
            ["warn", degraded],
            ["bad", down],
            ["idle", off],
          ] as const
        ).map(([tone, n]) => (n ? <span key={tone} className={`is-${tone}`} style={{ flexGrow: n }} /> : null))}
      </div>
    </>
  );
}

function Figure({ name, tone, children }: { name: string; tone?: string | undefined; children: React.ReactNode }) {
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd className={tone}>{children}</dd>
    </div>
  );
}

function Calls({ span }: { span: Span }) {
  const history = useQuery({
    queryKey: [...keys.overview, "history", span],
    queryFn: ({ signal }) => {
      const { step, seconds, steps } = cuts[span];
      const since = new Date(Date.now() - seconds * steps * 1000).toISOString();
      return api.get<{ buckets: CallBucket[] }>(`/api/history/calls${queryString({ since, step })}`, signal);
    },
    placeholderData: (before) => before,
  });
  const buckets = history.data?.buckets;
  const chart = useMemo(() => (buckets ? chartOf(buckets, span) : null), [buckets, span]);
  const title = `Calls ${cuts[span].step === "hour" ? "per hour" : "per minute"}`;
  if (history.isError || (chart && !chart.total)) return null;
  return (
    <Card title={title}>
      {chart ? (
        <Chart
          label={`${title}: ${count(chart.total)} calls, ${count(chart.errors)} of them failed`}
          times={chart.times}
          series={chart.series}
          format={count}
        />
      ) : (
        <Loading />
      )}
    </Card>
  );
}

/** One point a step: one without calls is a zero, not a gap. */
function chartOf(
  buckets: CallBucket[],
  span: Span,
): { times: number[]; series: Series[]; total: number; errors: number } {
  const known = new Map(buckets.map((bucket) => [Date.parse(bucket.start) / 1000, bucket]));
  const { seconds, steps } = cuts[span];
  const end = Math.floor(Date.now() / 1000 / seconds) * seconds;
  const times = Array.from({ length: steps }, (_, index) => end - (steps - 1 - index) * seconds);
  const values = (of: (bucket: CallBucket) => number) => times.map((at) => (known.has(at) ? of(known.get(at)!) : 0));
  const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
  const [calls, errors] = [values((bucket) => bucket.calls), values((bucket) => bucket.errors)];
  return {
    times,
    total: sum(calls),
    errors: sum(errors),
    series: [
      { label: "Calls", values: calls, kind: "bars", color: 1 },
      { label: "Failed", values: errors, kind: "bars", color: 3 },
    ],
  };
}

/** Servers that are degraded or down, or run with a fault, with the reason. */
function Attention({ items }: { items: ServerItem[] }) {
  const unhealthy = items
    .filter((item) => item.runtimeStatus.fault || ["ERROR", "UNHEALTHY", "STARTING"].includes(item.healthStatus))
    .sort(byUrgency);
  return (
    <Card
      title="Needs attention"
      flush
      actions={unhealthy.length > 8 && <Link href="/servers?sort=state">All {plural(unhealthy.length, "server")}</Link>}
    >
      {unhealthy.length ? (
        <ul className="list">
          {unhealthy.slice(0, 8).map((item) => (
            <li key={item.id}>
              <div className="row">
                <Link href={to.server(item.id)} className="main-link"><Text line most={100}>{item.name}</Text></Link>
                <HealthBadge health={item.healthStatus} status={item.runtimeStatus.status} />
              </div>
              <Reason item={item} />
            </li>
          ))}
        </ul>
      ) : (
        <Empty title="No problems" />
      )}
    </Card>
  );
}

function Reason({ item: { runtimeStatus: state } }: { item: ServerItem }) {
  if (state.fault) return <div className="small muted break"><Text line>{state.fault}</Text></div>;
  if (!state.lastExit) return null;
  const why = reasonIn(state.lastExit.stderr);
  return (
    <div className="small muted break">
      <Text line>{state.lastExit.reason}</Text>, <Ago at={state.lastExit.at} />
      {state.nextAttemptAt && <>; next attempt <Soon at={state.nextAttemptAt} /></>}
      {why && <div className="mono tiny cut"><Text line most={200}>{why}</Text></div>}
    </div>
  );
}
