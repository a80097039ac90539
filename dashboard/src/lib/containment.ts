/** The sandbox and the limits of a server: as a form edits them, and in words. */
import type { Grant, Limits, Sandbox, SandboxLevel } from "../api/types";

export interface Containment {
  /** Empty for the default of this Ostler. */
  level: SandboxLevel | "";
  /** One path per line. */
  read: string;
  write: string;
  unixSockets: boolean;
  network: "full" | "none" | "hosts";
  /** One host per line. */
  hosts: string;
  /** Numbers; empty for the usual limit. */
  limits: Record<keyof Limits, string>;
}

/** Says of each level what it contains, and what it does not. */
export const levels: Record<SandboxLevel, string> = {
  standard:
    "It reads installed programs, and reads and changes its own folder and what is granted below. It can still see " +
    "which files exist, change modes and times of yours, and send UDP.",
  strict: "It sees no other process and no file but those granted. Needs namespaces on this machine: see System.",
  none: "Not contained: it can do all that Ostler's user can, such as read keys and other servers' data.",
};

/** The limits, with their names and units. */
export const limitNames: [key: keyof Limits, name: string, unit: string][] = [
  ["memoryMb", "Memory", "MiB"],
  ["processes", "Processes and threads", ""],
  ["cpuPercent", "Processor time", "% of a core"],
  ["openFiles", "Open files per process", ""],
  ["diskMb", "Size of its folder", "MiB"],
];

export function containmentOf(sandbox: Sandbox | undefined, limits: Limits | undefined): Containment {
  const network = sandbox?.network ?? "full";
  const text = (key: keyof Limits) => `${limits?.[key] ?? ""}`;
  return {
    level: sandbox?.level ?? "",
    read: sandbox?.paths.read.join("\n") ?? "",
    write: sandbox?.paths.write.join("\n") ?? "",
    unixSockets: sandbox?.unixSockets ?? false,
    network: typeof network === "string" ? network : "hosts",
    hosts: typeof network === "string" ? "" : network.join("\n"),
    limits: Object.fromEntries(limitNames.map(([key]) => [key, text(key)])) as Containment["limits"],
  };
}

/** The sandbox and the limits that the API takes; a server at a URL has neither. */
export function containmentBody(of: Containment, isProgram: boolean): { sandbox: Sandbox; limits: Limits } {
  const { level, unixSockets, network, limits, ...lists } = isProgram ? of : containmentOf(undefined, undefined);
  const number = (text: string) => (text.trim() ? Number(text) : null);
  return {
    sandbox: {
      level: level || null,
      paths: { read: entries(lists.read), write: entries(lists.write) },
      unixSockets,
      network: network === "hosts" ? entries(lists.hosts) : network,
    },
    limits: Object.fromEntries(limitNames.map(([key]) => [key, number(limits[key])])),
  };
}

/** What a sandbox grants, a line each. */
export function sandboxLines({ level, paths, unixSockets, network }: Sandbox): string[] {
  return [
    ...(level ? [`level ${level}`] : []),
    ...paths.read.map((path) => `read ${path}`),
    ...paths.write.map((path) => `read and change ${path}`),
    ...(unixSockets ? ["UNIX sockets"] : []),
    ...(network === "full" ? [] : [`network: ${typeof network === "string" ? network : network.join(" ") || "none"}`]),
  ];
}

/** Limits that differ from the usual ones, a line each. */
export function limitLines(limits: Limits): string[] {
  return limitNames.flatMap(([key, name, unit]) => (limits[key] ? [`${name}: ${limits[key]} ${unit}`.trim()] : []));
}

/** What a grant allows, in words that a person can decide on; what it names follows. */
export function grantWords(grant: Grant): [words: string, name?: string] {
  switch (grant.kind) {
    case "read":
      return ["It may read and run this, and all in it:", grant.path];
    case "write":
      return ["It may read, change and remove this, and all in it:", grant.path];
    case "unix-sockets":
      return ["It may use UNIX sockets, and so talk to other programs of this machine that listen at one."];
    case "host":
      return ["It may connect to this host, at ports 80 and 443:", grant.host];
    case "no-sandbox":
      return [levels.none];
  }
}

function entries(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}
