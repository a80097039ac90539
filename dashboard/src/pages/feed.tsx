/** The feed of live events. */
import { useQuery } from "@tanstack/react-query";
import { memo } from "react";
import { Link } from "wouter";
import { api, query } from "../api/client";
import { useMay, useServers } from "../api/queries";
import type { List, ToolCall } from "../api/types";
import { count, millis, plural } from "../lib/format";
import { to } from "../lib/links";
import { useStore } from "../lib/store";
import { feed, liveState, type ReceivedEvent } from "../live/live";
import { Empty } from "../ui/card";
import { Dot, healthTone, healthWord, type Tone } from "../ui/state";
import { Ago, Text } from "../ui/text";

export function Feed() {
  const live = useStore(feed);
  const recorded = useRecordedCalls();
  const known = new Set(live.map(idOfCall));
  const events = [...live, ...recorded.filter((event) => !known.has(event.key))];
  const state = useStore(liveState);
  const names = new Map(useServers().data?.map((server) => [server.id, server.name]));
  if (!events.length) {
    return (
      <Empty title={state === "absent" ? "No live events" : "No events yet"}>
        {state === "absent"
          ? "This Ostler does not send events to this account."
          : "Calls, restarts and changes appear here."}
      </Empty>
    );
  }
  return (
    <div className="feed" role="log" aria-label="Events" tabIndex={0}>
      <ol>
        {events.map((event) => {
          const id = serverOf(event);
          return <FeedItem key={event.key} event={event} id={id} name={id && nameOf(event, names, id)} />;
        })}
      </ol>
    </div>
  );
}

const RECORDED_CALLS_MAX = 20;

/** The last calls on record: what happened before the page was opened. */
function useRecordedCalls(): ReceivedEvent[] {
  const { data } = useQuery({
    queryKey: ["feed"],
    queryFn: ({ signal }) => api.get<List<ToolCall>>(`/api/calls${query({ limit: RECORDED_CALLS_MAX })}`, signal),
    enabled: useMay()("mcp:read"),
  });
  return (data?.items ?? []).map((call) => ({
    event: "call", data: call, at: Date.parse(call.createdAt), key: call.id,
  }));
}

const idOfCall = (event: ReceivedEvent) => (event.event === "call" ? event.data.id : "");

/** Events never change: in a flood of them, only the new ones are drawn. */
const FeedItem = memo(function FeedItem({
  event,
  id,
  name,
}: {
  event: ReceivedEvent;
  id: string | null;
  name: string | null;
}) {
  const [tone, text] = describe(event);
  return (
    <li>
      <Dot tone={tone} />
      <span className="break">
        {id && name !== null && <><Link href={to.server(id)}><Text line most={80}>{name}</Text></Link>{" "}</>}
        <Text line>{text}</Text>
      </span>
      <span className="tiny muted nowrap"><Ago at={event.at} /></span>
    </li>
  );
});

function nameOf(event: ReceivedEvent, names: Map<string, string>, id: string): string {
  return event.event === "server" ? event.data.name : (names.get(id) ?? "a server");
}

function serverOf(event: ReceivedEvent): string | null {
  if (event.event === "server") return event.data.id;
  return "serverId" in event.data ? event.data.serverId : null;
}

function describe(event: ReceivedEvent): [Tone, string] {
  switch (event.event) {
    case "server":
      if (event.data.change !== "state") return ["idle", `was ${event.data.change}`];
      return [healthTone(event.data.healthStatus), `changed to ${healthWord(event.data.healthStatus).toLowerCase()}`];
    case "exit":
      return ["bad", event.data.report.reason];
    case "restart":
      return ["warn", `restart scheduled, attempt ${event.data.attempt}`];
    case "gave-up":
      return ["bad", `was left down: ${event.data.reason}`];
    case "call":
      return event.data.success
        ? ["ok", `${event.data.toolName} succeeded in ${millis(event.data.executionTime)}`]
        : ["bad", `${event.data.toolName} failed: ${event.data.errorMessage ?? "no reason given"}`];
    case "calls":
      return [
        event.data.errors ? "warn" : "ok",
        `${count(event.data.count)} calls${event.data.errors ? `, ${count(event.data.errors)} failed` : ""}`,
      ];
    case "tools":
      return event.data.waiting
        ? ["warn", `${plural(event.data.waiting, "tool")} to accept`]
        : ["ok", "no tools to accept"];
    case "gateway":
      return describeGateway(event.data);
    case "gap":
      return ["warn", `${event.data.missed === null ? "Some" : count(event.data.missed)} events missed`];
  }
}

function describeGateway({
  service,
  change,
  instance,
  healthy,
}: Extract<ReceivedEvent, { event: "gateway" }>["data"]): [Tone, string] {
  if (change === "health")
    return healthy
      ? ["ok", `${service}: ${instance} is healthy again`]
      : ["bad", `${service}: ${instance} is unhealthy`];
  return ["idle", change === "instance" ? `${service}: ${instance} was changed` : `service ${service} was ${change}`];
}
