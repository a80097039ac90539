/** An entry of the catalogue, or a template: what it asks, and the server that the answers make. */
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { api, ApiError } from "../../api/client";
import { keys } from "../../api/queries";
import type { CatalogueEntry, CatalogueField, InstalledView } from "../../api/types";
import { to } from "../../lib/links";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Card, Failed, Loaded, Note } from "../../ui/card";
import { Input, Select } from "../../ui/field";
import { Text } from "../../ui/text";
import { builtIn, Tile } from "./catalogue";
import { Start } from "./preview";

const path = (name: string) => `/api/catalogue/${encodeURIComponent(name)}`;

export function Entry({ name }: { name: string }) {
  const entry = useQuery({
    queryKey: [...keys.catalogue, "entry", name],
    queryFn: ({ signal }) => api.get<CatalogueEntry>(path(name), signal),
    staleTime: 300_000,
  });
  return (
    <Loaded query={entry}>
      {(found) => (
        <Questions
          key={found.name}
          title={found.title}
          name={found.title}
          description={found.description}
          fields={found.fields}
          action={`${path(found.name)}/install`}
          about={<Origin entry={found} />}
          back={<Link href={to.newServer("catalogue")}>Back to the catalogue</Link>}
        />
      )}
    </Loaded>
  );
}

/** The source of an entry that is not built in, and why it cannot be run here. */
function Origin({ entry: { source, registry, package: of, version, refusal } }: { entry: CatalogueEntry }) {
  return (
    <>
      {source !== builtIn && <p className="small"><Text>{`From ${source}: ${registry} ${of} ${version}`}</Text></p>}
      {refusal && <Note tone="warn"><Text>{`Cannot be run: it ${refusal}`}</Text></Note>}
    </>
  );
}

/** A form of questions, whose answers make a server by `action`. */
export function Questions({
  title,
  name: usual,
  description,
  fields,
  action,
  about,
  back,
}: {
  title: string;
  /** The server's name; empty for the one that its answers make. */
  name: string;
  description: string;
  fields: CatalogueField[];
  action: string;
  about?: ReactNode;
  back: ReactNode;
}) {
  const [, go] = useLocation();
  const [name, setName] = useState(usual);
  const [values, setValues] = useState<Record<string, string>>({});
  const send = (dryRun: boolean) => api.post<InstalledView>(action, { name: name || null, values, dryRun });
  const add = useAction(() => send(false), {
    refresh: [keys.servers, keys.overview, keys.secrets, keys.templates],
    done: ({ server }) => `${server?.name} was added`,
    onDone: ({ server }) => go(server ? to.server(server.id, "tools") : "/servers"),
    quiet: true,
  });
  const shown = useAction(() => send(true), { quiet: true });
  const error = add.error ?? shown.error;
  const change = (field: CatalogueField, value: string) => {
    setValues({ ...values, [field.name]: value });
    shown.reset();
  };
  const question = (field: CatalogueField, index: number) => (
    <Question
      key={field.name}
      field={field}
      value={values[field.name] ?? ""}
      error={error}
      isFirst={index === 0 && field.isRequired}
      onChange={(value) => change(field, value)}
    />
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Card>
      <form className="form" onSubmit={submit}>
        <div className="row">
          <Tile title={title} />
          <div className="grow">
            <h2><Text line>{title}</Text></h2>
            <p className="muted"><Text>{description}</Text></p>
            {about}
          </div>
        </div>
        {fields.filter((field) => field.isRequired).map(question)}
        <details className="small">
          <summary>More options</summary>
          <div className="stack">
            <Input label="Name" value={name} maxLength={128} onChange={(event) => setName(event.target.value)} />
            {fields.filter((field) => !field.isRequired).map(question)}
          </div>
        </details>
        {error && <Failed error={error} />}
        {shown.data?.start && <Start start={shown.data.start} />}
        <div className="row">
          <Button type="submit" look="primary" busy={add.isPending}>Add <Text line>{title}</Text></Button>
          <Button busy={shown.isPending} onClick={() => shown.mutate()}>Preview</Button>
          {back}
        </div>
      </form>
    </Card>
  );
}

function Question({
  field,
  value,
  error,
  isFirst,
  onChange,
}: {
  field: CatalogueField;
  value: string;
  error: Error | null;
  isFirst: boolean;
  onChange: (value: string) => void;
}) {
  const { name, description, isRequired, isSecret, format, placeholder } = field;
  const pointer = `/values/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`;
  const kept = isSecret ? " It is kept encrypted, as one of your secrets." : "";
  const common = {
    label: <code><Text line>{name}</Text></code>,
    hint: <Text>{description + (description && ".") + kept}</Text>,
    fault: error instanceof ApiError ? error.at(pointer) : undefined,
    required: isRequired,
    value,
  };
  const choices = format === "boolean" ? ["true", "false"] : field.choices;
  if (choices.length) {
    return (
      <Select {...common} onChange={(event) => onChange(event.target.value)}>
        <option value="">{field.default ?? ""}</option>
        {choices.map((choice) => <option key={choice}>{choice}</option>)}
      </Select>
    );
  }
  return (
    <Input
      {...common}
      type={isSecret ? "password" : "text"}
      autoComplete={isSecret ? "new-password" : "off"}
      spellCheck={false}
      autoFocus={isFirst}
      placeholder={field.default ?? placeholder ?? (format === "filepath" ? "/srv/…" : undefined)}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
