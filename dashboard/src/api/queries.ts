/** The queries that several pages share, and the keys by which events refresh them. */
import { QueryClient, useInfiniteQuery, useQuery, type QueryKey } from "@tanstack/react-query";
import { allPages, api, ApiError, query as queryString, send } from "./client";
import { listed } from "../lib/listed";
import { spanStart, type Span } from "../lib/spans";
import { clientCapabilities, requestAll } from "./mcp";
import type { List, Me, Permission, Server, ServerDetails, ServerItem, Tool, ToolChange, User } from "./types";

/** Begin the key of every query with one of these, and events keep it fresh. */
export const keys = {
  me: ["me"],
  servers: ["servers"],
  server: (id: string) => ["server", id],
  health: (id: string) => ["health", id],
  tools: (id: string) => ["tools", id],
  calls: ["calls"],
  timeline: (serverId: string) => ["timeline", serverId],
  overview: ["overview"],
  gateway: ["gateway"],
  audit: ["audit"],
  users: ["users"],
  secrets: ["secrets"],
  catalogue: ["catalogue"],
  templates: ["templates"],
} as const;

export function makeClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        gcTime: 300_000,
        refetchOnWindowFocus: false,
        refetchOnReconnect: true,
        // Ostler may be on this machine: it needs no network that the browser knows of.
        networkMode: "always",
        retry: (failures, error) => failures < 2 && mayHelp(error),
        retryDelay: (failures, error) =>
          Math.min((error instanceof ApiError && error.retryAfter) || 500 * 2 ** failures, 60_000),
      },
      mutations: { retry: false, networkMode: "always" },
    },
  });
}

function mayHelp(error: unknown): boolean {
  // A server that is down is not up a second later, and says why at once.
  if (!(error instanceof ApiError) || error.problem.code === "server_unavailable") return false;
  return [0, 429, 502, 503, 504].includes(error.status);
}

export function useMe() {
  return useQuery({
    queryKey: keys.me,
    queryFn: ({ signal }) => api.get<Me>("/api/auth/me", signal),
    staleTime: 300_000,
  });
}

/** All accounts; disabled for callers who may not list them. */
export function useUsers() {
  const enabled = useMay()("users:manage");
  return useQuery({
    queryKey: keys.users,
    queryFn: ({ signal }) => allPages<User>("/api/auth/users", signal),
    enabled,
    staleTime: 30_000,
  });
}

/** True if the caller may remove and share a server, which no share permits. */
export function useOwns({ userId }: Server): boolean {
  const [may, me] = [useMay(), useMe().data];
  return may("mcp:manage") || (may("mcp:write") && me?.id === userId);
}

/** Tests whether the caller has a permission; `mcp:manage` includes the other `mcp:` permissions. */
export function useMay(): (permission: Permission) => boolean {
  const { data } = useMe();
  return (permission) =>
    !!data &&
    (data.permissions.includes(permission) ||
      (permission.startsWith("mcp:") && data.permissions.includes("mcp:manage")));
}

/** All servers that the caller may see. */
export function useServers() {
  const { data: me } = useMe();
  const path = me?.permissions.includes("mcp:manage") ? "/api/mcp/admin/all" : "/api/mcp";
  return useQuery({
    queryKey: keys.servers,
    queryFn: ({ signal }) => allPages<ServerItem>(path, signal),
    enabled: !!me,
    staleTime: 30_000,
  });
}

interface ListOptions {
  /** The time range, up to now. */
  span?: Span;
  /** Milliseconds between refreshes, for lists without events. */
  every?: number;
  [filter: string]: string | number | undefined;
}

/** Pages of a list that events refresh: of a longer list, each refresh would be many requests. */
const REFRESHED_PAGES_MAX = 2;

/** A list of the API, page by page, and its items so far. Each page is a request, so only short lists are refreshed. */
export function usePages<T>(queryKey: QueryKey, path: string, { span, every = 0, ...filter }: ListOptions = {}) {
  const pages = useInfiniteQuery({
    queryKey: [...queryKey, span, filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<List<T>>(
        path + queryString({ limit: 50, ...filter, since: span && spanStart(span), cursor: pageParam }),
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    maxPages: 20,
    enabled: ({ state }) => (state.data?.pages.length ?? 0) <= REFRESHED_PAGES_MAX,
    refetchInterval: every || false,
  });
  return { pages, items: pages.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** A server, and the ETag of its revision for a conditional change. */
export function useServer(id: string) {
  return useQuery({
    queryKey: keys.server(id),
    queryFn: async ({ signal }) => {
      const response = await send(`/api/mcp/${encodeURIComponent(id)}`, { signal });
      return { details: (await response.json()) as ServerDetails, etag: response.headers.get("etag") ?? "" };
    },
  });
}

/** The tools of a server that wait to be accepted. */
export function useToolChanges(id: string) {
  return useQuery({
    queryKey: [...keys.tools(id), "changes"],
    queryFn: async ({ signal }) =>
      (await api.get<List<ToolChange>>(`/api/mcp/${encodeURIComponent(id)}/tools/changes`, signal)).items,
  });
}

/**
 * The tools of a server, as it describes them. A server that is not shared may list more tools to clients with
 * capabilities, so a caller who may run tools asks it over MCP.
 */
export function useTools(server: Server | undefined) {
  const id = server?.id ?? "";
  const isIsolated = useMay()("mcp:execute") && server?.isolation !== "shared";
  return useQuery({
    queryKey: [...keys.tools(id), isIsolated],
    queryFn: async ({ signal }) =>
      isIsolated
        ? requestAll<Tool>(id, "tools/list", "tools", { signal, capabilities: clientCapabilities })
        : listed<Tool>((await api.get<List<unknown>>(`/api/mcp/${encodeURIComponent(id)}/tools`, signal)).items),
    enabled: !!server,
    staleTime: 60_000,
  });
}
