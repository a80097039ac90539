// The rule for the files of src: none imports itself through others, types included.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

const IMPORT = /\b(?:from|import\(?)\s*"(\.[^"]+)"/g;

/** The files of `folder` that import themselves through others. */
export function cyclesOf(folder) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => /\.tsx?$/.test(name));
  const files = new Map(names.map((name) => join(folder, name)).map((file) => [file, readFileSync(file, "utf8")]));
  const imports = new Map([...files].map(([file, text]) => [file, importsOf(file, text)]));
  const faults = [];
  for (const file of files.keys()) {
    const path = pathBack(imports, file);
    // Each cycle is named once, from its first file on.
    if (path && path.every((other) => file <= other)) {
      faults.push(`${[...path, file].join(" → ")} is a cycle: move what both need to a third file`);
    }
  }
  return faults;
}

function importsOf(file, text) {
  return [...text.matchAll(IMPORT)].flatMap(([, path]) => {
    const base = join(dirname(file), path);
    return [`${base}.ts`, `${base}.tsx`].filter((candidate) => existsSync(candidate));
  });
}

/** A shortest path of imports from `start` back to it. */
function pathBack(imports, start) {
  const paths = [[start]];
  const seen = new Set();
  for (const path of paths) {
    for (const next of imports.get(path.at(-1)) ?? []) {
      if (next === start) return path;
      if (!seen.has(next)) paths.push([...path, next]);
      seen.add(next);
    }
  }
  return null;
}
