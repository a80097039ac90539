/** The draft of a server's configuration, and its differences from the saved one. */
import type { Isolation, LauncherUse, Limits, Protocol, RemoteOAuth, Sandbox, Server, ToolPinning } from "../api/types";
import { containmentBody, containmentOf, limitLines, sandboxLines, type Containment } from "./containment";

export type Pair = [name: string, value: string];

export interface Draft {
  name: string;
  description: string;
  kind: "program" | "address";
  command: string;
  /** One argument per line. */
  args: string;
  env: Pair[];
  /** Empty for a folder of its own. */
  cwd: string;
  url: string;
  headers: Pair[];
  oauth: Required<RemoteOAuth>;
  isolation: Isolation;
  containment: Containment;
  protocol: Protocol;
  /** Empty for the default of this Ostler. */
  launcher: LauncherUse | "";
  /** Seconds; empty for the default. */
  startTimeout: string;
  enabled: boolean;
  /** One pattern per line. */
  allow: string;
  deny: string;
  descriptions: Pair[];
  changes: ToolPinning;
}

const noOAuth: Draft["oauth"] = {
  issuer: null,
  authorizationEndpoint: null,
  tokenEndpoint: null,
  registrationEndpoint: null,
  scopes: null,
  resource: null,
  clientId: null,
  clientSecret: null,
  pkce: false,
};

export const emptyDraft: Draft = {
  name: "",
  description: "",
  kind: "program",
  command: "",
  args: "",
  env: [],
  cwd: "",
  url: "",
  headers: [],
  oauth: noOAuth,
  isolation: "shared",
  containment: containmentOf(undefined, undefined),
  protocol: "auto",
  launcher: "",
  startTimeout: "",
  enabled: true,
  allow: "",
  deny: "",
  descriptions: [],
  changes: "pin",
};

export function draftOf(server: Server): Draft {
  return {
    name: server.name,
    description: server.description ?? "",
    kind: server.url === null ? "program" : "address",
    command: server.command,
    args: server.args.join("\n"),
    env: Object.entries(server.env),
    cwd: server.cwd ?? "",
    url: server.url ?? "",
    headers: Object.entries(server.headers),
    oauth: { ...noOAuth, ...server.oauth },
    isolation: server.isolation,
    containment: containmentOf(server.sandbox, server.limits),
    protocol: server.protocol,
    launcher: server.launcher ?? "",
    startTimeout: server.startTimeoutMs ? `${server.startTimeoutMs / 1000}` : "",
    enabled: server.enabled,
    allow: server.tools.allow.join("\n"),
    deny: server.tools.deny.join("\n"),
    descriptions: Object.entries(server.tools.descriptions),
    changes: server.tools.changes,
  };
}

/** The body that makes a server of a draft, or changes one to it. */
export function bodyOf(draft: Draft): Record<string, unknown> {
  const place =
    draft.kind === "program"
      ? {
          command: draft.command.trim(),
          args: lines(draft.args),
          env: object(draft.env),
          cwd: draft.cwd.trim() || null,
        }
      : { url: draft.url.trim(), headers: object(draft.headers), oauth: given(draft.oauth) };
  return {
    name: draft.name.trim(),
    description: draft.description.trim() || null,
    ...place,
    isolation: draft.isolation,
    ...containmentBody(draft.containment, draft.kind === "program"),
    protocol: draft.protocol,
    launcher: (draft.kind === "program" && draft.launcher) || null,
    startTimeoutMs: draft.startTimeout.trim() ? Math.round(Number(draft.startTimeout) * 1000) : null,
    enabled: draft.enabled,
    tools: {
      allow: patterns(draft.allow),
      deny: patterns(draft.deny),
      descriptions: object(draft.descriptions),
      changes: draft.changes,
    },
  };
}

export interface Difference {
  field: string;
  before: string[];
  after: string[];
}

/** Differences of a body from a server, field by field; secrets are named without their values. */
export function differences(server: Server, body: Record<string, unknown>): Difference[] {
  const old = bodyOf(draftOf(server));
  const fields = [...new Set([...Object.keys(old), ...Object.keys(body)])];
  return fields
    .map((field) => ({ field, before: linesOf(field, old[field]), after: linesOf(field, body[field], old[field]) }))
    .filter(({ field }) => JSON.stringify(old[field] ?? null) !== JSON.stringify(body[field] ?? null));
}

/** The fields of a body that change something. */
export function changesOf(server: Server, body: Record<string, unknown>): Record<string, unknown> {
  const fields = differences(server, body).map(({ field }) => field);
  return Object.fromEntries(Object.entries(body).filter(([field]) => fields.includes(field)));
}

function linesOf(field: string, value: unknown, old?: unknown): string[] {
  if (value === null || value === undefined || value === "") return [];
  if (field === "env" || field === "headers") {
    const earlier = (old ?? value) as Record<string, string>;
    return Object.entries(value as Record<string, string>).map(
      ([name, secret]) => `${name} = ${earlier[name] === secret ? "unchanged" : "new value"}`,
    );
  }
  if (field === "oauth") {
    const { clientSecret, ...plain } = value as RemoteOAuth;
    const isKept = clientSecret === ((old ?? value) as RemoteOAuth).clientSecret;
    return [
      ...Object.entries(plain).map(([name, part]) => `${name} = ${Array.isArray(part) ? part.join(" ") : part}`),
      ...(clientSecret ? [`clientSecret = ${isKept ? "unchanged" : "new value"}`] : []),
    ];
  }
  if (field === "sandbox") return sandboxLines(value as Sandbox);
  if (field === "limits") return limitLines(value as Limits);
  if (field === "tools") {
    const { allow, deny, descriptions, changes } = value as Server["tools"];
    return [
      ...allow.map((pattern) => `allow ${pattern}`),
      ...deny.map((pattern) => `deny ${pattern}`),
      ...Object.entries(descriptions).map(([name, text]) => `describe ${name}: ${text}`),
      ...(changes === "follow" ? ["follow changes"] : []),
    ];
  }
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

/** Each line by itself; an empty one is an empty argument, except at the end. */
function lines(text: string): string[] {
  return text === "" ? [] : text.replace(/\n+$/, "").split("\n").map((line) => line.replace(/\r$/, ""));
}

function patterns(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

/** The members of `oauth` that say something, as the API shows them. */
function given({ scopes, ...oauth }: Draft["oauth"]): RemoteOAuth {
  const members = { ...oauth, scopes: scopes?.filter(Boolean) ?? null };
  return Object.fromEntries(Object.entries(members).filter(([, member]) => member !== null && member !== false));
}

function object(pairs: Pair[]): Record<string, string> {
  return Object.fromEntries(pairs.filter(([name]) => name.trim()).map(([name, value]) => [name.trim(), value]));
}
