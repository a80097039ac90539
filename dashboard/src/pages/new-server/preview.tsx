/** What would be run for a server, shown before it is added. */
import { api } from "../../api/client";
import type { ImportView, StartPreview } from "../../api/types";
import { Text } from "../../ui/text";

/** Asks for what would be run for a body that registers a server; changes nothing. */
export async function preview({ name, command, args, env, cwd, sandbox, limits }: Record<string, unknown>) {
  const given = Object.entries({ cwd, sandbox, limits }).filter(([, value]) => value);
  const server = { command, args, env, ...Object.fromEntries(given) };
  const config = { mcpServers: { [String(name) || "unnamed"]: server } };
  const { servers } = await api.post<ImportView>("/api/mcp/import", { config, dryRun: true });
  return servers[0];
}

export function Start({ start }: { start: StartPreview }) {
  const { level, paths, unixSockets, network } = start.sandbox;
  return (
    <section aria-label="What would be run">
      <dl className="facts">
        <dt>Program</dt>
        <dd className="break">{start.program === null ? "not found" : <code><Text>{start.program}</Text></code>}</dd>
        <dt>Arguments</dt>
        <dd className="break">{words(start.args)}</dd>
        {start.package && <><dt>Package</dt><dd className="break"><Package run={start.package} /></dd></>}
        {start.unrecognized && (
          <>
            <dt>Package</dt>
            <dd className="break">unknown: <Text>{start.unrecognized}</Text>. The launcher runs as it is.</dd>
          </>
        )}
        <dt>Folder</dt>
        <dd className="break"><code><Text>{start.cwd ?? start.folder}</Text></code></dd>
        <dt>Variables</dt>
        <dd className="break">{words(start.variables)}</dd>
        <dt>Sandbox</dt>
        <dd>{level ?? "default"}{unixSockets && ", UNIX sockets"}</dd>
        <dt>Network</dt>
        <dd className="break">{words([network].flat() as string[])}</dd>
        <dt>May read</dt>
        <dd className="break">{words(paths.read)}</dd>
        <dt>May write</dt>
        <dd className="break">{words(paths.write)}</dd>
      </dl>
    </section>
  );
}

function Package({ run: { packages, registry } }: { run: NonNullable<StartPreview["package"]> }) {
  return (
    <>
      {packages.map(({ name, extras, versions }) => (
        <div key={name}>
          <code><Text>{name + (extras.length ? `[${extras.join(",")}]` : "")}</Text></code> of {registry},{" "}
          {versions ? <code><Text>{versions}</Text></code> : "the newest version at each start"}
        </div>
      ))}
    </>
  );
}

function words(list: string[]) {
  return list.length ? list.map((word, index) => <span key={index}><code><Text>{word}</Text></code> </span>) : "–";
}
