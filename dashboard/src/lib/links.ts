/** Addresses of pages, in one place; see `routes.tsx`. */
export const to = {
  server: (id: string, tab?: string): string => `/servers/${encodeURIComponent(id)}${tab ? `/${tab}` : ""}`,
  /** The page on which a tool is called; with a call on record, filled in like that. */
  tool: (serverId: string, tool: string, call?: string): string =>
    `/servers/${encodeURIComponent(serverId)}/run/${encodeURIComponent(tool)}` +
    (call ? `/${encodeURIComponent(call)}` : ""),
  /** The page about one call on record. */
  call: (id: string): string => `/calls/${encodeURIComponent(id)}`,
  /** `catalogue` or `template`, with the name of an entry too, `form`, `paste` or `demo`. */
  newServer: (way?: string, entry?: string): string =>
    `/servers/new${way ? `/${way}` : ""}${entry ? `/${encodeURIComponent(entry)}` : ""}`,
};

/** A part of an address as it was before it was encoded: the router decodes only some of it. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
