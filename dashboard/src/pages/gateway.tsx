/** The gateway: its services and their instances, with health and figures. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { keys, useMay } from "../api/queries";
import type { List, ServiceHealth, ServiceItem } from "../api/types";
import { count, millis, percent, plural } from "../lib/format";
import { useAction } from "../ui/action";
import { Button } from "../ui/button";
import { Card, Empty, Loaded, PageHead } from "../ui/card";
import { confirm } from "../ui/dialog";
import { Badge, type Tone } from "../ui/state";
import { Text } from "../ui/text";
import { ServiceForm } from "./gateway/form";
import { failures, Instances } from "./gateway/instances";

/** Figures have no events of their own. */
const REFRESH_INTERVAL_MS = 10_000;

export function GatewayPage() {
  const may = useMay();
  const [edited, setEdited] = useState<ServiceItem | "new" | null>(null);
  const services = useQuery({
    queryKey: keys.gateway,
    queryFn: ({ signal }) => api.get<List<ServiceItem>>("/api/gateway/services", signal),
    refetchInterval: REFRESH_INTERVAL_MS,
  });
  return (
    <>
      <PageHead
        title="Gateway"
        text="Services behind Ostler. Requests below a service's path are forwarded to one of its instances."
      >
        {may("gateway:manage") && (
          <Button icon="plus" look="primary" onClick={() => setEdited("new")}>
            Register a service
          </Button>
        )}
      </PageHead>
      <Loaded
        query={services}
        absent={<Empty title="The gateway is disabled">This Ostler runs MCP servers only.</Empty>}
      >
        {({ items }) =>
          items.length ? (
            items.map((service) => <ServiceCard key={service.name} service={service} edit={() => setEdited(service)} />)
          ) : (
            <Card>
              <Empty title="No services yet">A service has a name, a path and one or more instances.</Empty>
            </Card>
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

function ServiceCard({ service, edit }: { service: ServiceItem; edit: () => void }) {
  const may = useMay();
  const path = encodeURIComponent(service.name);
  const check = useAction(() => api.post<ServiceHealth>(`/api/gateway/health/${path}/check`), {
    refresh: [keys.gateway],
    done: (now) => `${service.name}: ${now.available} of ${now.total} instances available`,
  });
  const remove = useAction(() => api.delete(`/api/gateway/services/${path}`), {
    refresh: [keys.gateway],
    done: `${service.name} was removed`,
  });
  const confirmRemoval = async () => {
    const text = <p>New requests no longer reach it. Requests in flight have 30 seconds to complete.</p>;
    if (await confirm({ title: `Remove ${service.name}?`, text, yes: "Remove", danger: true })) remove.mutate();
  };
  const [tone, word] = states[service.health.status];
  return (
    <Card
      flush
      title={
        <span className="row">
          <Text line>{service.name}</Text>
          <code className="small">{service.basePath}</code>
          <Badge tone={tone}>{word}</Badge>
        </span>
      }
      actions={
        may("gateway:manage") && (
          <span className="row">
            <Button look="compact" icon="check" busy={check.isPending} onClick={() => check.mutate()}>
              Check now
            </Button>
            <Button look="compact" icon="edit" onClick={edit}>
              Edit
            </Button>
            <Button
              look="compact quiet danger"
              icon="trash"
              label={`Remove ${service.name}`}
              busy={remove.isPending}
              onClick={() => void confirmRemoval()}
            />
          </span>
        )
      }
    >
      <Totals service={service} />
      <Instances service={service} />
    </Card>
  );
}

function Totals({ service: { stats } }: { service: ServiceItem }) {
  const failed = failures(stats.errors);
  return (
    <p className="card-body small muted">
      {plural(stats.requests, "request")}, {count(failed)} failed
      {stats.requests > 0 && ` (${percent(failed / stats.requests)})`}, {count(stats.inFlight)} in flight; p50{" "}
      {millis(stats.latency?.p50)}, p90 {millis(stats.latency?.p90)}, p99 {millis(stats.latency?.p99)};{" "}
      {count(stats.retries)} retried, {count(stats.noInstance)} without an available instance,{" "}
      {count(stats.rateLimited)} rate-limited
    </p>
  );
}
