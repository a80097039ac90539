/** Text, ours and foreign, and moments in time. */
import { useEffect, useState } from "react";
import { ago, moment } from "../lib/format";
import { inert, inertLine } from "../lib/inert";

/** Foreign text: shown, never obeyed. `line` puts it on one line and cuts it. */
export function Text({ children, line = false, most = 300 }: { children: string; line?: boolean; most?: number }) {
  const shown = line ? inertLine(children, most) : inert(children);
  return <bdi className="foreign">{shown}</bdi>;
}

/** Foreign text with its own line breaks, in a box. */
export function Code({ children, label }: { children: string; label: string }) {
  return (
    <pre className="code" tabIndex={0} role="region" aria-label={label}>
      <bdi className="foreign">{inert(children)}</bdi>
    </pre>
  );
}

/** The time, every `step` milliseconds while the page is seen. */
export function useNow(step = 5000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const tick = () => {
      if (!document.hidden) setNow(Date.now());
    };
    const timer = setInterval(tick, step);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [step]);
  return now;
}

/** How long ago, with the moment itself for whoever points at it. */
export function Ago({ at, none = "never" }: { at: string | number | null | undefined; none?: string }) {
  const now = useNow();
  if (at === null || at === undefined) return <span className="muted">{none}</span>;
  const time = new Date(at);
  return (
    <time dateTime={time.toISOString()} title={time.toLocaleString()}>
      {ago(time.getTime(), now)}
    </time>
  );
}

/** A moment as a clock shows it. */
export function Moment({ at }: { at: string | number }) {
  const time = new Date(at);
  return (
    <time dateTime={time.toISOString()} title={time.toLocaleString()}>
      {moment(at)}
    </time>
  );
}
