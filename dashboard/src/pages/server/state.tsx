/** How a server is, how it was, and why. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, query as queryString } from "../../api/client";
import { keys } from "../../api/queries";
import type { ExitReport, HealthChange } from "../../api/types";
import { count, millis, percent, span } from "../../lib/format";
import { to } from "../../lib/links";
import { Card, Empty, Loaded, Note } from "../../ui/card";
import { Dot, healthTone, healthWord } from "../../ui/state";
import { Ago, Code, Moment, Text, useNow } from "../../ui/text";
import type { TabProps } from "./tab";
import { Consent } from "./consent";

export function State({ details: { server, stats, runtimeStatus: state, authorization } }: TabProps) {
  return (
    <>
      {state.status === "failed" && (
        <Note tone="bad">
          It could not be kept up, and was given up.{" "}
          {state.nextAttemptAt ? <>It is tried again <Ago at={state.nextAttemptAt} />, or when you start it.</> : "It stays down until somebody starts it."}
        </Note>
      )}
      {state.status === "restarting" && (
        <Note tone="warn">It ended, and is started again {state.nextAttemptAt ? <Ago at={state.nextAttemptAt} /> : "soon"}. Calls wait for it.</Note>
      )}
      <div className="columns">
        <div className="stack loose">
          <Card title="Now">
            <dl className="facts">
              <dt>Process</dt><dd>{state.status}{state.pid !== null && <>, pid <code>{state.pid}</code></>}</dd>
              <dt>Up for</dt><dd><Uptime ms={state.uptime} /></dd>
              <dt>Restarts after failures</dt><dd>{count(state.restarts)}</dd>
              <dt>Calls under way</dt><dd>{count(state.inFlight)}</dd>
              <dt>Protocol revision</dt><dd>{state.protocolVersion ?? "–"}</dd>
              <dt>Last looked at</dt><dd><Ago at={server.lastHealthCheck} /></dd>
              {state.strayLines > 0 && <><dt>Lines that were no protocol</dt><dd className="warn">{count(state.strayLines)}</dd></>}
              {state.strayAnswers > 0 && <><dt>Answers to no call</dt><dd className="warn">{count(state.strayAnswers)}</dd></>}
            </dl>
          </Card>
          <Card title="Since it was registered">
            <dl className="facts">
              <dt>Calls</dt><dd>{count(stats.totalCalls)}, last <Ago at={server.lastUsedAt} /></dd>
              <dt>Failed</dt><dd>{count(stats.totalErrors)}{stats.totalCalls > 0 && ` (${percent(stats.totalErrors / stats.totalCalls)})`}</dd>
              <dt>A call takes</dt><dd>{stats.totalCalls ? `${millis(stats.averageExecutionTime)} on average` : "–"}</dd>
              <dt>Registered</dt><dd><Ago at={server.createdAt} /></dd>
              <dt>Changed</dt><dd><Ago at={server.updatedAt} /></dd>
              <dt>Id</dt><dd><code>{server.id}</code></dd>
            </dl>
          </Card>
        </div>
        <div className="stack loose">
          {authorization && <Consent serverId={server.id} authorization={authorization} />}
          {state.lastExit && <LastExit report={state.lastExit} />}
          <History id={server.id} />
        </div>
      </div>
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

function LastExit({ report }: { report: ExitReport }) {
  return (
    <Card title="How it last ended" actions={<span className="small muted"><Moment at={report.at} /></span>}>
      <div className="stack">
        <p><Text>{report.reason}</Text></p>
        {report.stderr.length > 0 ? (
          <>
            <h3>Its last lines on standard error</h3>
            <Code label="Last lines on standard error">{report.stderr.join("\n")}</Code>
          </>
        ) : (
          <p className="small muted">It wrote nothing on standard error.</p>
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
    <Card title="States and restarts" flush actions={<Link href={to.server(id, "timeline")} className="small">The timeline</Link>}>
      <Loaded query={history}>
        {({ items }) => (items.length ? <Steps items={items} /> : <Empty title="Nothing has changed in a week" />)}
      </Loaded>
    </Card>
  );
}

function Steps({ items }: { items: HealthChange[] }) {
  const newest = items.toSorted((a, b) => b.at.localeCompare(a.at)).slice(0, 20);
  return (
    <ol className="history card-body" aria-label="States, newest first">
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
