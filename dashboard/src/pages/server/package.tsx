/** The package that a server is started from: its version, other versions with their tools, and the way to them. */
import { Fragment, useState } from "react";
import { api } from "../../api/client";
import { keys, useMay } from "../../api/queries";
import type {
  AvailableVersions,
  PackageCure,
  PackageUpdate,
  PinnedPackage,
  Server,
  ServerDetails,
} from "../../api/types";
import { bytes, count, plural } from "../../lib/format";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Card } from "../../ui/card";
import { confirm, Dialog } from "../../ui/dialog";
import { Ago, Text } from "../../ui/text";
import { ChangedTool } from "./tool-changes";

export function PackageCard({ details }: { details: ServerDetails }) {
  const { server, package: of } = details;
  const may = useMay()("mcp:write");
  if (!of) return null;
  const wanted = of.wanted?.packages.map(({ name, versions }) => [name, versions].filter(Boolean).join(" "));
  return (
    <Card title="Package" actions={may && of.pinned && <PackageActions server={server} pinned={of.pinned} />}>
      <dl className="facts">
        {of.pinned ? (
          <Pinned pinned={of.pinned} />
        ) : (
          <>
            <dt>Runs</dt>
            <dd>{of.launcher === "keep" ? "as its command line says" : "what there is when it starts first"}</dd>
          </>
        )}
        {wanted && (
          <>
            <dt>Command line asks for</dt>
            <dd className="break"><Text line>{wanted.join(", ")}</Text></dd>
          </>
        )}
      </dl>
      {of.held && <p className="small warn break"><Text>{`It ${of.held.reason}`}</Text></p>}
      {of.notice && <p className="small warn break"><Text>{of.notice}</Text></p>}
    </Card>
  );
}

function Pinned({ pinned }: { pinned: PinnedPackage }) {
  return (
    <>
      <dt>Runs</dt>
      <dd className="break">
        <Text line>{pinned.name}</Text> <span className="strong mono"><Text line>{pinned.version}</Text></span>
        {pinned.dependencies > 0 && ` with ${plural(pinned.dependencies, "package")}`}
      </dd>
      <dt>Since</dt>
      <dd><Ago at={pinned.pinnedAt} /></dd>
      {pinned.bytes !== null && (
        <>
          <dt>Size</dt>
          <dd>{bytes(pinned.bytes)} in {count(pinned.files ?? 0)} files</dd>
        </>
      )}
      {pinned.cures.map(({ remedy, line }) => (
        <Fragment key={line}>
          <dt>Resolved with</dt>
          <dd className="break">
            <Text line>{remedyText(remedy)}</Text>, as it failed without:{" "}
            <span className="mono"><Text line>{line}</Text></span>
          </dd>
        </Fragment>
      ))}
      {pinned.previousVersion && (
        <>
          <dt>Before</dt>
          <dd className="mono"><Text line>{pinned.previousVersion}</Text></dd>
        </>
      )}
    </>
  );
}

function remedyText(remedy: PackageCure["remedy"]) {
  if ("bound" in remedy) return remedy.bound.name + remedy.bound.versions;
  if ("node" in remedy) return `Node.js ${remedy.node}`;
  if ("python" in remedy) return `Python ${remedy.python}`;
  if ("asOf" in remedy) return `the packages of ${new Date(remedy.asOf).toLocaleDateString()}`;
  return `the install script of ${remedy.installScript}`;
}

function PackageActions({ server, pinned }: { server: Server; pinned: PinnedPackage }) {
  const [update, setUpdate] = useState<PackageUpdate | null>(null);
  const refresh = [keys.server(server.id), keys.tools(server.id), keys.servers];
  const path = `/api/mcp/${server.id}/package`;
  const look = useAction(() => api.post<PackageUpdate>(`${path}/update`, { dryRun: true }), {
    onDone: (found) => setUpdate(found.isOther ? found : null),
    done: (found) => (found.isOther ? "The new versions were tried out" : "There are no other versions"),
  });
  const move = useAction(
    ({ revision }: PackageUpdate) => api.post<PackageUpdate>(`${path}/update`, { revision }),
    { refresh, done: ({ name, available }) => `It runs ${name} ${available}`, onDone: () => setUpdate(null) },
  );
  const back = useAction(() => api.post<AvailableVersions>(`${path}/rollback`), {
    refresh,
    done: ({ name, available }) => `It runs ${name} ${available}`,
  });
  const ask = async () => {
    const title = `Run ${pinned.previousVersion} again?`;
    const text = "The versions before its last update take their place, with their tools. No call is lost.";
    if (await confirm({ title, text, yes: "Roll back" })) back.mutate();
  };
  return (
    <>
      {pinned.previousVersion && (
        <Button busy={back.isPending} onClick={() => void ask()}>Roll back</Button>
      )}
      <Button icon="restart" busy={look.isPending} onClick={() => look.mutate()}>Look for an update</Button>
      {update && (
        <Dialog title="Update the package" wide onClose={() => setUpdate(null)}>
          <UpdateDifference update={update} />
          <div className="row">
            <Button look="primary" busy={move.isPending} onClick={() => move.mutate(update)}>
              {update.tools.length ? "Update, and accept its tools" : "Update"}
            </Button>
            <Button onClick={() => setUpdate(null)}>Leave it</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function UpdateDifference({ update }: { update: PackageUpdate }) {
  const { name, version, available, packages, tools, removedTools, calls } = update;
  return (
    <div className="stack">
      <p className="break">
        <Text line>{name}</Text> <span className="mono"><Text line>{`${version} \u2192 ${available}`}</Text></span>: a
        process of it became ready, beside the one that serves.
      </p>
      <details>
        <summary>{plural(packages.length, "package")} in another version</summary>
        <ul className="list">
          {packages.map((one) => (
            <li key={one.name} className="small mono break">
              <Text line>{`${one.name} ${one.before ?? "none"} \u2192 ${one.after ?? "none"}`}</Text>
            </li>
          ))}
        </ul>
      </details>
      {!tools.length && !removedTools.length && <p>Its tools are the same.</p>}
      <ul className="list">
        {tools.map((tool) => <li key={tool.name}><ChangedTool change={tool} /></li>)}
        {removedTools.map((tool) => (
          <li key={tool}>
            <span className="strong mono"><Text line>{tool}</Text></span> <span className="tag">gone</span>
          </li>
        ))}
        {calls.map(({ tool, failure }) => (
          <li key={tool} className={failure === null ? "small" : "small warn break"}>
            <span className="mono"><Text line>{tool}</Text></span>, called as it was before,{" "}
            {failure === null ? "succeeds" : <>fails: <Text>{failure}</Text></>}
          </li>
        ))}
      </ul>
    </div>
  );
}
