/** The variables of a client configuration, which are filled in before the import. */

interface Variable {
  name: string;
  /** The default value. */
  otherwise: string | undefined;
}

/** `${input:api-key}`, which an editor would ask for, as `${API_KEY}`, which this page asks for. */
export function withoutInputs(config: string): string {
  return config.replace(
    /\$\{input:([^}]*)\}/g,
    (_, id: string) =>
      `\${${id
        .replace(/\W/g, "_")
        .replace(/^(?=\d|$)/, "_")
        .toUpperCase()}}`,
  );
}

/** The variables of a configuration: `${NAME}`, `${NAME:-default}` and `${env:NAME}`. */
export function variables(config: string): Variable[] {
  const found = new Map<string, string | undefined>();
  for (const [, name, otherwise] of config.matchAll(/\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^}]*))?\}/g)) {
    // A dollar sign that is only one is exported so.
    if (name && name !== "OSTLER_DOLLAR") found.set(name, found.get(name) ?? otherwise);
  }
  return [...found].map(([name, otherwise]) => ({ name, otherwise }));
}
