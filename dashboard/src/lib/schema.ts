/** The part of JSON Schema that forms support. Values of other schemas are typed as JSON; the server checks them. */

export type Schema = Record<string, unknown>;

/** A way to fill in a value. */
export type Shape =
  | { kind: "choice"; options: { value: unknown; word: string }[] }
  | { kind: "variants"; variants: { schema: Schema; word: string }[] }
  | { kind: "object"; properties: [name: string, schema: Schema, required: boolean][] }
  | { kind: "list"; items: Schema; least: number; most: number }
  | { kind: "multiple"; options: { value: unknown; word: string }[] }
  | { kind: "text" | "number" | "boolean" | "json" | "null" };

const DEEPEST = 12;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The schema itself: references followed, parts of `allOf` put together, a `null` beside one other taken out. */
export function resolve(schema: unknown, root: Schema, depth = 0): Schema {
  if (!isObject(schema) || depth > DEEPEST) return {};
  const { $ref, allOf, ...own } = schema;
  let resolved: Schema = own;
  if (typeof $ref === "string") resolved = merge(resolve(dereference($ref, root), root, depth + 1), own);
  if (Array.isArray(allOf))
    resolved = allOf.reduce<Schema>((sum, part) => merge(sum, resolve(part, root, depth + 1)), resolved);
  for (const key of ["anyOf", "oneOf"]) {
    const some = alternatives(resolved, key).filter((one) => one["type"] !== "null");
    if (some.length !== 1 || some.length === alternatives(resolved, key).length) continue;
    const { [key]: _, ...rest } = resolved;
    return { ...resolve(some[0], root, depth + 1), ...rest, nullable: true };
  }
  if (Array.isArray(resolved["type"]) && resolved["type"].includes("null")) {
    const types = resolved["type"].filter((type) => type !== "null");
    return { ...resolved, type: types.length === 1 ? types[0] : types, nullable: true };
  }
  return resolved;
}

function alternatives(schema: Schema, key: string): Schema[] {
  return Array.isArray(schema[key]) ? schema[key].filter(isObject) : [];
}

function merge(one: Schema, other: Schema): Schema {
  const properties = { ...(one["properties"] as Schema | undefined), ...(other["properties"] as Schema | undefined) };
  const required = [one["required"], other["required"]].flatMap((list) => (Array.isArray(list) ? list : []));
  return {
    ...one,
    ...other,
    ...(Object.keys(properties).length && { properties }),
    ...(required.length && { required }),
  };
}

function dereference(reference: string, root: Schema): unknown {
  if (!reference.startsWith("#")) return {};
  const steps = reference.slice(1).split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return steps.reduce<unknown>((at, step) => (isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined), root);
}

/** The shape of the form for a resolved schema. */
export function shape(schema: Schema, root: Schema): Shape {
  const options = choices(schema);
  if (options) return { kind: "choice", options };
  const variants = [...alternatives(schema, "oneOf"), ...alternatives(schema, "anyOf")];
  if (variants.length) {
    const { oneOf: _one, anyOf: _any, ...base } = schema;
    const made = variants.map((variant) => merge(base, resolve(variant, root)));
    return {
      kind: "variants",
      variants: made.map((variant, index) => ({ schema: variant, word: nameOf(variant, index, base) })),
    };
  }
  if (Array.isArray(schema["type"])) {
    return {
      kind: "variants",
      variants: schema["type"].map((type) => ({ schema: { ...schema, type }, word: String(type) })),
    };
  }
  switch (schema["type"] ?? (isObject(schema["properties"]) ? "object" : undefined)) {
    case "string": return { kind: "text" };
    case "number":
    case "integer": return { kind: "number" };
    case "boolean": return { kind: "boolean" };
    case "null": return { kind: "null" };
    case "array": return list(schema, root);
    case "object": return fields(schema);
    default: return { kind: "json" };
  }
}

function fields(schema: Schema): Shape {
  const properties = Object.entries((schema["properties"] as Schema | undefined) ?? {});
  // An object that may have any members is typed as JSON.
  if (!properties.length && schema["additionalProperties"] !== false && !schema["properties"]) return { kind: "json" };
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return {
    kind: "object",
    properties: properties.map(([name, one]) => [name, isObject(one) ? one : {}, required.includes(name)]),
  };
}

function list(schema: Schema, root: Schema): Shape {
  if (!isObject(schema["items"])) return { kind: "json" };
  const options = choices(resolve(schema["items"], root));
  if (options && schema["uniqueItems"] !== false) return { kind: "multiple", options };
  const limit = (key: string, none: number) => (typeof schema[key] === "number" ? schema[key] : none);
  return { kind: "list", items: schema["items"], least: limit("minItems", 0), most: limit("maxItems", Infinity) };
}

