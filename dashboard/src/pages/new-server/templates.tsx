/** Templates: picked, made, changed, and applied to the servers made of them. */
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { Link, useLocation } from "wouter";
import { api } from "../../api/client";
import { keys, useMay, useServer } from "../../api/queries";
import type { List, Roll, RolledServer, TemplateDetails, TemplateItem } from "../../api/types";
import { to } from "../../lib/links";
import { firstTemplate, templateOf } from "../../lib/template";
import { useAction } from "../../ui/action";
import { Button, ButtonLink } from "../../ui/button";
import { Card, Empty, Failed, Loaded } from "../../ui/card";
import { confirm } from "../../ui/dialog";
import { Area } from "../../ui/field";
import { Badge, type Tone } from "../../ui/state";
import { Text } from "../../ui/text";
import { Tile } from "./catalogue";
import { Questions } from "./entry";

/** Before the id of a server that a template is made of. */
const FROM = "from-";

const path = (id: string) => `/api/templates/${encodeURIComponent(id)}`;

export function Templates({ entry }: { entry: string | undefined }) {
  if (!entry) return <All />;
  if (entry === "new") return <Write first={firstTemplate} />;
  return entry.startsWith(FROM) ? <OfServer id={entry.slice(FROM.length)} /> : <Template id={entry} />;
}

function All() {
  const templates = useQuery({
    queryKey: keys.templates,
    queryFn: ({ signal }) => api.get<List<TemplateItem>>("/api/templates", signal),
  });
  return (
    <div className="stack">
      <div className="row">
        <ButtonLink to={to.newServer("template", "new")} icon="plus">New template</ButtonLink>
      </div>
      <Loaded query={templates}>
        {({ items }) =>
          items.length ? (
            <ul className="entries" aria-label="Templates">
              {items.map(({ id, name, description, shared }) => (
                <li key={id}>
                  <Link href={to.newServer("template", id)} className="card entry">
                    <Tile title={name} />
                    <span className="grow">
                      <span className="strong"><Text line>{name}</Text></span>
                      <span className="small muted"><Text line>{description}</Text></span>
                      {!shared && <span className="tiny muted">Yours alone</span>}
                    </span>
                  </Link>
                </li>
              ))}
            </ul>
          ) : (
            <Empty title="No templates yet">
              A template is a server with questions in it, which others answer: write one, or save a server as one.
            </Empty>
          )
        }
      </Loaded>
    </div>
  );
}

function Template({ id }: { id: string }) {
  const may = useMay();
  const found = useQuery({
    queryKey: [...keys.templates, id],
    queryFn: ({ signal }) => api.get<TemplateDetails>(path(id), signal),
  });
  return (
    <Loaded query={found}>
      {({ name, description, shared, fields, servers, template, updatedAt }) => (
        <div className="stack">
          <Questions
            key={id}
            title={name}
            name=""
            description={description}
            fields={fields}
            action={`${path(id)}/servers`}
            back={<Link href={to.newServer("template")}>Back to the templates</Link>}
          />
          {servers.length > 0 && <Servers id={id} servers={servers} />}
          {may(shared ? "mcp:manage" : "mcp:write") && <Write key={updatedAt} id={id} first={template} />}
        </div>
      )}
    </Loaded>
  );
}

const words: Record<RolledServer["action"], [tone: Tone, before: string, after: string]> = {
  update: ["busy", "will change", "changed"],
  skip: ["idle", "as the template says", "as the template says"],
  refuse: ["bad", "refused", "refused"],
  wait: ["idle", "not tried", "not tried"],
};

/** The servers made of a template, to which it is applied after a look at what would change. */
function Servers({ id, servers }: { id: string; servers: TemplateDetails["servers"] }) {
  const send = (dryRun: boolean) => api.post<Roll>(`${path(id)}/roll`, { dryRun });
  const look = useAction(() => send(true), { quiet: true });
  const roll = useAction(() => send(false), {
    quiet: true,
    refresh: [keys.servers, keys.overview, ["server"]],
    onDone: () => look.reset(),
  });
  const error = roll.error ?? look.error;
  const found = look.data ?? roll.data;
  const rolled = new Map(found?.servers.map((server) => [server.id, server]));
  return (
    <Card title="Servers of this template">
      <ul className="list" aria-label="Servers of this template">
        {servers.map((server) => {
          const { action, changes = [], problem } = rolled.get(server.id) ?? {};
          const word = action && words[action];
          return (
            <li key={server.id}>
              <div className="row">
                <Link className="strong grow" href={to.server(server.id)}><Text line>{server.name}</Text></Link>
                {word && <Badge tone={word[0]}>{look.data ? word[1] : word[2]}</Badge>}
              </div>
              {changes.map(({ field, before, after }) => (
                <div key={field} className="small break">
                  {field}: <code><Text>{JSON.stringify(before)}</Text></code> →{" "}
                  <code><Text>{JSON.stringify(after)}</Text></code>
                </div>
              ))}
              {problem && <p className="small"><Text>{problem}</Text></p>}
            </li>
          );
        })}
      </ul>
      {error && <Failed error={error} />}
      <div className="row">
        <Button busy={look.isPending} onClick={() => look.mutate()}>Preview changes</Button>
        {look.data?.servers.some(({ action }) => action === "update") && (
          <Button look="primary" busy={roll.isPending} onClick={() => roll.mutate()}>Apply to these servers</Button>
        )}
      </div>
    </Card>
  );
}

/** A template as JSON: a new one, or the one with this id. */
function Write({ id, first }: { id?: string; first: unknown }) {
  const [, go] = useLocation();
  const [text, setText] = useState(() => JSON.stringify(first, null, 2));
  const save = useAction(
    async () => {
      const template: unknown = JSON.parse(text);
      return id
        ? api.put<TemplateDetails>(path(id), template)
        : api.post<TemplateDetails>("/api/templates", template);
    },
    {
      quiet: true,
      refresh: [keys.templates],
      done: ({ name }) => `The template ${name} was saved`,
      onDone: (saved) => go(to.newServer("template", saved.id)),
    },
  );
  const remove = useAction(() => api.delete(path(id ?? "")), {
    refresh: [keys.templates],
    done: "The template was removed; its servers stay",
    onDone: () => go(to.newServer("template")),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const ask = async () => {
    const text = "Servers that were made of it stay as they are, and can no longer be changed by it.";
    if (await confirm({ title: "Remove this template?", text, yes: "Remove", danger: true })) remove.mutate();
  };
  return (
    <Card title={id ? "Change this template" : "New template"}>
      <form className="form" onSubmit={submit}>
        <Area
          label="Template"
          hint={
            "server is what a registration has; {NAME} in a text stands for the answer to that parameter. shared " +
            "makes it everybody's. It is shown to all who may use it: secrets are parameters with isSecret."
          }
          rows={18}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {save.isError && <Failed error={save.error} />}
        <div className="row">
          <Button type="submit" look={id ? "" : "primary"} busy={save.isPending}>Save the template</Button>
          {id && (
            <Button look="danger" busy={remove.isPending} onClick={() => void ask()}>Remove the template</Button>
          )}
        </div>
      </form>
    </Card>
  );
}

function OfServer({ id }: { id: string }) {
  const server = useServer(id);
  return <Loaded query={server}>{({ details }) => <Write key={id} first={templateOf(details.server)} />}</Loaded>;
}
