/** The types of the API: generated from its OpenAPI description, and the few that it has no schema for. */
import type {
  CallEvent, CallsEvent, ExitEvent, GapEvent, GatewayEvent, GaveUpEvent, List_Share, RestartEvent, ServerEvent,
  ToolsEvent,
} from "./generated";

export type * from "./generated";
export type { Bucket as CallBucket, State as ProbeState } from "./generated";

/** A page of a list. */
export type List<T> = Omit<List_Share, "items"> & { items: T[] };

/** The data of the events on `/api/events`, by the name of the event. */
export interface Events {
  server: ServerEvent;
  exit: ExitEvent;
  restart: RestartEvent;
  "gave-up": GaveUpEvent;
  call: CallEvent;
  calls: CallsEvent;
  tools: ToolsEvent;
  gateway: GatewayEvent;
  gap: GapEvent;
}
