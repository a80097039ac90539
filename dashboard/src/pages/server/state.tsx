/** The state of a server: process, calls, last exit, health history. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, query as queryString } from "../../api/client";
import { keys } from "../../api/queries";
import type { ExitReport, HealthChange } from "../../api/types";
import { count, millis, percent, span } from "../../lib/format";
import { to } from "../../lib/links";
import { limitsInWords } from "../../lib/servers";
import { CallCharts } from "../calls/charts";
import { Card, Empty, Loaded, Note } from "../../ui/card";
import { Dot, healthTone, healthWord } from "../../ui/state";
import { Ago, Code, Moment, Soon, Text, useNow } from "../../ui/text";
import type { TabProps } from "./tab";
import { AuthorizationCard } from "./authorization";
import { ContainmentCard, RefusalNote } from "./containment";
import { PackageCard } from "./package";

export function State({ details, etag }: TabProps) {
  const { server, stats, runtimeStatus: state, authorization, warnings, limits } = details;
  return (
    <>
      {state.status === "failed" && (
        <Note tone="bad">
          It <Reason report={state.lastExit} />.{" "}
          {state.nextAttemptAt ? (
            <>
              The next attempt is <Soon at={state.nextAttemptAt} />, or when it is started.
            </>
          ) : (
            "It stays down until it is started."
          )}{" "}
          Its <Link href={to.server(server.id, "output")}>output</Link> may say more; correct its{" "}
          <Link href={to.server(server.id, "configuration")}>configuration</Link> if that is the cause.
        </Note>
      )}
      {state.status === "restarting" && (
        <Note tone="warn">
          It <Reason report={state.lastExit} />. Ostler tries again <Soon at={state.nextAttemptAt} />; calls wait for
          it.
        </Note>
      )}
      <RefusalNote details={details} etag={etag} />
      {warnings.length > 0 && (
        <Note tone="warn">
          <p>About what this server lists:</p>
          <ul>
            {warnings.map((warning) => <li key={warning}><Text line>{warning}</Text></li>)}
          </ul>
        </Note>
      )}
      <div className="columns">
        <div className="stack loose">
          <Card title="Current state">
            <dl className="facts">
              <dt>Status</dt>
              <dd>
                {state.status}
                {state.pid !== null && (
                  <>
                    , pid <code>{state.pid}</code>
                  </>
                )}
              </dd>
              <dt>Uptime</dt>
              <dd>
                <Uptime ms={state.uptime} />
              </dd>
              <dt>Restarts after failures</dt>
              <dd>{count(state.restarts)}</dd>
              <dt>Calls in flight</dt>
              <dd>{count(state.inFlight)}</dd>
              {server.url === null && (
                <>
                  <dt>Limits</dt>
                  <dd>{limitsInWords(limits)}</dd>
                </>
              )}
              <dt>Protocol version</dt>
              <dd>{state.protocolVersion ?? "–"}</dd>
              <dt>Last health check</dt>
              <dd>
                <Ago at={server.lastHealthCheck} />
              </dd>
              {state.heldMs > 0 && (
                <>
                  <dt>Slowed down by its limit of processor time</dt>
                  <dd className="warn">{span(state.heldMs)}</dd>
                </>
              )}
              {state.strayLines > 0 && (
                <>
                  <dt>Lines that were not JSON-RPC</dt>
                  <dd className="warn">{count(state.strayLines)}</dd>
                </>
              )}
              {state.strayAnswers > 0 && (
                <>
                  <dt>Unmatched responses</dt>
                  <dd className="warn">{count(state.strayAnswers)}</dd>
                </>
              )}
            </dl>
          </Card>
          {server.url === null && <ContainmentCard details={details} />}
          <PackageCard details={details} />
          <Card title="Since registration">
            <dl className="facts">
              <dt>Calls</dt>
              <dd>
                {count(stats.totalCalls)}, last <Ago at={server.lastUsedAt} />
              </dd>
              <dt>Failed</dt>
              <dd>
                {count(stats.totalErrors)}
                {stats.totalCalls > 0 && ` (${percent(stats.totalErrors / stats.totalCalls)})`}
              </dd>
              <dt>Average duration</dt>
              <dd>{stats.totalCalls ? millis(stats.averageExecutionTime) : "–"}</dd>
              <dt>Registered</dt>
              <dd>
                <Ago at={server.createdAt} />
              </dd>
              <dt>Changed</dt>
              <dd>
                <Ago at={server.updatedAt} />
              </dd>
              <dt>ID</dt>
              <dd>
                <code>{server.id}</code>
              </dd>
            </dl>
          </Card>
        </div>
        <div className="stack loose">
          {authorization && <AuthorizationCard serverId={server.id} authorization={authorization} />}
          {state.lastExit && <LastExit report={state.lastExit} remote={server.url !== null} />}
          <History id={server.id} />
        </div>
      </div>
      <CallCharts filter={{ span: "24h", serverId: server.id, toolName: "" }} />
    </>
  );
}

/** Counts on by itself between two answers. */
function Uptime({ ms }: { ms: number | null }) {
  const now = useNow(1000);
  if (ms === null) return <>–</>;
  return <Running key={ms} since={now - ms} />;
}

