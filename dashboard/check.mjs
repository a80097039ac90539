// What must hold of the dashboard before a change lands: dist is what the sources make, it is small, and it reaches nowhere.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MOST_SCRIPT = 130_000;
const RUNTIME = ["@tanstack/react-query", "react", "react-dom", "wouter"];

const faults = [];
const read = (folder) =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [join(entry.parentPath, entry.name).slice(folder.length + 1), entry])
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name]) => [name, readFileSync(join(folder, name))]),
  );

const dependencies = Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies).sort();
if (dependencies.join() !== RUNTIME.join()) faults.push(`the run-time dependencies are ${dependencies}, not ${RUNTIME}`);
if (/"resolved"/.test(readFileSync("package-lock.json", "utf8"))) faults.push("package-lock.json names a registry");

const committed = read("dist");
const fresh = mkdtempSync(join(tmpdir(), "ostler-dashboard-"));
try {
  execFileSync("npx", ["vite", "build", "--outDir", fresh, "--emptyOutDir", "--logLevel", "warn"], { stdio: "inherit" });
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
if (script > MOST_SCRIPT) faults.push(`the script has ${script} bytes compressed, ${MOST_SCRIPT} at most`);
console.log(`script: ${script} of ${MOST_SCRIPT} bytes compressed`);
if (faults.length) {
  console.error(faults.join("\n"));
  process.exit(1);
}
