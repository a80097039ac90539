/** An event stream that reconnects: open while the page is visible, resumed by id after an interruption. */
import { ApiError, send } from "../api/client";
import { readEvents, type ServerSentEvent } from "../lib/sse";
import { Store } from "../lib/store";

/**
 * - `connecting`: not open yet
 * - `live`: open
 * - `lost`: broken, the next try is waiting
 * - `paused`: the page is hidden
 * - `absent`: this Ostler has no such stream, or the caller may not read it
 */
export type StreamState = "connecting" | "live" | "lost" | "paused" | "absent";

const RETRY_WAIT_MIN_MS = 500;
const RETRY_WAIT_MAX_MS = 15_000;
const ABSENT_RETRY_WAIT_MS = 60_000;
/** A hidden page keeps its stream for a while: looking at another tab for a moment should cost nothing. */
const HIDDEN_GRACE_MS = 10_000;

export class Stream {
  readonly state = new Store<StreamState>("connecting");
  private lastId: string | null = null;
  private abort: AbortController | null = null;
  private timer: number | undefined;
  private hiding: number | undefined;
  private wait = RETRY_WAIT_MIN_MS;
  private closed = false;

  constructor(
    private readonly path: string,
    private readonly take: (events: ServerSentEvent[]) => void,
    /** Called whenever it opens; `resumed` where nothing can have been missed unsaid. */
    private readonly opened: (resumed: boolean) => void = () => {},
  ) {
    document.addEventListener("visibilitychange", this.visibility);
    window.addEventListener("online", this.retry);
    void this.open();
  }

  close(): void {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.visibility);
    window.removeEventListener("online", this.retry);
    clearTimeout(this.timer);
    clearTimeout(this.hiding);
    this.abort?.abort();
  }

  /** Tries again now. */
  retry = (): void => {
    if (this.closed || this.abort || document.hidden) return;
    clearTimeout(this.timer);
    void this.open();
  };

  private visibility = (): void => {
    clearTimeout(this.hiding);
    if (!document.hidden) return this.retry();
    this.hiding = window.setTimeout(() => {
      clearTimeout(this.timer);
      this.abort?.abort();
      this.abort = null;
      this.state.set("paused");
    }, HIDDEN_GRACE_MS);
  };

  private async open(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    if (["paused", "lost"].includes(this.state.get())) this.state.set("connecting");
    let wait: number | null = null;
    try {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (this.lastId !== null) headers["last-event-id"] = this.lastId;
      const response = await send(this.path, { headers, signal: abort.signal });
      this.state.set("live");
      this.wait = RETRY_WAIT_MIN_MS;
      this.opened(this.lastId !== null);
      await readEvents(response, this.receive);
    } catch (error) {
      if (error instanceof ApiError) wait = this.refused(error);
    }
    if (this.closed || this.abort !== abort) return;
    this.abort = null;
    if (this.state.get() !== "absent") this.state.set(document.hidden ? "paused" : "lost");
    this.timer = window.setTimeout(this.retry, wait ?? this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, RETRY_WAIT_MAX_MS);
  }

  private refused(error: ApiError): number | null {
    if ([403, 404, 405].includes(error.status)) {
      this.state.set("absent");
      return ABSENT_RETRY_WAIT_MS;
    }
    return error.status === 429 ? error.retryAfter : null;
  }

  private receive = (events: ServerSentEvent[], lastId: string | null): void => {
    this.lastId = lastId ?? this.lastId;
    if (events.length) this.take(events);
  };
}
