/** What `/api/events` says, brought to the query cache and to the feed. */
import type { QueryClient } from "@tanstack/react-query";
import type { Events, Server, ServerDetails, ServerItem } from "../api/types";
import { keys } from "../api/queries";
import type { Sent } from "../lib/sse";
import { Store } from "../lib/store";
import { Refresher } from "./refresher";
import { Stream, type StreamState } from "./stream";

/** An event as it was received. */
export type Live = { [Name in keyof Events]: { event: Name; data: Events[Name]; at: number; key: string } }[keyof Events];

const MOST_IN_FEED = 100;

/** The last events, newest first. */
export const feed = new Store<readonly Live[]>([]);
/** How the stream is; `absent` also before anybody logged in. */
export const liveState = new Store<StreamState>("connecting");

let current: Stream | null = null;

/** Events are brought to the page together, so that a flood of them draws it four times a second at most. */
const TOGETHER = 250;

/** Opens the stream; answers with what closes it. */
export function goLive(client: QueryClient): () => void {
  const refresher = new Refresher(client);
  let waiting: Live[] = [];
  let timer: number | undefined;
  let [number, opens] = [0, 0];
  const show = () => {
    timer = undefined;
    const events = waiting;
    waiting = [];
    apply(client, refresher, events);
    feed.set([...events.reverse(), ...feed.get()].slice(0, MOST_IN_FEED));
  };
  const stream = new Stream(
    "/api/events",
    (sent) => {
      for (const one of sent) {
        const event = parse(one, `${++number}`);
        if (event) waiting.push(event);
      }
      if (waiting.length) timer ??= window.setTimeout(show, TOGETHER);
    },
    (resumed) => {
      // What happened while nothing was heard is in nobody's cache.
      if (opens++ > 0 && !resumed) void client.invalidateQueries();
    },
  );
  current = stream;
  const unwatch = stream.state.watch(() => {
    liveState.set(stream.state.get());
    refresher.poll(stream.state.get() === "absent");
  });
  return () => {
    unwatch();
    clearTimeout(timer);
    stream.close();
    refresher.stop();
    current = null;
    feed.set([]);
    liveState.set("connecting");
  };
}

/** Tries to open the stream again at once. */
export function reconnect(): void {
  current?.retry();
}

function parse({ event, data }: Sent, key: string): Live | null {
  try {
    return { event, data: JSON.parse(data), at: Date.now(), key } as Live;
  } catch {
    return null;
  }
}

function apply(client: QueryClient, refresher: Refresher, events: Live[]): void {
  const news = new Map<string, News>();
  for (const event of events) {
    refresh(client, refresher, event);
    learn(news, event);
  }
  if (news.size) patch(client, news);
}

function refresh(client: QueryClient, refresher: Refresher, event: Live): void {
  switch (event.event) {
    case "gap":
      // Something was missed, and nobody knows what.
      return void client.invalidateQueries();
    case "server":
      if (event.data.change !== "state") refresher.soon(keys.servers, keys.server(event.data.id));
      // Whether a server elsewhere has somebody's consent is no part of its state.
      else if (isRemote(client, event.data.id)) refresher.soon(keys.server(event.data.id));
      return refresher.soon(keys.overview, keys.health(event.data.id));
    case "exit":
    case "restart":
    case "gave-up":
      return refresher.soon(keys.server(event.data.serverId), keys.overview, keys.health(event.data.serverId), keys.timeline(event.data.serverId));
    case "call":
    case "calls":
      return refresher.soon(keys.calls, keys.overview, keys.timeline(event.data.serverId));
    case "gateway":
      return refresher.soon(keys.gateway);
  }
}

function isRemote(client: QueryClient, id: string): boolean {
  return !!client.getQueryData<{ details: ServerDetails }>(keys.server(id))?.details.server.url;
}

/** What events told of a server since it was drawn last. */
interface News {
  state?: Pick<Events["server"], "healthStatus" | "runtimeStatus">;
  calls: number;
  errors: number;
  lastUsedAt?: string;
}

function learn(news: Map<string, News>, event: Live): void {
  const of = (id: string) => {
    const known = news.get(id) ?? { calls: 0, errors: 0 };
    news.set(id, known);
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

/** Puts what is told straight where it is shown: no request needed. */
function patch(client: QueryClient, news: Map<string, News>): void {
  const renewed = <T extends Server>(server: T, { state, calls, lastUsedAt }: News): T => ({
    ...server,
    ...(state && { healthStatus: state.healthStatus }),
    totalCalls: server.totalCalls + calls,
    lastUsedAt: lastUsedAt ?? server.lastUsedAt,
  });
  client.setQueryData<ServerItem[]>(keys.servers, (items) =>
    items?.map((item) => {
      const told = news.get(item.id);
      return told ? { ...renewed(item, told), runtimeStatus: told.state?.runtimeStatus ?? item.runtimeStatus } : item;
    }),
  );
  for (const [id, told] of news) {
    client.setQueryData<{ details: ServerDetails; etag: string }>(keys.server(id), (known) => {
      if (!known) return known;
      const { server, stats, runtimeStatus } = known.details;
      const counted = { ...stats, totalCalls: stats.totalCalls + told.calls, totalErrors: stats.totalErrors + told.errors };
      const details = { ...known.details, server: renewed(server, told), stats: counted, runtimeStatus: told.state?.runtimeStatus ?? runtimeStatus };
      return { ...known, details };
    });
  }
}
