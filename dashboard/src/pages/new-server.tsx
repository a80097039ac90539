/** Adding a server: by form, from a configuration, or the one that is built in. */
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState, type FormEvent } from "react";
import { Link, useLocation } from "wouter";
import { api, isAbsent } from "../api/client";
import { keys } from "../api/queries";
import type { ImportAnswer, Server } from "../api/types";
import { bodyOf, emptyDraft } from "../lib/draft";
import { plural } from "../lib/format";
import { to } from "../lib/links";
import { useAction } from "../ui/action";
import { Button } from "../ui/button";
import { Card, Failed, Note, PageHead } from "../ui/card";
import { Area, Input } from "../ui/field";
import { Badge, type Tone } from "../ui/state";
import { Text } from "../ui/text";
import { ServerForm } from "./server-form";

const ways = [["form", "Form"], ["paste", "Paste a configuration"], ["demo", "Built-in demo"]] as const;

export function NewServer({ params }: { params: Record<string, string> }) {
  const way = params["way"] ?? "form";
  return (
    <>
      <PageHead title="Add a server" crumb={<Link href="/servers">Servers</Link>} />
      <nav className="tabs" aria-label="Ways to add a server">
        {ways.map(([key, word]) => (
          <Link key={key} href={to.newServer(key)} aria-current={way === key ? "page" : undefined}>{word}</Link>
        ))}
      </nav>
      {way === "paste" ? <Paste /> : way === "demo" ? <Demo /> : <ByForm />}
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
  const submit = (event: FormEvent) => {
    event.preventDefault();
    register.mutate(bodyOf(draft));
  };
  return (
    <Card>
      <form className="form" onSubmit={submit}>
        <ServerForm draft={draft} onChange={setDraft} error={register.error} />
        {register.isError && <Failed error={register.error} />}
        <div><Button type="submit" look="primary" busy={register.isPending}>Add the server</Button></div>
      </form>
    </Card>
  );
}

/** Servers are started by a guard, which is the running program: so this is that program, wherever it is. */
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
          Ostler has a small MCP server inside. It offers the tools <code>echo</code>, <code>add</code>, <code>sleep</code>,{" "}
          <code>fail</code>, <code>crash</code>, <code>env</code>, <code>pid</code> and <code>stderr</code>, a prompt and a
          resource: enough to call a tool, to see a server crash and come back, and to find it all on record.
        </p>
        {register.isError && <Failed error={register.error} />}
        <div>
          <Button look="primary" icon="play" busy={register.isPending} onClick={() => register.mutate(demo)}>Add the demo server</Button>
        </div>
      </div>
    </Card>
  );
}

const example = `{
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "\${FOLDER:-/tmp}"]
    }
  }
}`;

const actions: Record<ImportAnswer["servers"][number]["action"], [Tone, string]> = {
  create: ["ok", "new"],
  update: ["busy", "changed"],
  skip: ["idle", "there already"],
  refuse: ["bad", "refused"],
};

function Paste() {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [config, setConfig] = useState("");
  const [values, setValues] = useState<Record<string, string>>({});
  const wanted = useMemo(() => variables(config), [config]);
  const given = Object.fromEntries(wanted.flatMap(({ name }) => (values[name] ? [[name, values[name]]] : [])));
  const body = (dryRun: boolean) => ({ config, dryRun, ...(Object.keys(given).length && { variables: given }) });
  const look = useAction(() => api.post<ImportAnswer>("/api/mcp/import", body(true)), { quiet: true });
  const add = useAction(() => api.post<ImportAnswer>("/api/mcp/import", body(false)), {
    quiet: true,
    done: (answer) => `${plural(answer.servers.filter(({ action }) => action === "create" || action === "update").length, "server")} added or changed`,
    onDone: () => {
      void client.invalidateQueries({ queryKey: keys.servers });
      go("/servers");
    },
  });
  const change = (text: string) => {
    setConfig(text);
    look.reset();
    add.reset();
  };
  const found = look.data?.servers;
  const useful = found?.filter(({ action }) => action === "create" || action === "update") ?? [];
  const error = add.error ?? look.error;
  return (
    <Card>
      <div className="form">
        <Area
          label="Configuration"
          className="mono"
          rows={14}
          value={config}
          placeholder={example}
          onChange={(event) => change(event.target.value)}
          hint="claude_desktop_config.json, .mcp.json, .cursor/mcp.json, .vscode/mcp.json and their like, comments and all. Nothing is added before you have seen what would be."
        />
        {wanted.length > 0 && (
          <fieldset className="stack">
            <legend>Values it asks for</legend>
            {wanted.map(({ name, otherwise }) => (
              <Input
                key={name}
                label={<code>{name}</code>}
                placeholder={otherwise}
                value={values[name] ?? ""}
                onChange={(event) => setValues({ ...values, [name]: event.target.value })}
              />
            ))}
          </fieldset>
        )}
        {error !== null && (isAbsent(error) ? <Note tone="warn">This Ostler cannot read configurations yet: use the form.</Note> : <Failed error={error} />)}
        {found && (
          <ul className="card list" aria-label="What was found">
            {found.map(({ name, action, problem }) => (
              <li key={name}>
                <div className="row">
                  <span className="strong"><Text line>{name}</Text></span>
                  <Badge tone={actions[action][0]}>{actions[action][1]}</Badge>
                  {problem && <span className="small muted grow"><Text>{problem}</Text></span>}
                </div>
              </li>
            ))}
          </ul>
        )}
        <div className="row">
          {useful.length > 0 ? (
            <Button look="primary" busy={add.isPending} onClick={() => add.mutate()}>Add {plural(useful.length, "server")}</Button>
          ) : (
            <Button look="primary" disabled={!config.trim()} busy={look.isPending} onClick={() => look.mutate()}>Look at it</Button>
          )}
        </div>
      </div>
    </Card>
  );
}

/** The variables a configuration names, with what stands where none is given. */
function variables(text: string): { name: string; otherwise: string | undefined }[] {
  const found = new Map<string, string | undefined>();
  for (const [, name, otherwise] of text.matchAll(/\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^}]*))?\}/g)) {
    if (name) found.set(name, found.get(name) ?? otherwise);
  }
  return [...found].map(([name, otherwise]) => ({ name, otherwise }));
}
