/** The gateway: every service, every instance of it, and how each does. */
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
const FIGURES_EVERY = 10_000;

export function GatewayPage() {
  const may = useMay();
  const [edited, setEdited] = useState<ServiceItem | "new" | null>(null);
  const services = useQuery({
    queryKey: keys.gateway,
    queryFn: ({ signal }) => api.get<List<ServiceItem>>("/api/gateway/services", signal),
    refetchInterval: FIGURES_EVERY,
  });
  return (
    <>
      <PageHead title="Gateway" text="Services behind Ostler: requests under their paths go to one of their instances.">
        {may("gateway:manage") && <Button icon="plus" look="primary" onClick={() => setEdited("new")}>Register a service</Button>}
      </PageHead>
      <Loaded query={services} absent={<Empty title="The gateway is switched off">This Ostler runs MCP servers alone.</Empty>}>
        {({ items }) =>
          items.length ? (
            items.map((service) => <ServiceCard key={service.name} service={service} edit={() => setEdited(service)} />)
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

function ServiceCard({ service, edit }: { service: ServiceItem; edit: () => void }) {
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
  const [tone, word] = states[service.health.status];
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
      <Totals service={service} />
      <Instances service={service} />
    </Card>
  );
}

function Totals({ service: { stats } }: { service: ServiceItem }) {
  const failed = failures(stats.errors);
  return (
    <p className="card-body small muted">
      {plural(stats.requests, "request")}, {count(failed)} failed{stats.requests > 0 && ` (${percent(failed / stats.requests)})`}, {count(stats.inFlight)} under way;
      p50 {millis(stats.latency?.p50)}, p90 {millis(stats.latency?.p90)}, p99 {millis(stats.latency?.p99)};
      tried again {count(stats.retries)}, no instance {count(stats.noInstance)}, over the limit {count(stats.rateLimited)}
    </p>
  );
}
