/** Short notes at the corner: what was done, what went wrong. */
import { explain } from "../api/client";
import { Store, useStore } from "../lib/store";
import { Button } from "./button";
import { Icon } from "./icon";
import { Text } from "./text";

interface Toast {
  key: number;
  tone: "ok" | "bad";
  text: string;
}

const toasts = new Store<readonly Toast[]>([]);
let lastKey = 0;

function show(tone: Toast["tone"], text: string, ms: number): void {
  const key = ++lastKey;
  toasts.set([...toasts.get().slice(-3), { key, tone, text }]);
  window.setTimeout(() => dismiss(key), ms);
}

function dismiss(key: number): void {
  toasts.set(toasts.get().filter((toast) => toast.key !== key));
}

export const toast = {
  done: (text: string): void => show("ok", text, 4000),
  failed: (error: unknown, what?: string): void =>
    show("bad", what ? `${what}: ${explain(error)}` : explain(error), 12_000),
};

export function Toasts() {
  const shown = useStore(toasts);
  return (
    <div className="toasts" role="log" aria-live="polite" aria-label="Messages">
      {shown.map(({ key, tone, text }) => (
        <div className="toast" key={key}>
          <span className={tone}><Icon name={tone === "ok" ? "check" : "warn"} /></span>
          <span className="grow"><Text most={600} line>{text}</Text></span>
          <Button icon="close" label="Dismiss" look="quiet compact" onClick={() => dismiss(key)} />
        </div>
      ))}
    </div>
  );
}
