/** Readiness, version, limits and settings of Ostler itself. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { address, api, ApiError } from "../api/client";
import { useMay } from "../api/queries";
import type { Machine, ProbeState, System } from "../api/types";
import { bytes, count, plural } from "../lib/format";
import { useAddressState } from "../ui/address";
import { Card, Empty, Failed, Loaded, PageHead } from "../ui/card";
import { Search } from "../ui/field";
import { Badge } from "../ui/state";
import { Ago, Text } from "../ui/text";

export function SystemPage() {
  const manages = useMay()("mcp:manage");
  const system = useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => api.get<System>("/api/system", signal),
    enabled: manages,
  });
  return (
    <>
      <PageHead title="System" />
      <div className="columns">
        <State />
        <About system={system.data} />
      </div>
      {manages && (
        <Loaded query={system}>
          {({ configuration, isolation, limits, database }) => (
            <>
              <div className="columns">
                <Facts title="Database" facts={[
                  ["Kind", database.kind === "sqlite" ? "SQLite" : "PostgreSQL"],
                  ["Size", bytes(database.sizeBytes)],
                  ["Migrations", database.migrations.join(", ")],
                ]} />
                <Facts title="Process isolation" facts={[
                  ["Shared", plural(isolation.shared, "server")],
                  ["Per user", plural(isolation.perUser, "server")],
                  ["Per session", plural(isolation.perSession, "server")],
                ]} />
                <Facts title="Limits" facts={[
                  ["Server registrations per user", limits.serverCreate ?? "none"],
                  ["Tool calls per user", limits.toolExecute ?? "none"],
                  ["Requests per user", limits.api ?? "none"],
                  ["Changes per user", limits.change ?? "none"],
                  ["Servers starting at once", count(limits.maxStarting)],
                  ["Calls in flight per server", count(limits.maxInFlight)],
                ]} />
              </div>
              <Facilities />
              {configuration.length > 0 && <Configuration items={configuration} />}
            </>
          )}
        </Loaded>
      )}
    </>
  );
}

function State() {
  const ready = useQuery({
    queryKey: ["system", "ready"],
    queryFn: ({ signal }) => api.get<ProbeState>("/readyz?verbose", signal),
    retry: false,
  });
  const refused = ready.error instanceof ApiError && ready.error.status === 503;
  return (
    <Card
      title="Readiness"
      actions={
        <button type="button" className="linkish small" onClick={() => void ready.refetch()}>
          Refresh
        </button>
      }
    >
      {refused && <Failed error={ready.error} />}
      {!refused && (
        <Loaded query={ready}>
          {({ checks }) => (
            <dl className="facts">
              <dt>Status</dt><dd><Badge tone="ok">Ready</Badge></dd>
              {checks?.map(({ name, ok }) => (
                <div key={name} className="pass">
                  <dt>{name}</dt>
                  <dd><Badge tone={ok ? "ok" : "bad"}>{ok ? "Passed" : "Failed"}</Badge></dd>
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
    staleTime: Infinity,
  });
  return (
    <Facts title="About" facts={[
      ["Version", openapi.data?.info.version ?? "…"],
      ...(system ? [["Started", <Ago at={system.startedAt} />] as const] : []),
      ["API", <><a href={address("/docs")}>Documentation</a>, <a href={address("/openapi.json")}>OpenAPI</a></>],
      ["Metrics", <a href={address("/metrics")}>Prometheus</a>],
    ]} />
  );
}

const facilityTones = { ok: "ok", degraded: "warn", missing: "bad" } as const;

/** The facilities to contain servers: what there is, why not more, and what to do about it. */
function Facilities() {
  const machine = useQuery({
    queryKey: ["system", "isolation"],
    queryFn: ({ signal }) => api.get<Machine>("/api/system/isolation", signal),
    staleTime: 60_000,
  });
  return (
    <Card title="Containment of servers" flush>
      <Loaded query={machine}>
        {({ standard, strict, facilities }) => (
          <ul className="list">
            {[["Level standard", standard] as const, ["Level strict", strict] as const].map(([name, state]) => (
              <li key={name} className="row">
                <Badge tone={facilityTones[state]}>{state}</Badge>
                <span className="strong">{name}</span>
              </li>
            ))}
            {facilities.map(({ name, state, found, reason, fix }) => (
              <li key={name}>
                <div className="row">
                  <Badge tone={facilityTones[state]}>{state}</Badge>
                  <span className="strong">{name}</span>
                  <span className="small muted"><Text line>{found}</Text></span>
                </div>
                {reason && <div className="small break"><Text>{reason}</Text></div>}
                {fix && <div className="small muted break">To do: <Text>{fix}</Text></div>}
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Card>
  );
}

function Facts({ title, facts }: { title: string; facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <Card title={title}>
      <dl className="facts">
        {facts.map(([name, value]) => <div key={name} className="pass"><dt>{name}</dt><dd>{value}</dd></div>)}
      </dl>
    </Card>
  );
}

function Configuration({ items }: { items: System["configuration"] }) {
  const [{ search: words }, set] = useAddressState({ search: "" });
  const found = items.filter(({ key, value, origin }) =>
    `${key} ${value} ${origin}`.toLowerCase().includes(words.trim().toLowerCase()),
  );
  return (
    <Card
      title="Configuration"
      flush
      actions={<Search label="Search settings" value={words} onChange={(search) => set({ search })} />}
    >
      {found.length ? (
        <div className="table-wrap" tabIndex={0} role="region" aria-label="Settings">
          <table className="table">
            <thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col">Source</th></tr></thead>
            <tbody>
              {found.map(({ key, value, origin }) => (
                <tr key={key}>
                  <td className="mono small">{key}</td>
                  <td className="mono small break"><Text line most={500}>{value}</Text></td>
                  <td className="small muted"><Text line>{origin}</Text></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : <Empty title="No matching settings" />}
    </Card>
  );
}