/** The values there are to choose from, where a schema lists them. */
function choices(schema: Schema): { value: unknown; word: string }[] | null {
  if ("const" in schema) return [{ value: schema["const"], word: textOf(schema["const"]) }];
  if (Array.isArray(schema["enum"])) {
    const names = Array.isArray(schema["enumNames"]) ? schema["enumNames"] : [];
    return schema["enum"].map((value, index) => ({
      value,
      word: typeof names[index] === "string" ? names[index] : textOf(value),
    }));
  }
  const named = [...alternatives(schema, "oneOf"), ...alternatives(schema, "anyOf")];
  if (!named.length || !named.every((one) => "const" in one)) return null;
  return named.map((one) => ({
    value: one["const"],
    word: typeof one["title"] === "string" ? one["title"] : textOf(one["const"]),
  }));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The name of a variant: its title, the constant that distinguishes it, or its type. */
function nameOf(schema: Schema, index: number, base: Schema): string {
  if (typeof schema["title"] === "string" && schema["title"] !== base["title"]) return schema["title"];
  const own = isObject(schema["properties"]) ? Object.values(schema["properties"]) : [];
  const mark = own.find((one) => isObject(one) && typeof one["const"] === "string") as Schema | undefined;
  if (mark) return String(mark["const"]);
  const type = String(schema["type"] ?? "");
  return type && type !== base["type"] ? type : `Variant ${index + 1}`;
}

/** The initial value of a form; `undefined` leaves it out. */
export function initial(schema: Schema, root: Schema, required: boolean, depth = 0): unknown {
  const resolved = resolve(schema, root);
  if ("default" in resolved) return resolved["default"];
  if (!required || depth > DEEPEST) return undefined;
  const made = shape(resolved, root);
  switch (made.kind) {
    case "choice":
      return made.options[0]?.value;
    case "variants":
      return initial(made.variants[0]?.schema ?? {}, root, true, depth + 1);
    case "object":
      return members(made.properties, root, depth);
    case "list":
      return Array.from({ length: Math.min(made.least, 50) }, () => initial(made.items, root, true, depth + 1));
    case "multiple":
      return [];
    case "text":
      return "";
    case "boolean":
      return false;
    case "null":
      return null;
    case "number":
    case "json": return undefined;
  }
}

function members(properties: [string, Schema, boolean][], root: Schema, depth: number): Record<string, unknown> {
  const filled = properties.map(([name, one, required]) => [name, initial(one, root, required, depth + 1)] as const);
  return Object.fromEntries(filled.filter(([, value]) => value !== undefined));
}

/** The index of the variant that a value matches; of the first one if none matches. */
export function variantOf(value: unknown, variants: { schema: Schema }[]): number {
  return Math.max(0, variants.findIndex(({ schema }) => fits(value, schema)));
}

function fits(value: unknown, schema: Schema): boolean {
  if ("const" in schema) return same(value, schema["const"]);
  if (Array.isArray(schema["enum"])) return schema["enum"].some((one) => same(value, one));
  const type = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  const wanted = schema["type"] ?? (schema["properties"] ? "object" : undefined);
  if (wanted && wanted !== type && !(wanted === "integer" && Number.isInteger(value))) return false;
  if (!isObject(value) || !isObject(schema["properties"])) return true;
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  if (!required.every((name) => Object.hasOwn(value, String(name)))) return false;
  return Object.entries(schema["properties"]).every(
    ([name, one]) =>
      !isObject(one) || !("const" in one) || !Object.hasOwn(value, name) || same(value[name], one["const"]),
  );
}

export function same(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** `value` with a member set; `undefined` takes it out. */
export function withMember(value: unknown, name: string, member: unknown): Record<string, unknown> {
  const { [name]: _, ...rest } = isObject(value) ? value : {};
  if (member === undefined) return rest;
  return isObject(value) && Object.hasOwn(value, name) ? { ...value, [name]: member } : { ...rest, [name]: member };
}

/** The arguments to send as headers as well: those with `x-mcp-header` in their schemas. */
export function headersOf(schema: Schema, value: unknown): [name: string, value: string][] {
  if (!isObject(schema["properties"]) || !isObject(value)) return [];
  return Object.entries(schema["properties"]).flatMap(([name, one]): [string, string][] => {
    if (!isObject(one) || !Object.hasOwn(value, name)) return [];
    const [header, member] = [one["x-mcp-header"], value[name]];
    if (typeof header === "string" && ["string", "boolean", "number"].includes(typeof member))
      return [[header, String(member)]];
    return headersOf(one, member);
  });
}
