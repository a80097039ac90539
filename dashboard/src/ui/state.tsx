/** How a server is, as a word with a colour and a shape. */
import type { Health, Status } from "../api/types";

export type Tone = "ok" | "busy" | "warn" | "bad" | "idle";

const healths: Record<Health, [Tone, string]> = {
  HEALTHY: ["ok", "Healthy"],
  STARTING: ["busy", "Starting"],
  UNHEALTHY: ["warn", "Unhealthy"],
  ERROR: ["bad", "Error"],
  STOPPED: ["idle", "Stopped"],
  UNKNOWN: ["idle", "Not started"],
};

export function Dot({ tone }: { tone: Tone }) {
  return <span className={`dot is-${tone}`} aria-hidden="true" />;
}

export function Badge({ tone, children }: { tone: Tone; children: React.ReactNode }) {
  return (
    <span className={`state is-${tone}`}>
      <Dot tone={tone} />
      {children}
    </span>
  );
}

/** Health, and what the process is doing where that says more. */
export function HealthBadge({ health, status }: { health: Health; status?: Status | undefined }) {
  const [tone, word] = healths[health] ?? healths.UNKNOWN;
  if (status === "restarting") return <Badge tone="warn">Restarting</Badge>;
  if (status === "unauthorized") return <Badge tone="bad">Wants consent</Badge>;
  if (status === "stopping") return <Badge tone="busy">Stopping</Badge>;
  return <Badge tone={tone}>{word}</Badge>;
}

export function healthTone(health: Health): Tone {
  return (healths[health] ?? healths.UNKNOWN)[0];
}

export function healthWord(health: Health): string {
  return (healths[health] ?? healths.UNKNOWN)[1];
}
