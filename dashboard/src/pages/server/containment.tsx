/** The containment of a server: its level, what is granted, and what was refused, with the grant for it. */
import { Link } from "wouter";
import { api } from "../../api/client";
import { keys, useMay } from "../../api/queries";
import type { ServerDetails } from "../../api/types";
import { grantWords, levels, limitLines, sandboxLines } from "../../lib/containment";
import { to } from "../../lib/links";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Card, Note } from "../../ui/card";
import { confirm } from "../../ui/dialog";
import { Uncontained } from "../../ui/state";
import { Text } from "../../ui/text";
import type { TabProps } from "./tab";

export function ContainmentCard({ details }: { details: ServerDetails }) {
  const { id, sandbox, limits } = details.server;
  const absent = details.effectiveSandbox?.notInForce ?? [];
  const grants = sandboxLines({ ...sandbox, level: null });
  const bounds = limitLines(limits);
  return (
    <Card title="Containment" actions={<Link href={to.server(id, "configuration")} className="small">Change</Link>}>
      <dl className="facts">
        <dt>Level</dt>
        <dd>
          {sandbox.level === "none" ? <Uncontained level="none" /> : (sandbox.level ?? "default")}
          <div className={sandbox.level === "none" ? "small bad" : "small muted"}>
            {levels[sandbox.level ?? "standard"]}
          </div>
        </dd>
        <dt>Granted</dt>
        <dd className="break">
          {grants.map((line) => <div key={line} className="mono small"><Text line>{line}</Text></div>)}
          {!grants.length && "nothing more"}
          {absent.map((path) => <div key={path} className="small warn"><Text line>{path}</Text> is not there</div>)}
        </dd>
        {bounds.length > 0 && (
          <>
            <dt>Limits</dt>
            <dd>{bounds.map((line) => <div key={line}>{line}</div>)}</dd>
          </>
        )}
      </dl>
    </Card>
  );
}

/** What its sandbox refused to a tool, or to the last process, and the button that grants it. */
export function RefusalNote({ details: { server, runtimeStatus, suggestion }, etag }: TabProps) {
  const may = useMay()("mcp:write");
  const allow = useAction(() => api.put(`/api/mcp/${server.id}`, suggestion?.change, { "if-match": etag }), {
    done: "Granted",
    refresh: [keys.server(server.id), keys.servers],
  });
  const ofExit = runtimeStatus.status === "running" ? null : runtimeStatus.lastExit?.refusal;
  const refusal = runtimeStatus.refusal ?? ofExit;
  if (!refusal) return null;
  const ask = async () => {
    if (!suggestion) return;
    const [words, name] = grantWords(suggestion.grant);
    const text = (
      <>
        <p>{words}</p>
        {name && <p className="mono strong break"><Text>{name}</Text></p>}
        <p className="small muted">
          The server itself asked for this by what it wrote. Grant only what it needs for its work. It is started with
          the change.
        </p>
      </>
    );
    const danger = suggestion.grant.kind === "no-sandbox";
    if (await confirm({ title: "Grant this to the server?", text, yes: "Grant", danger })) allow.mutate();
  };
  return (
    <Note tone="warn">
      <p className="break">Its sandbox may be the cause: <Text>{refusal.reason}</Text>.</p>
      {suggestion && may && (
        <Button icon="check" busy={allow.isPending} onClick={() => void ask()}>
          Allow it
        </Button>
      )}
    </Note>
  );
}