function Running({ since }: { since: number }) {
  const now = useNow(1000);
  return <>{span(Math.max(0, now - since))}</>;
}

function Reason({ report }: { report: ExitReport | null }) {
  return <span className="break"><Text line>{report?.reason ?? "failed"}</Text></span>;
}

/** A remote server has no standard error: its lines are Ostler's about requests to it. */
function LastExit({ report, remote }: { report: ExitReport; remote: boolean }) {
  const title = remote ? "Last requests" : "Last lines on standard error";
  return (
    <Card title="Last exit" actions={<span className="small muted"><Moment at={report.at} /></span>}>
      <div className="stack">
        <p className="break"><Text>{report.reason}</Text></p>
        {report.stderr.length > 0 ? (
          <>
            <h3>{title}</h3>
            <Code label={title}>{report.stderr.join("\n")}</Code>
          </>
        ) : (
          !remote && <p className="small muted">No output on standard error.</p>
        )}
      </div>
    </Card>
  );
}

const WEEK = 7 * 86_400_000;

function History({ id }: { id: string }) {
  const history = useQuery({
    queryKey: keys.health(id),
    queryFn: ({ signal }) => {
      const since = new Date(Date.now() - WEEK).toISOString();
      return api.get<{ items: HealthChange[] }>(`/api/history/health${queryString({ serverId: id, since })}`, signal);
    },
  });
  return (
    <Card
      title="Health history"
      flush
      actions={
        <Link href={to.server(id, "timeline")} className="small">
          Timeline
        </Link>
      }
    >
      <Loaded query={history}>
        {({ items }) =>
          items.length ? <HealthChanges items={items} /> : <Empty title="No changes in the last 7 days" />
        }
      </Loaded>
    </Card>
  );
}

function HealthChanges({ items }: { items: HealthChange[] }) {
  const newest = items.toSorted((a, b) => b.at.localeCompare(a.at)).slice(0, 20);
  return (
    <ol className="history card-body" aria-label="Health changes, newest first">
      {newest.map((entry, index) => {
        const next = newest[index - 1];
        return (
          <li key={`${entry.at}/${index}`}>
            <Dot tone={healthTone(entry.healthStatus)} />
            <div className="row">
              <span className="strong">{healthWord(entry.healthStatus)}</span>
              <span className="small muted"><Moment at={entry.at} /></span>
              {next && <span className="small muted">for {millis(Date.parse(next.at) - Date.parse(entry.at))}</span>}
            </div>
            {entry.reason && <div className="small muted break"><Text>{entry.reason}</Text></div>}
          </li>
        );
      })}
    </ol>
  );
}
