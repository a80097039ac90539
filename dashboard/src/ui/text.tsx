/** Foreign text, and times. */
import { useSyncExternalStore } from "react";
import { ago, moment } from "../lib/format";
import { inert, inertLine } from "../lib/inert";

/** Foreign text, made inert. `line` puts it on one line and truncates it. */
export function Text({ children, line = false, most = 300 }: { children: string; line?: boolean; most?: number }) {
  const shown = line ? inertLine(children, most) : inert(children);
  return <bdi className="foreign">{shown}</bdi>;
}

/** Foreign text with its own line breaks, in a box. */
export function Code({ children, label }: { children: string; label: string }) {
  return (
    <pre className="code" tabIndex={0} role="group" aria-label={inertLine(label)}>
      <bdi className="foreign">{inert(children)}</bdi>
    </pre>
  );
}

/** One clock for all components: it ticks while one subscribes to it and the page is visible. */
const clock = {
  now: Date.now(),
  timer: undefined as number | undefined,
  watchers: new Set<() => void>(),
};

function tick(): void {
  if (document.hidden) return;
  clock.now = Date.now();
  clock.watchers.forEach((watcher) => watcher());
}

document.addEventListener("visibilitychange", tick);

function watchClock(watcher: () => void): () => void {
  clock.watchers.add(watcher);
  if (clock.timer === undefined) {
    // It stood still without subscribers.
    clock.now = Date.now();
    clock.timer = window.setInterval(tick, 1000);
  }
  return () => {
    clock.watchers.delete(watcher);
    if (clock.watchers.size) return;
    clearInterval(clock.timer);
    clock.timer = undefined;
  };
}

/** The time, rounded down to `step` milliseconds, so that what shows it is drawn no more often. */
export function useNow(step = 5000): number {
  return useSyncExternalStore(watchClock, () => Math.floor(Math.max(clock.now, 0) / step) * step);
}

/** The whole moment with its zone, for tooltips. */
const full = (time: Date) => time.toLocaleString([], { dateStyle: "medium", timeStyle: "long" });

/** A relative time with the absolute one as its tooltip; rendered again only when its words change. */
export function Ago({ at, none = "never" }: { at: string | number | null | undefined; none?: string }) {
  const time = at === null || at === undefined ? null : new Date(at);
  const words = useSyncExternalStore(watchClock, () => (time ? ago(time.getTime(), clock.now) : none));
  if (!time) return <span className="muted">{words}</span>;
  return <time dateTime={time.toISOString()} title={full(time)}>{words}</time>;
}

/** A moment to come; one that should have come by now is near. */
export function Soon({ at }: { at: string | null }) {
  const now = useNow(1000);
  return at && Date.parse(at) - now > 1500 ? <Ago at={at} /> : <>in a moment</>;
}

/** A moment as a clock shows it. */
export function Moment({ at }: { at: string | number }) {
  const time = new Date(at);
  return (
    <time dateTime={time.toISOString()} title={full(time)}>
      {moment(at)}
    </time>
  );
}
