/** Invalidates queries, but never more often than the limit of requests allows, and never while nobody looks. */
import type { QueryClient, QueryKey } from "@tanstack/react-query";

/** Every query is asked again at most once in this time; with the few that a page shows, 100 a minute stay out of reach. */
const INTERVAL = 5000;
/** How often everything shown is asked again where there is no event stream. */
const POLL = 20_000;

export class Refresher {
  private due = new Map<string, QueryKey>();
  private timer: number | undefined;
  private last = 0;
  private polling: number | undefined;

  constructor(private readonly client: QueryClient) {
    document.addEventListener("visibilitychange", this.visible);
  }

  /** Asks again for these, soon. */
  soon(...queries: QueryKey[]): void {
    for (const key of queries) this.due.set(JSON.stringify(key), key);
    this.schedule();
  }

  /** Whether to ask for everything shown now and then. */
  poll(wanted: boolean): void {
    clearInterval(this.polling);
    this.polling = wanted
      ? window.setInterval(() => {
          if (!document.hidden) void this.client.invalidateQueries({ refetchType: "active" });
        }, POLL)
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
    const wait = Math.max(250, this.last + INTERVAL - Date.now());
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
