/** The instances of a service: health, figures, weight and draining. */
import { api } from "../../api/client";
import { keys, useMay } from "../../api/queries";
import type { ErrorCounts, InstanceHealth, InstanceStats, ServiceItem } from "../../api/types";
import { count, millis, plural, span } from "../../lib/format";
import { inertLine } from "../../lib/inert";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Badge, type Tone } from "../../ui/state";
import { Ago, Text } from "../../ui/text";

/** Failed requests; a caller that hung up is no failure of the instance. */
export const failures = ({ aborted: _, ...errors }: ErrorCounts) => Object.values(errors).reduce((a, b) => a + b, 0);

export function Instances({ service: { name, stats, health } }: { service: ServiceItem }) {
  const manages = useMay()("gateway:manage");
  return (
    <div className="table-wrap" tabIndex={0} role="region" aria-label={`Instances of ${name}`}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Instance</th>
            <th scope="col">State</th>
            <th scope="col" className="num">Weight</th>
            <th scope="col" className="num">In flight</th>
            <th scope="col" className="num">Requests</th>
            <th scope="col" className="num">p50</th>
            <th scope="col" className="num">p99</th>
            <th scope="col">Circuit breaker</th>
            <th scope="col">Health checks</th>
            {manages && <th scope="col"><span className="unseen">Actions</span></th>}
          </tr>
        </thead>
        <tbody>
          {stats.instances.map((instance) => {
            const at = `${instance.host}:${instance.port}`;
            return (
              <Row
                key={at}
                at={at}
                service={name}
                stats={instance}
                manages={manages}
                health={health.instances.find(({ host, port }) => `${host}:${port}` === at)}
              />
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const verdicts: Record<InstanceHealth["status"], [Tone, string]> = {
  healthy: ["ok", "Healthy"], unhealthy: ["bad", "Unhealthy"], unknown: ["idle", "Not checked"],
};

interface RowProps {
  at: string;
  service: string;
  stats: InstanceStats;
  health: InstanceHealth | undefined;
  manages: boolean;
}

function Row({ at, service, stats, health, manages }: RowProps) {
  const change = useAction(
    (change: { weight?: number; draining?: boolean }) =>
      api.put<InstanceStats>(`/api/gateway/services/${encodeURIComponent(service)}/instances`, {
        host: stats.host,
        port: stats.port,
        ...change,
      }),
    {
      refresh: [keys.gateway],
      done: (now, { weight }) => {
        if (weight !== undefined) return `${at} has weight ${now.weight}`;
        return `${at} ${now.draining ? "is draining" : "accepts requests again"}`;
      },
    },
  );
  const { draining, weight } = stats;
  const [tone, word] = verdicts[health?.status ?? "unknown"];
  const failed = failures(stats.errors);
  return (
    <tr>
      <td className="mono">
        <Text line>{at}</Text>
      </td>
      <td>
        {draining || weight === 0 ? (
          <Badge tone="idle">{stats.inFlight ? "Draining" : "Drained"}</Badge>
        ) : (
          <Badge tone={tone}>{word}</Badge>
        )}
      </td>
      <td className="num">
        {manages ? (
          <Weight at={at} weight={weight} busy={change.isPending} set={(weight) => change.mutate({ weight })} />
        ) : (
          weight
        )}
      </td>
      <td className="num">{count(stats.inFlight)}</td>
      <td className="num">
        {count(stats.requests)}
        {failed > 0 && <span className="bad"> {count(failed)} failed</span>}
      </td>
      <td className="num">{millis(stats.latency?.p50)}</td>
      <td className="num">{millis(stats.latency?.p99)}</td>
      <td className="nowrap"><BreakerState health={health} /></td>
      <td><HealthChecks health={health} /></td>
      {manages && (
        <td className="num">
          <Button look="compact" busy={change.isPending} onClick={() => change.mutate({ draining: !draining })}>
            {draining ? "Resume" : "Drain"}
          </Button>
        </td>
      )}
    </tr>
  );
}

/** Saved on blur and on Enter. */
function Weight({
  at,
  weight,
  busy,
  set,
}: {
  at: string;
  weight: number;
  busy: boolean;
  set: (weight: number) => void;
}) {
  const commit = (input: HTMLInputElement) => {
    if (!input.validity.valid || input.value === "") input.value = `${weight}`;
    else if (input.valueAsNumber !== weight) set(input.valueAsNumber);
  };
  return (
    <input
      key={weight}
      className="weight"
      type="number"
      aria-label={`Weight of ${at}`}
      min={0}
      max={1000}
      required
      defaultValue={weight}
      disabled={busy}
      onBlur={(event) => commit(event.currentTarget)}
      onKeyDown={(event) => event.key === "Enter" && commit(event.currentTarget)}
    />
  );
}

function BreakerState({ health }: { health: InstanceHealth | undefined }) {
  if (!health) return <>–</>;
  const { state, retryIn, consecutiveFailures } = health.breaker;
  if (state === "open") return <Badge tone="bad">Open{retryIn !== null && `, ${span(retryIn)}`}</Badge>;
  if (state === "half-open") return <Badge tone="warn">Half-open</Badge>;
  return (
    <span className="small muted">
      Closed{consecutiveFailures > 0 && `, ${plural(consecutiveFailures, "consecutive failure")}`}
    </span>
  );
}

function HealthChecks({ health }: { health: InstanceHealth | undefined }) {
  if (!health?.history.length) return <span className="muted">–</span>;
  const [last] = health.history;
  const good = health.history.filter((probe) => probe.healthy).length;
  return (
    <div className="small">
      <div className="row">
        <span className="probes" role="img" aria-label={`${good} of the last ${health.history.length} checks passed`}>
          {health.history.toReversed().map((probe) => (
            <span
              key={probe.at}
              className={probe.healthy ? undefined : "is-bad"}
              title={`${new Date(probe.at).toLocaleTimeString()}: ${probe.status ?? inertLine(probe.error ?? "")}`}
            />
          ))}
        </span>
        <span className="muted nowrap">{millis(last?.responseTime)}, <Ago at={last?.at} /></span>
      </div>
      {last?.error && <div className="bad tiny"><Text line most={100}>{last.error}</Text></div>}
    </div>
  );
}
