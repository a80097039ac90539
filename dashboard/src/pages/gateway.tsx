/** The gateway: every service, every instance of it, and how each does. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { keys, useMay } from "../api/queries";
import type { ErrorCounts, InstanceHealth, InstanceStats, Service, ServiceHealth, ServiceStats } from "../api/types";
import { count, millis, percent, plural, span } from "../lib/format";
import { inertLine } from "../lib/inert";
import { useAction } from "../ui/action";
import { Button } from "../ui/button";
import { Card, Empty, Loaded, PageHead } from "../ui/card";
import { confirm } from "../ui/dialog";
import { Badge, type Tone } from "../ui/state";
import { Ago, Text } from "../ui/text";
import { bodyOfService, ServiceForm } from "./gateway/form";

/** Figures have no events of their own. */
const FIGURES_EVERY = 10_000;

export function GatewayPage() {
  const may = useMay();
  const [edited, setEdited] = useState<Service | "new" | null>(null);
  const config = useQuery({
    queryKey: [...keys.gateway, "config"],
    queryFn: ({ signal }) => api.get<{ services: Service[] }>("/api/gateway/config", signal),
  });
  const health = useQuery({
    queryKey: [...keys.gateway, "health"],
    queryFn: ({ signal }) => api.get<{ services: ServiceHealth[] }>("/api/gateway/health", signal),
  });
  const stats = useQuery({
    queryKey: [...keys.gateway, "stats"],
    queryFn: ({ signal }) => api.get<{ services: ServiceStats[] }>("/api/gateway/stats", signal),
    refetchInterval: FIGURES_EVERY,
  });
  const named = <T extends { name: string }>(items: T[] | undefined, name: string) => items?.find((item) => item.name === name);
  return (
    <>
      <PageHead title="Gateway" text="Services behind Ostler: requests under their paths go to one of their instances.">
        {may("gateway:manage") && <Button icon="plus" look="primary" onClick={() => setEdited("new")}>Register a service</Button>}
      </PageHead>
      <Loaded query={config} absent={<Empty title="The gateway is switched off">This Ostler runs MCP servers alone.</Empty>}>
        {({ services }) =>
          services.length ? (
            services.map((service) => (
              <ServiceCard key={service.name} service={service} health={named(health.data?.services, service.name)}
                stats={named(stats.data?.services, service.name)} edit={() => setEdited(service)} />
            ))
          ) : (
            <Empty title="No services yet">A service is a name, a path, and some places where it runs.</Empty>
          )
        }
      </Loaded>
      {edited && <ServiceForm service={edited === "new" ? null : edited} close={() => setEdited(null)} />}
    </>
  );
}

const states: Record<ServiceHealth["status"], [Tone, string]> = {
  healthy: ["ok", "Healthy"], degraded: ["warn", "Degraded"], unhealthy: ["bad", "Unhealthy"],
};

interface CardProps {
  service: Service;
  health: ServiceHealth | undefined;
  stats: ServiceStats | undefined;
  edit: () => void;
}

function ServiceCard({ service, health, stats, edit }: CardProps) {
  const may = useMay();
  const path = encodeURIComponent(service.name);
  const check = useAction(() => api.post<ServiceHealth>(`/api/gateway/health/${path}/check`), {
    refresh: [keys.gateway],
    done: (now) => `${service.name}: ${now.available} of ${now.total} take requests`,
  });
  const remove = useAction(() => api.delete(`/api/gateway/services/${path}`), { refresh: [keys.gateway], done: `${service.name} was removed` });
  const askToRemove = async () => {
    const text = <p>No new request reaches it. Requests under way may end, for 30 seconds at most.</p>;
    if (await confirm({ title: `Remove ${service.name}?`, text, yes: "Remove", danger: true })) remove.mutate();
  };
  const [tone, word] = health ? states[health.status] : (["idle", "Unknown"] as const);
  return (
    <Card
      flush
      title={<span className="row"><Text line>{service.name}</Text><code className="small">{service.basePath}</code><Badge tone={tone}>{word}</Badge></span>}
      actions={may("gateway:manage") && (
        <span className="row">
          <Button look="compact" icon="check" busy={check.isPending} onClick={() => check.mutate()}>Check now</Button>
          <Button look="compact" icon="edit" onClick={edit}>Edit</Button>
          <Button look="compact quiet danger" icon="trash" label={`Remove ${service.name}`} busy={remove.isPending} onClick={() => void askToRemove()} />
        </span>
      )}
    >
      {stats && <Totals stats={stats} />}
      <Instances service={service} health={health} stats={stats} />
    </Card>
  );
}

const failures = ({ aborted: _, ...errors }: ErrorCounts) => Object.values(errors).reduce((a, b) => a + b, 0);

