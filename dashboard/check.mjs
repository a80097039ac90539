// What must hold before a change lands: types and dist are what the sources make, dist is small, and loads nothing from
// elsewhere.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { generate } from "./api-types/generate.mjs";
import { cyclesOf } from "./sources.mjs";

const SCRIPT_BYTES_MAX = 150_000;
const RUNTIME_DEPENDENCIES = ["@tanstack/react-query", "react", "react-dom", "wouter"];

const GENERATED = "src/api/generated.ts";

const faults = cyclesOf("src");
const read = (folder) =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [join(entry.parentPath, entry.name).slice(folder.length + 1), entry])
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name]) => [name, readFileSync(join(folder, name))]),
  );

const dependencies = Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies).sort();
if (dependencies.join() !== RUNTIME_DEPENDENCIES.join()) {
  faults.push(`the run-time dependencies are ${dependencies}, not ${RUNTIME_DEPENDENCIES}`);
}
const lock = readFileSync("package-lock.json", "utf8");
if (/"resolved": "http/.test(lock)) faults.push("package-lock.json names a registry");
if (readFileSync(GENERATED, "utf8") !== (await generate())) {
  faults.push(`${GENERATED} is not what openapi.json makes: run npm run types`);
}

const committed = read("dist");
const fresh = mkdtempSync(join(tmpdir(), "ostler-dashboard-"));
try {
  const build = ["vite", "build", "--outDir", fresh, "--emptyOutDir", "--logLevel", "warn"];
  execFileSync("npx", build, { stdio: "inherit" });
  const built = read(fresh);
  for (const name of new Set([...committed.keys(), ...built.keys()])) {
    const [old, now] = [committed.get(name), built.get(name)];
    if (!old || !now || !old.equals(now)) faults.push(`dist/${name} is not what the sources make: run npm run build`);
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

let script = 0;
for (const [name, bytes] of committed) {
  if (name.endsWith(".js")) script += gzipSync(bytes, { level: 9 }).length;
  if (/(src|href)=["'](https?:)?\/\/|url\(\s*["']?https?:/.test(bytes.toString("latin1"))) {
    faults.push(`dist/${name} loads something from elsewhere`);
  }
}
if (script > SCRIPT_BYTES_MAX) faults.push(`the script has ${script} bytes compressed, ${SCRIPT_BYTES_MAX} at most`);
console.log(`script: ${script} of ${SCRIPT_BYTES_MAX} bytes compressed`);
if (faults.length) {
  console.error(faults.join("\n"));
  process.exit(1);
}
