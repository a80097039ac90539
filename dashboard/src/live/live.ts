/** What `/api/events` says, brought to the query cache and to the feed. */
import type { QueryClient } from "@tanstack/react-query";
import type { Events, ServerDetails, ServerItem } from "../api/types";
import { keys } from "../api/queries";
import type { Sent } from "../lib/sse";
import { Store } from "../lib/store";
import { Refresher } from "./refresher";
import { Stream, type StreamState } from "./stream";

/** An event as it was received. */
export type Live = { [Name in keyof Events]: { event: Name; data: Events[Name]; at: number; key: string } }[keyof Events];

const MOST_IN_FEED = 200;

/** The last events, newest first. */
export const feed = new Store<readonly Live[]>([]);
/** How the stream is; `absent` also before anybody logged in. */
export const liveState = new Store<StreamState>("connecting");

type Listener = (event: Live) => void;
const listeners = new Set<Listener>();

/** Calls `listener` with every event from now on. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let current: Stream | null = null;

/** Opens the stream; answers with what closes it. */
export function goLive(client: QueryClient): () => void {
  const refresher = new Refresher(client);
  let number = 0;
  let opens = 0;
  const stream = new Stream(
    "/api/events",
    (sent) => {
      const events = sent.map((one) => parse(one, `${++number}`)).filter((one) => one !== null);
      events.forEach((event) => {
        apply(client, refresher, event);
        listeners.forEach((listener) => listener(event));
      });
      const shown = events.filter((event) => event.event !== "gap" && !isNoise(event)).reverse();
      if (shown.length) feed.set([...shown, ...feed.get()].slice(0, MOST_IN_FEED));
    },
    (resumed) => {
      // What happened before the stream was open is in nobody's cache.
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

function isNoise(event: Live): boolean {
  return event.event === "gateway" && event.data.change === "health" && event.data.healthy === undefined;
}

function apply(client: QueryClient, refresher: Refresher, event: Live): void {
  switch (event.event) {
    case "gap":
      // Something was missed, and nobody knows what.
      return void client.invalidateQueries();
    case "server":
      if (event.data.change === "state") patch(client, event.data);
      else refresher.soon(keys.servers, keys.server(event.data.id));
      if (event.data.change === "created" || event.data.change === "deleted") refresher.soon(keys.audit);
      return refresher.soon(keys.overview, keys.health(event.data.id));
    case "exit":
    case "restart":
    case "gave-up":
      return refresher.soon(keys.server(event.data.serverId), keys.overview, keys.health(event.data.serverId));
    case "call":
    case "calls":
      return refresher.soon(keys.calls, keys.callsOf(event.data.serverId), keys.overview);
    case "gateway":
      return refresher.soon(keys.gateway);
  }
}

/** Puts a change of state straight where it is shown: no request needed. */
function patch(client: QueryClient, { id, healthStatus, runtimeStatus }: Events["server"]): void {
  client.setQueryData<ServerItem[]>(keys.servers, (items) =>
    items?.map((item) =>
      item.id === id ? { ...item, healthStatus, runtimeStatus: runtimeStatus ?? item.runtimeStatus } : item,
    ),
  );
  client.setQueryData<{ details: ServerDetails; etag: string }>(keys.server(id), (known) =>
    known && {
      ...known,
      details: {
        ...known.details,
        server: { ...known.details.server, healthStatus },
        runtimeStatus: runtimeStatus ?? known.details.runtimeStatus,
      },
    },
  );
}