function Totals({ stats }: { stats: ServiceStats }) {
  const failed = failures(stats.errors);
  return (
    <p className="card-body small muted">
      {plural(stats.requests, "request")}, {count(failed)} failed{stats.requests > 0 && ` (${percent(failed / stats.requests)})`}, {count(stats.inFlight)} under way;
      p50 {millis(stats.latency?.p50)}, p90 {millis(stats.latency?.p90)}, p99 {millis(stats.latency?.p99)};
      tried again {count(stats.retries)}, no instance {count(stats.noInstance)}, over the limit {count(stats.rateLimited)}
    </p>
  );
}

function Instances({ service, health, stats }: Omit<CardProps, "edit">) {
  const is = (one: { host: string; port: number }) => (other: { host: string; port: number }) => one.host === other.host && one.port === other.port;
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Instance</th>
            <th scope="col">State</th>
            <th scope="col" className="num">Weight</th>
            <th scope="col" className="num">Under way</th>
            <th scope="col" className="num">Requests</th>
            <th scope="col" className="num">p50</th>
            <th scope="col" className="num">p99</th>
            <th scope="col">Breaker</th>
            <th scope="col">Probes</th>
            <th scope="col"><span className="unseen">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          {service.instances.map((instance) => (
            <Row key={`${instance.host}:${instance.port}`} service={service} instance={instance}
              health={health?.instances.find(is(instance))} stats={stats?.instances.find(is(instance))} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const verdicts: Record<InstanceHealth["status"], [Tone, string]> = {
  healthy: ["ok", "Healthy"], unhealthy: ["bad", "Unhealthy"], unknown: ["idle", "Not checked"],
};

function Row({ service, instance, health, stats }: {
  service: Service;
  instance: Service["instances"][number];
  health: InstanceHealth | undefined;
  stats: InstanceStats | undefined;
}) {
  const [tone, word] = verdicts[health?.status ?? "unknown"];
  return (
    <tr>
      <td className="mono"><Text line>{`${instance.host}:${instance.port}`}</Text></td>
      <td>
        {instance.weight === 0 ? <Badge tone="idle">Drained</Badge> : <Badge tone={tone}>{word}</Badge>}
      </td>
      <td className="num">{instance.weight}</td>
      <td className="num">{stats ? count(stats.inFlight) : "–"}</td>
      <td className="num">{stats ? count(stats.requests) : "–"}{stats && failures(stats.errors) > 0 && <span className="bad"> {count(failures(stats.errors))} failed</span>}</td>
      <td className="num">{millis(stats?.latency?.p50)}</td>
      <td className="num">{millis(stats?.latency?.p99)}</td>
      <td className="nowrap"><BreakerState health={health} /></td>
      <td><Probes health={health} /></td>
      <td className="num"><Drain service={service} instance={instance} /></td>
    </tr>
  );
}

function BreakerState({ health }: { health: InstanceHealth | undefined }) {
  if (!health) return <>–</>;
  const { state, retryIn, consecutiveFailures } = health.breaker;
  if (state === "open") return <Badge tone="bad">Open{retryIn !== null && `, ${span(retryIn)}`}</Badge>;
  if (state === "half-open") return <Badge tone="warn">On trial</Badge>;
  return <span className="small muted">Closed{consecutiveFailures > 0 && `, ${plural(consecutiveFailures, "failure")} in a row`}</span>;
}

function Probes({ health }: { health: InstanceHealth | undefined }) {
  if (!health?.history.length) return <span className="muted">–</span>;
  const [last] = health.history;
  const good = health.history.filter((probe) => probe.healthy).length;
  return (
    <div className="small">
      <div className="row">
        <span className="probes" role="img" aria-label={`${good} of the last ${health.history.length} checks were good`}>
          {health.history.toReversed().map((probe) => (
            <span key={probe.at} className={probe.healthy ? undefined : "is-bad"} title={`${new Date(probe.at).toLocaleTimeString()}: ${probe.status ?? inertLine(probe.error ?? "")}`} />
          ))}
        </span>
        <span className="muted nowrap">{millis(last?.responseTime)}, <Ago at={last?.at} /></span>
      </div>
      {last?.error && <div className="bad tiny"><Text line most={100}>{last.error}</Text></div>}
    </div>
  );
}

/** A weight of nought gets no new requests; 1 again, some. */
function Drain({ service, instance }: { service: Service; instance: Service["instances"][number] }) {
  const may = useMay();
  const weight = instance.weight === 0 ? 1 : 0;
  const act = useAction(
    () => {
      const instances = service.instances.map((one) => (one === instance ? { ...one, weight } : one));
      return api.post("/api/gateway/services", bodyOfService({ ...service, instances }));
    },
    { refresh: [keys.gateway], done: `${instance.host}:${instance.port} ${weight ? "takes requests again" : "takes no new requests"}` },
  );
  if (!may("gateway:manage")) return null;
  return <Button look="compact" busy={act.isPending} onClick={() => act.mutate()}>{weight ? "Resume" : "Drain"}</Button>;
}
