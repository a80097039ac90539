/** The lists of servers, which may hold anything, as pages read them. */
import { isObject } from "./schema";

const isText = (value: unknown) => typeof value === "string";

/** Tests of the members that pages read; a member that fails its test is left out. */
const tests = new Map<string, (value: unknown) => boolean>([
  ...["name", "title", "description", "uri", "uriTemplate", "mimeType"].map((key) => [key, isText] as const),
  ["size", (value) => typeof value === "number"],
  ["inputSchema", isObject],
  ["annotations", isObject],
  ["arguments", Array.isArray],
]);

/** The items that have a name or an address, without members of other types than the protocol's. */
export function listed<T>(items: unknown): T[] {
  const all = Array.isArray(items) ? items.filter(isObject).map(readable) : [];
  return all.filter((item) => ["name", "uri", "uriTemplate"].some((key) => key in item)) as T[];
}

function readable(item: Record<string, unknown>): Record<string, unknown> {
  const members = Object.entries(item).filter(([key, value]) => tests.get(key)?.(value) ?? true);
  return Object.fromEntries(
    members.map(([key, value]) => {
      if (key === "arguments") return [key, listed(value)];
      return [key, key === "annotations" && isObject(value) ? readable(value) : value];
    }),
  );
}
