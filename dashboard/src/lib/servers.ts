/** Functions that lists of servers share. */
import type { HealthStatus, Limits, RuntimeStatus, ServerItem } from "../api/types";
import { count } from "./format";

export type Group = "healthy" | "degraded" | "down" | "off";

/** The group of a server by its health; `off` is stopped on purpose. */
export function group(health: HealthStatus): Group {
  if (health === "HEALTHY") return "healthy";
  if (health === "STARTING" || health === "UNHEALTHY") return "degraded";
  return health === "ERROR" ? "down" : "off";
}

/** The reason for which a server needs attention, if it does. */
export function faultOf({ healthStatus, runtimeStatus: { fault, lastExit } }: ServerItem): string | undefined {
  const isFailing = ["ERROR", "UNHEALTHY", "STARTING"].includes(healthStatus);
  return fault ?? (isFailing ? lastExit?.reason : undefined);
}

/** Orders servers by how much they need attention. */
export function byUrgency(a: ServerItem, b: ServerItem): number {
  return urgency(a) - urgency(b) || a.name.localeCompare(b.name);
}

function urgency({ healthStatus, runtimeStatus }: ServerItem): number {
  const order: Group[] = ["down", "degraded", "healthy", "off"];
  // One that is healthy with a fault comes before those without.
  return order.indexOf(group(healthStatus)) - (runtimeStatus.fault ? 0.5 : 0);
}

/** The limits in force for the processes of a server, in words. */
export function limitsInWords({ memoryMb, processes, cpuPercent, openFiles }: Limits): string {
  const words = [
    memoryMb && `${count(memoryMb)} MiB of memory`,
    processes && `${count(processes)} processes and threads`,
    cpuPercent && `${count(cpuPercent)} % of a core`,
    openFiles && `${count(openFiles)} descriptors a process`,
  ];
  return words.filter(Boolean).join(", ") || "none";
}

export function isUp(status: RuntimeStatus["status"]): boolean {
  return status === "running" || status === "starting" || status === "restarting";
}

export function matches(server: ServerItem, words: string): boolean {
  const text = [server.name, server.description, server.command, ...server.args, server.url, server.id]
    .join("\n")
    .toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** The command line or the URL of a server, on one line. */
export function commandLine(server: { command: string; args: string[]; url: string | null }): string {
  return server.url ?? [server.command, ...server.args].map(quoted).join(" ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Does `act` to each of `items`, a few at a time; answers with those it failed for. */
export async function forEach<T>(
  items: T[],
  act: (item: T) => Promise<unknown>,
  width = 4,
): Promise<{ item: T; error: unknown }[]> {
  const failed: { item: T; error: unknown }[] = [];
  const waiting = [...items];
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        await act(item);
      } catch (error) {
        failed.push({ item, error });
      }
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return failed;
}
