/** Applies the events of `/api/events` to the query cache and the feed. */
import type { QueryClient } from "@tanstack/react-query";
import type { Events, Server, ServerDetails, ServerItem } from "../api/types";
import { keys } from "../api/queries";
import type { ServerSentEvent } from "../lib/sse";
import { Store } from "../lib/store";
import { Refresher } from "./refresher";
import { Stream, type StreamState } from "./stream";

/** An event as it was received. */
export type ReceivedEvent = {
  [Name in keyof Events]: { event: Name; data: Events[Name]; at: number; key: string };
}[keyof Events];

const FEED_EVENTS_MAX = 100;

/** The last events, newest first. */
export const feed = new Store<readonly ReceivedEvent[]>([]);
/** The state of the event stream. */
export const liveState = new Store<StreamState>("connecting");
/** The moment at which the connection was lost; null while the stream is open, or not needed. */
export const lostAt = new Store<number | null>(null);

let current: Stream | null = null;

/** Events are brought to the page together, so that a flood of them draws it four times a second at most. */
const BATCH_INTERVAL_MS = 250;

/** Opens the stream; answers with what closes it. */
export function goLive(client: QueryClient): () => void {
  const refresher = new Refresher(client);
  let waiting: ReceivedEvent[] = [];
  let timer: number | undefined;
  let [number, opens] = [0, 0];
  const show = () => {
    timer = undefined;
    const events = waiting;
    waiting = [];
    apply(client, refresher, events);
    feed.set([...events.reverse(), ...feed.get()].slice(0, FEED_EVENTS_MAX));
  };
  const stream = new Stream(
    "/api/events",
    (batch) => {
      for (const one of batch) {
        const event = parse(one, `${++number}`);
        if (event) waiting.push(event);
      }
      if (waiting.length) timer ??= window.setTimeout(show, BATCH_INTERVAL_MS);
    },
    (resumed) => {
      // The cache misses the events of the interruption.
      if (opens++ > 0 && !resumed) void client.invalidateQueries();
    },
  );
  current = stream;
  const unwatch = stream.state.watch(() => {
    const state = stream.state.get();
    liveState.set(state);
    if (state === "lost") lostAt.set(lostAt.get() ?? Date.now());
    // Another try may fail, too: it alone is no end of the interruption.
    else if (state !== "connecting") lostAt.set(null);
    refresher.poll(state === "absent");
  });
  return () => {
    unwatch();
    clearTimeout(timer);
    stream.close();
    refresher.stop();
    current = null;
    feed.set([]);
    liveState.set("connecting");
    lostAt.set(null);
  };
}

/** Tries to open the stream again at once. */
export function reconnect(): void {
  current?.retry();
}

function parse({ event, data }: ServerSentEvent, key: string): ReceivedEvent | null {
  try {
    return { event, data: JSON.parse(data), at: Date.now(), key } as ReceivedEvent;
  } catch {
    return null;
  }
}

function apply(client: QueryClient, refresher: Refresher, events: ReceivedEvent[]): void {
  const updates = new Map<string, ServerUpdate>();
  for (const event of events) {
    refresh(client, refresher, event);
    collect(updates, event);
  }
  if (updates.size) patch(client, updates);
}

function refresh(client: QueryClient, refresher: Refresher, event: ReceivedEvent): void {
  switch (event.event) {
    case "gap":
      // Any query may have missed an event.
      return void client.invalidateQueries();
    case "server":
      if (event.data.change !== "state") refresher.soon(keys.servers, keys.server(event.data.id));
      // The event does not contain the authorization of a remote server.
      else if (isRemote(client, event.data.id)) refresher.soon(keys.server(event.data.id));
      return refresher.soon(keys.overview, keys.health(event.data.id));
    case "exit":
    case "restart":
    case "gave-up":
      return refresher.soon(
        keys.server(event.data.serverId),
        keys.overview,
        keys.health(event.data.serverId),
        keys.timeline(event.data.serverId),
      );
    case "call":
    case "calls":
      // The error of a tool may tell of a refusal, and the event does not contain what is suggested then.
      if (event.event === "call" ? !event.data.success : event.data.errors) {
        refresher.soon(keys.server(event.data.serverId));
      }
      return refresher.soon(keys.calls, keys.overview, keys.timeline(event.data.serverId));
    case "tools":
      return refresher.soon(keys.tools(event.data.serverId), keys.server(event.data.serverId), keys.overview);
    case "gateway":
      return refresher.soon(keys.gateway);
  }
}

function isRemote(client: QueryClient, id: string): boolean {
  return !!client.getQueryData<{ details: ServerDetails }>(keys.server(id))?.details.server.url;
}

/** Changes of a server since the last batch of events. */
interface ServerUpdate {
  state?: Pick<Events["server"], "healthStatus" | "runtimeStatus">;
  calls: number;
  errors: number;
  lastUsedAt?: string;
}

function collect(updates: Map<string, ServerUpdate>, event: ReceivedEvent): void {
  const of = (id: string) => {
    const known = updates.get(id) ?? { calls: 0, errors: 0 };
    updates.set(id, known);
    return known;
  };
  if (event.event === "server" && event.data.change === "state") of(event.data.id).state = event.data;
  if (event.event !== "call" && event.event !== "calls") return;
  const server = of(event.data.serverId);
  const single = event.event === "call";
  server.calls += single ? 1 : event.data.count;
  server.errors += single ? Number(!event.data.success) : event.data.errors;
  server.lastUsedAt = single ? event.data.createdAt : new Date(event.at).toISOString();
}

/** Updates cached servers without a request. */
function patch(client: QueryClient, updates: Map<string, ServerUpdate>): void {
  const updated = <T extends Server>(server: T, { state, calls, lastUsedAt }: ServerUpdate): T => ({
    ...server,
    ...(state && { healthStatus: state.healthStatus }),
    totalCalls: server.totalCalls + calls,
    lastUsedAt: lastUsedAt ?? server.lastUsedAt,
  });
  client.setQueryData<ServerItem[]>(keys.servers, (items) =>
    items?.map((item) => {
      const update = updates.get(item.id);
      return update
        ? { ...updated(item, update), runtimeStatus: update.state?.runtimeStatus ?? item.runtimeStatus }
        : item;
    }),
  );
  for (const [id, update] of updates) {
    client.setQueryData<{ details: ServerDetails; etag: string }>(keys.server(id), (known) => {
      if (!known) return known;
      const { server, stats, runtimeStatus } = known.details;
      const counted = {
        ...stats,
        totalCalls: stats.totalCalls + update.calls,
        totalErrors: stats.totalErrors + update.errors,
      };
      const details = {
        ...known.details,
        server: updated(server, update),
        stats: counted,
        runtimeStatus: update.state?.runtimeStatus ?? runtimeStatus,
      };
      return { ...known, details };
    });
  }
}
