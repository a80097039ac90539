/** How Ostler itself is: ready, which version, how it is set. */
import { useQuery } from "@tanstack/react-query";
import { address, api, ApiError } from "../api/client";
import { useMay } from "../api/queries";
import { bytes } from "../lib/format";
import { Card, Empty, Failed, Loaded, PageHead } from "../ui/card";
import { Badge } from "../ui/state";
import { Ago, Text } from "../ui/text";

interface Ready {
  status: string;
  checks?: { name: string; ok: boolean }[];
}

/** What newer Ostlers say of themselves; each part may be missing. */
interface System {
  version?: string;
  startedAt?: string;
  address?: string;
  database?: { kind?: string; sizeBytes?: number | null; migrations?: unknown };
  configuration?: { key: string; value: unknown; origin: string }[];
  isolation?: Record<string, unknown>;
  limits?: Record<string, unknown>;
}

export function SystemPage() {
  const may = useMay();
  const system = useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => api.get<System>("/api/system", signal),
    enabled: may("mcp:manage"),
  });
  return (
    <>
      <PageHead title="System" />
      <div className="columns">
        <State />
        <About system={system.data} />
      </div>
      {may("mcp:manage") && <Loaded query={system} absent={null}>
        {({ configuration, isolation, limits }) => (
          <>
            {configuration && <Configuration items={configuration} />}
            <div className="columns">
              {isolation && <Facts title="Isolation" facts={isolation} />}
              {limits && <Facts title="Limits" facts={limits} />}
            </div>
          </>
        )}
      </Loaded>}
    </>
  );
}

function State() {
  const ready = useQuery({ queryKey: ["system", "ready"], queryFn: ({ signal }) => api.get<Ready>("/readyz?verbose", signal), retry: false });
  const refused = ready.error instanceof ApiError && ready.error.status === 503;
  return (
    <Card title="State" actions={<button type="button" className="linkish small" onClick={() => void ready.refetch()}>Ask again</button>}>
      {refused && <Failed error={ready.error} />}
      {!refused && (
        <Loaded query={ready}>
          {({ checks }) => (
            <dl className="facts">
              <dt>New work</dt><dd><Badge tone="ok">Taken</Badge></dd>
              {checks?.map(({ name, ok }) => (
                <div key={name} className="pass">
                  <dt>{name}</dt>
                  <dd><Badge tone={ok ? "ok" : "bad"}>{ok ? "Holds" : "Does not hold"}</Badge></dd>
                </div>
              ))}
            </dl>
          )}
        </Loaded>
      )}
    </Card>
  );
}

function About({ system }: { system: System | undefined }) {
  const openapi = useQuery({
    queryKey: ["system", "openapi"],
    queryFn: ({ signal }) => api.get<{ info: { version: string } }>("/openapi.json", signal),
    enabled: !system,
    staleTime: Infinity,
  });
  const database = system?.database;
  return (
    <Card title="About">
      <dl className="facts">
        <dt>Version</dt><dd>{system?.version ?? openapi.data?.info.version ?? "…"}</dd>
        {system?.startedAt && <><dt>Started</dt><dd><Ago at={system.startedAt} /></dd></>}
        {system?.address && <><dt>Listens on</dt><dd className="mono">{system.address}</dd></>}
        {database && (
          <>
            <dt>Database</dt>
            <dd>{database.kind}{typeof database.sizeBytes === "number" && `, ${bytes(database.sizeBytes)}`}</dd>
          </>
        )}
        <dt>API</dt>
        <dd><a href={address("/docs")}>Documentation</a>, <a href={address("/openapi.json")}>OpenAPI</a></dd>
        <dt>Figures</dt>
        <dd><a href={address("/metrics")}>for Prometheus</a></dd>
      </dl>
    </Card>
  );
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

function Configuration({ items }: { items: NonNullable<System["configuration"]> }) {
  if (!items.length) return <Empty title="Nothing is configured" />;
  return (
    <Card title="Configuration" flush>
      <div className="table-wrap" tabIndex={0} role="region" aria-label="Settings">
        <table className="table">
          <thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col">From</th></tr></thead>
          <tbody>
            {items.map(({ key, value, origin }) => (
              <tr key={key}>
                <td className="mono">{key}</td>
                <td className="mono break"><Text line>{plain(value)}</Text></td>
                <td className="small muted"><Text line>{plain(origin)}</Text></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Facts({ title, facts }: { title: string; facts: Record<string, unknown> }) {
  return (
    <Card title={title}>
      <dl className="facts">
        {Object.entries(facts).map(([name, value]) => (
          <div key={name} className="pass"><dt>{name}</dt><dd><Text line>{plain(value)}</Text></dd></div>
        ))}
      </dl>
    </Card>
  );
}
