/** Invalidates queries within the rate limit, and only while the page is visible. */
import type { QueryClient, QueryKey } from "@tanstack/react-query";

/** Milliseconds between refreshes of a query: the few on a page stay far below 100 requests a minute. */
const REFRESH_INTERVAL_MS = 5000;
/** Milliseconds between refreshes of active queries without an event stream. */
const POLL_INTERVAL_MS = 20_000;

export class Refresher {
  private due = new Map<string, QueryKey>();
  private timer: number | undefined;
  private last = 0;
  private polling: number | undefined;

  constructor(private readonly client: QueryClient) {
    document.addEventListener("visibilitychange", this.visible);
  }

  /** Schedules a refresh of queries. */
  soon(...queries: QueryKey[]): void {
    for (const key of queries) this.due.set(JSON.stringify(key), key);
    this.schedule();
  }

  /** Switches polling of active queries on or off. */
  poll(wanted: boolean): void {
    clearInterval(this.polling);
    this.polling = wanted
      ? window.setInterval(() => {
          if (!document.hidden) void this.client.invalidateQueries({ refetchType: "active" });
        }, POLL_INTERVAL_MS)
      : undefined;
  }

  stop(): void {
    clearTimeout(this.timer);
    clearInterval(this.polling);
    document.removeEventListener("visibilitychange", this.visible);
  }

  private visible = (): void => {
    if (!document.hidden) this.schedule();
  };

  private schedule(): void {
    if (document.hidden || this.timer !== undefined || !this.due.size) return;
    const wait = Math.max(250, this.last + REFRESH_INTERVAL_MS - Date.now());
    this.timer = window.setTimeout(this.flush, wait);
  }

  private flush = (): void => {
    this.timer = undefined;
    this.last = Date.now();
    const due = [...this.due.values()];
    this.due.clear();
    for (const queryKey of due) void this.client.invalidateQueries({ queryKey });
  };
}
