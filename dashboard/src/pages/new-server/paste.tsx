/** Imports servers from the configuration of a client, after a preview. */
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
import { Start } from "./preview";

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
  update: ["busy", "will change", "changed"],
  skip: ["idle", "already registered", "already registered"],
  refuse: ["bad", "refused", "refused"],
};

const HINT =
  "claude_desktop_config.json, .mcp.json, .cursor/mcp.json, .vscode/mcp.json or a similar file; " +
  "it may have comments. A preview comes before anything is added.";

const isImportable = ({ action }: ImportedServer) => action === "create" || action === "update";

export function Paste() {
  const [, go] = useLocation();
  const [config, setConfig] = useState("");
  const [values, setValues] = useState<Record<string, string>>({});
  const plain = useMemo(() => withoutInputs(config), [config]);
  const wanted = useMemo(() => variables(plain), [plain]);
  const given = Object.fromEntries(wanted.flatMap(({ name }) => (values[name] ? [[name, values[name]]] : [])));
  const send = (dryRun: boolean) =>
    api.post<ImportView>("/api/mcp/import", { config: plain, variables: given, dryRun });
  const preview = useAction(() => send(true), { quiet: true });
  const add = useAction(() => send(false), {
    quiet: true,
    refresh: [keys.servers, keys.overview],
    done: ({ servers }) => `${plural(servers.filter(isImportable).length, "server")} added or changed`,
    // A server that was refused stays in view, with the reason.
    onDone: ({ servers }) => servers.some(({ action }) => action === "refuse") || go("/servers"),
  });
  const resetResults = () => {
    preview.reset();
    add.reset();
  };
  const change = (text: string) => {
    setConfig(text);
    resetResults();
  };
  const open = async ({ target }: ChangeEvent<HTMLInputElement>) => change((await target.files?.[0]?.text()) ?? config);
  const found = (add.data ?? preview.data)?.servers;
  const importable = add.data ? 0 : (found?.filter(isImportable).length ?? 0);
  const error = add.error ?? preview.error;
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
          hint={HINT}
        />
        <Input label="Or open a file" type="file" accept=".json,.jsonc,.txt" onChange={(event) => void open(event)} />
        {wanted.length > 0 && (
          <fieldset className="stack">
            <legend>Variables</legend>
            {wanted.map(({ name, otherwise }) => (
              <Input
                key={name}
                label={<code>{name}</code>}
                placeholder={otherwise}
                value={values[name] ?? ""}
                spellCheck={false}
                onChange={(event) => {
                  setValues({ ...values, [name]: event.target.value });
                  resetResults();
                }}
              />
            ))}
          </fieldset>
        )}
        {error && <Failed error={error} />}
        {found && (
          <ul className="card list" aria-label="Servers found">
            {found.map((one, index) => <FoundServer key={index} one={one} done={!!add.data} />)}
            {!found.length && <li className="muted">It contains no servers.</li>}
          </ul>
        )}
        <div className="row">
          {importable > 0 ? (
            <Button look="primary" busy={add.isPending} onClick={() => add.mutate()}>
              Import {plural(importable, "server")}
            </Button>
          ) : (
            <Button
              look="primary"
              disabled={!config.trim()}
              busy={preview.isPending}
              onClick={() => {
                resetResults();
                preview.mutate();
              }}
            >
              Preview
            </Button>
          )}
        </div>
      </div>
    </Card>
  );
}

function FoundServer({ one, done }: { one: ImportedServer; done: boolean }) {
  const { name, action, problem, ignored, notes, start } = one;
  const [tone, before, after] = words[action];
  return (
    <li>
      <div className="row">
        <span className="strong"><Text line>{name}</Text></span>
        <Badge tone={tone}>{done ? after : before}</Badge>
      </div>
      {problem && (
        <div className="small muted break">
          <Text>{problem}</Text>
        </div>
      )}
      {ignored && ignored.length > 0 && (
        <div className="small muted break">
          Ignored: <Text line>{ignored.join(", ")}</Text>
        </div>
      )}
      {notes?.map((note) => (
        <div key={note} className="small muted break">
          Note: <Text>{note}</Text>
        </div>
      ))}
      {start && (
        <details className="small">
          <summary>What would be run</summary>
          <Start start={start} />
        </details>
      )}
    </li>
  );
}
