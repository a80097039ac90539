/** The health of a server as a word with a colour and a shape. */
import type { HealthStatus, SandboxLevel, Status } from "../api/types";

export type Tone = "ok" | "busy" | "warn" | "bad" | "idle";

const healths: Record<HealthStatus, [Tone, string]> = {
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

/** The health of a server, or the status of its process where that is more specific. */
export function HealthBadge({ health, status }: { health: HealthStatus; status?: Status | undefined }) {
  const [tone, word] = healths[health] ?? healths.UNKNOWN;
  if (status === "restarting") return <Badge tone="warn">Restarting</Badge>;
  if (status === "unauthorized") return <Badge tone="bad">Authorization required</Badge>;
  if (status === "stopping") return <Badge tone="busy">Stopping</Badge>;
  return <Badge tone={tone}>{word}</Badge>;
}

/** A warning about a server that is not contained; nothing for others. */
export function Uncontained({ level }: { level: SandboxLevel | null | undefined }) {
  return level === "none" ? <Badge tone="bad">Not contained</Badge> : null;
}

export function healthTone(health: HealthStatus): Tone {
  return (healths[health] ?? healths.UNKNOWN)[0];
}

export function healthWord(health: HealthStatus): string {
  return (healths[health] ?? healths.UNKNOWN)[1];
}
