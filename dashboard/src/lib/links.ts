/** Addresses of pages, in one place; see `routes.tsx`. */
export const to = {
  server: (id: string, tab?: string): string => `/servers/${encodeURIComponent(id)}${tab ? `/${tab}` : ""}`,
  /** The page on which a tool is called. */
  tool: (serverId: string, tool: string): string =>
    `/servers/${encodeURIComponent(serverId)}/run/${encodeURIComponent(tool)}`,
  /** The page about one call on record. */
  call: (id: string): string => `/calls/${encodeURIComponent(id)}`,
  /** `form`, `paste` or `demo`. */
  newServer: (way?: string): string => `/servers/new${way ? `/${way}` : ""}`,
};
