/** Servers from the configuration of another client: looked at first, then added. */
import { useMemo, useState, type ChangeEvent } from "react";
import { useLocation } from "wouter";
import { api } from "../../api/client";
import { keys } from "../../api/queries";
import type { ImportedServer, ImportView } from "../../api/types";
import { plural } from "../../lib/format";
import { variables, withoutInputs } from "../../lib/variables";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Card, Failed } from "../../ui/card";
import { Area, Input } from "../../ui/field";
import { Badge, type Tone } from "../../ui/state";
import { Text } from "../../ui/text";

const example = `{
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "\${FOLDER:-/tmp}"]
    }
  }
}`;

const words: Record<ImportedServer["action"], [tone: Tone, before: string, after: string]> = {
  create: ["ok", "new", "added"],
  update: ["busy", "to be changed", "changed"],
  skip: ["idle", "there already", "there already"],
  refuse: ["bad", "refused", "refused"],
};

const isUseful = ({ action }: ImportedServer) => action === "create" || action === "update";

export function Paste() {
  const [, go] = useLocation();
  const [config, setConfig] = useState("");
  const [values, setValues] = useState<Record<string, string>>({});
  const plain = useMemo(() => withoutInputs(config), [config]);
  const wanted = useMemo(() => variables(plain), [plain]);
  const given = Object.fromEntries(wanted.flatMap(({ name }) => (values[name] ? [[name, values[name]]] : [])));
  const send = (dryRun: boolean) => api.post<ImportView>("/api/mcp/import", { config: plain, variables: given, dryRun });
  const look = useAction(() => send(true), { quiet: true });
  const add = useAction(() => send(false), {
    quiet: true,
    refresh: [keys.servers, keys.overview],
    done: ({ servers }) => `${plural(servers.filter(isUseful).length, "server")} added or changed`,
    // What was refused after all stays in view, with its reason.
    onDone: ({ servers }) => servers.some(({ action }) => action === "refuse") || go("/servers"),
  });
  const anew = () => {
    look.reset();
    add.reset();
  };
  const change = (text: string) => {
    setConfig(text);
    anew();
  };
  const open = async ({ target }: ChangeEvent<HTMLInputElement>) => change((await target.files?.[0]?.text()) ?? config);
  const found = (add.data ?? look.data)?.servers;
  const useful = add.data ? 0 : (found?.filter(isUseful).length ?? 0);
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
        <Input label="Or from a file" type="file" accept=".json,.jsonc,.txt" onChange={(event) => void open(event)} />
        {wanted.length > 0 && (
          <fieldset className="stack">
            <legend>Values it asks for</legend>
            {wanted.map(({ name, otherwise }) => (
              <Input key={name} label={<code>{name}</code>} placeholder={otherwise} value={values[name] ?? ""} spellCheck={false}
                onChange={(event) => {
                  setValues({ ...values, [name]: event.target.value });
                  anew();
                }}
              />
            ))}
          </fieldset>
        )}
        {error && <Failed error={error} />}
        {found && (
          <ul className="card list" aria-label="What was found">
            {found.map((one, index) => <Found key={index} one={one} done={!!add.data} />)}
            {!found.length && <li className="muted">There is no server in it.</li>}
          </ul>
        )}
        <div className="row">
          {useful > 0 ? (
            <Button look="primary" busy={add.isPending} onClick={() => add.mutate()}>Take over {plural(useful, "server")}</Button>
          ) : (
            <Button look="primary" disabled={!config.trim()} busy={look.isPending} onClick={() => { anew(); look.mutate(); }}>Look at it</Button>
          )}
        </div>
      </div>
    </Card>
  );
}

function Found({ one: { name, action, problem, ignored }, done }: { one: ImportedServer; done: boolean }) {
  const [tone, before, after] = words[action];
  return (
    <li>
      <div className="row">
        <span className="strong"><Text line>{name}</Text></span>
        <Badge tone={tone}>{done ? after : before}</Badge>
      </div>
      {problem && <div className="small muted break"><Text>{problem}</Text></div>}
      {ignored && ignored.length > 0 && <div className="small muted break">Left out: <Text line>{ignored.join(", ")}</Text></div>}
    </li>
  );
}
