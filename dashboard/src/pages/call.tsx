/** A recorded call: its arguments, its result, and the events of its server during it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api } from "../api/client";
import { keys, useMay, useMe, useUsers } from "../api/queries";
import type { CallDetails, Excerpt } from "../api/types";
import { bytes, millis } from "../lib/format";
import { readableJson } from "../lib/inert";
import { isObject } from "../lib/schema";
import { to } from "../lib/links";
import { ButtonLink } from "../ui/button";
import { Card, Failed, Loaded, Note, PageHead } from "../ui/card";
import { Badge, Dot, type Tone } from "../ui/state";
import { Ago, Moment, Text } from "../ui/text";
import { AnswerView, Long, type Answer } from "./run/content";

export function CallPage({ params }: { params: Record<string, string> }) {
  const id = params["id"] ?? "";
  const call = useQuery({
    queryKey: [...keys.calls, "one", id],
    queryFn: ({ signal }) => api.get<CallDetails>(`/api/calls/${encodeURIComponent(id)}`, signal),
    staleTime: Infinity,
  });
  if (call.isError)
    return (
      <>
        <PageHead title="Call not available" crumb={<Link href="/calls">Calls</Link>} />
        <Failed error={call.error} />
      </>
    );
  return <Loaded query={call}>{(details) => <Details call={details} />}</Loaded>;
}

function Details({ call }: { call: CallDetails }) {
  const may = useMay();
  return (
    <>
      <PageHead
        crumb={
          <>
            <Link href="/calls">Calls</Link> /{" "}
            <Link href={to.server(call.serverId, "calls")}>
              <Text line most={60}>
                {call.serverName}
              </Text>
            </Link>
          </>
        }
        title={
          <span className="mono">
            <Text line>{call.toolName}</Text>
          </span>
        }
      >
        <Badge tone={call.success ? "ok" : "bad"}>{call.success ? "Succeeded" : "Failed"}</Badge>
        {may("mcp:execute") && (
          <ButtonLink to={to.tool(call.serverId, call.toolName, call.id)} icon="restart">
            Run again
          </ButtonLink>
        )}
      </PageHead>
      <div className="columns">
        <div className="stack loose">
          <Facts call={call} />
          <Meanwhile call={call} />
        </div>
        <div className="stack loose">
          <Card title="Arguments">
            {call.parametersExcerpt ? (
              <Beginning of={call.parametersExcerpt} label="Arguments" />
            ) : (
              <Long text={readableJson(call.parameters ?? {}, 2)} label="Arguments" />
            )}
          </Card>
          <Card title="Result">
            {call.errorMessage && (
              <Note tone="bad">
                <Text>{call.errorMessage}</Text>
              </Note>
            )}
            {call.responseExcerpt && <Beginning of={call.responseExcerpt} label="Result" />}
            {call.response !== null &&
              call.response !== undefined &&
              (isObject(call.response) ? (
                <AnswerView answer={call.response as Answer} serverId={call.serverId} />
              ) : (
                <Long text={readableJson(call.response)} label="Result" />
              ))}
          </Card>
        </div>
      </div>
    </>
  );
}

/** The beginning of JSON that was too long to be recorded in full. */
function Beginning({ of, label }: { of: Excerpt; label: string }) {
  return (
    <>
      <p className="small muted">
        {of.text && new Blob([of.text]).size === of.length ? (
          <>All {bytes(of.length)}, nested too deeply to display as JSON.</>
        ) : of.text ? (
          <>
            The first {bytes(new Blob([of.text]).size)} of {bytes(of.length)}.
          </>
        ) : (
          <>{bytes(of.length)}, too long to display.</>
        )}
        {of.sha256 && (
          <>
            {" "}
            SHA-256 of the full text: <span className="mono break">{of.sha256}</span>
          </>
        )}
      </p>
      {of.text && <Long text={of.text} label={label} />}
    </>
  );
}

function Facts({ call }: { call: CallDetails }) {
  return (
    <Card title="Call">
      <dl className="facts">
        <dt>Called</dt><dd><Moment at={call.createdAt} />, <Ago at={call.createdAt} /></dd>
        <dt>Duration</dt><dd>{millis(call.executionTime)}</dd>
        <dt>Caller</dt><dd><Caller id={call.userId} /></dd>
        <dt>Call ID</dt><dd className="mono small">{call.id}</dd>
        {call.traceId && <><dt>Trace ID</dt><dd className="mono small">{call.traceId}</dd></>}
      </dl>
    </Card>
  );
}

function Caller({ id }: { id: string }) {
  const me = useMe().data;
  const user = useUsers().data?.find((one) => one.id === id);
  if (user) return <Text line>{`${user.name} <${user.email}>`}</Text>;
  return me?.id === id ? <>you</> : <span className="mono small">{id}</span>;
}

const tones: Record<string, Tone> = { queued: "busy", restart: "warn", exit: "bad", health: "idle" };

function Meanwhile({ call }: { call: CallDetails }) {
  return (
    <Card
      title="During the call"
      actions={
        <Link href={to.server(call.serverId, "timeline")} className="small">
          Server timeline
        </Link>
      }
    >
      {call.meanwhile.length ? (
        <ol className="history">
          {call.meanwhile.map((one, index) => (
            <li key={index}>
              <Dot tone={tones[one.kind] ?? "idle"} />
              <Text>{one.text}</Text>
              <div className="tiny muted">{one.kind}, <Moment at={one.at} /></div>
            </li>
          ))}
        </ol>
      ) : (
        <p className="muted">No events: the call did not wait, and its server kept running.</p>
      )}
    </Card>
  );
}
