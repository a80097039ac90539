/** Adding a server: from the catalogue, of a template, by form, from a configuration, or the built-in demo. */
import { useState, type FormEvent } from "react";
import { Link, useLocation } from "wouter";
import { api } from "../api/client";
import { keys } from "../api/queries";
import type { Server } from "../api/types";
import { bodyOf, emptyDraft } from "../lib/draft";
import { decoded, to } from "../lib/links";
import { useAction } from "../ui/action";
import { Button } from "../ui/button";
import { Card, Failed, Note, PageHead } from "../ui/card";
import { Text } from "../ui/text";
import { Catalogue } from "./new-server/catalogue";
import { Entry } from "./new-server/entry";
import { Paste } from "./new-server/paste";
import { preview, Start } from "./new-server/preview";
import { Templates } from "./new-server/templates";
import { ServerForm } from "./server-form";

const ways = [
  ["catalogue", "Catalogue"], ["template", "Templates"], ["form", "Form"], ["paste", "Paste a configuration"],
  ["demo", "Built-in demo"],
] as const;

export function NewServer({ params }: { params: Record<string, string> }) {
  const way = params["way"] ?? "catalogue";
  const entry = params["entry"];
  return (
    <>
      <PageHead title="Add a server" crumb={<Link href="/servers">Servers</Link>} />
      <nav className="tabs" aria-label="Ways to add a server">
        {ways.map(([key, word]) => (
          <Link key={key} href={to.newServer(key)} aria-current={way === key ? "page" : undefined}>{word}</Link>
        ))}
      </nav>
      {way === "paste" ? (
        <Paste />
      ) : way === "demo" ? (
        <Demo />
      ) : way === "form" ? (
        <ByForm />
      ) : way === "template" ? (
        <Templates key={entry} entry={entry && decoded(entry)} />
      ) : entry ? (
        <Entry name={decoded(entry)} />
      ) : (
        <Catalogue />
      )}
    </>
  );
}

/** Registers a server, and goes to its page. */
function useRegister() {
  const [, go] = useLocation();
  return useAction((body: Record<string, unknown>) => api.post<Server>("/api/mcp", body), {
    refresh: [keys.servers, keys.overview],
    done: (server) => `${server.name} was added`,
    onDone: (server) => go(to.server(server.id)),
    quiet: true,
  });
}

function ByForm() {
  const [draft, setDraft] = useState(emptyDraft);
  const register = useRegister();
  const shown = useAction(() => preview(bodyOf(draft)), { quiet: true });
  const found = shown.data;
  const change = (next: typeof draft) => {
    setDraft(next);
    shown.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    register.mutate(bodyOf(draft));
  };
  return (
    <Card>
      <form className="form" onSubmit={submit}>
        <ServerForm draft={draft} onChange={change} error={register.error} />
        {register.isError && <Failed error={register.error} />}
        {shown.isError && <Failed error={shown.error} />}
        {found?.problem && <Note tone="bad"><Text>{found.problem}</Text></Note>}
        {found?.start && <Start start={found.start} />}
        <div className="row">
          <Button type="submit" look="primary" busy={register.isPending}>Add the server</Button>
          {draft.kind === "program" && (
            <Button busy={shown.isPending} onClick={() => shown.mutate()}>Preview</Button>
          )}
        </div>
      </form>
    </Card>
  );
}

/** The guard that starts servers is the running program, so this path leads to it wherever it is installed. */
const demo = {
  name: "Demo",
  description: "The MCP server that is built into Ostler",
  command: "/proc/self/exe",
  args: ["demo-server"],
};

function Demo() {
  const register = useRegister();
  return (
    <Card>
      <div className="form">
        <p>
          Ostler includes a small MCP server. It offers the tools <code>echo</code>, <code>add</code>,{" "}
          <code>sleep</code>, <code>fail</code>, <code>crash</code>, <code>env</code>, <code>pid</code> and{" "}
          <code>stderr</code>, a prompt and a resource: enough to call tools, to watch a server crash and restart, and
          to see all of it recorded.
        </p>
        {register.isError && <Failed error={register.error} />}
        <div>
          <Button look="primary" icon="play" busy={register.isPending} onClick={() => register.mutate(demo)}>
            Add the demo server
          </Button>
        </div>
      </div>
    </Card>
  );
}
