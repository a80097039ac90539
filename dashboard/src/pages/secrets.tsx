/** The user's secrets: set, replaced, removed, and which servers use them; values are never shown. */
import { useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api } from "../api/client";
import { keys, useMay, useServers } from "../api/queries";
import type { List, NamedSecret } from "../api/types";
import { useAction } from "../ui/action";
import { Button } from "../ui/button";
import { Card, Empty, Loaded, PageHead } from "../ui/card";
import { confirm } from "../ui/dialog";
import { Area, Input } from "../ui/field";
import { FormDialog } from "../ui/form-dialog";
import { Ago, Text } from "../ui/text";

const path = (name: string) => `/api/secrets/${encodeURIComponent(name)}`;

export function Secrets() {
  const [edited, setEdited] = useState<NamedSecret | "new" | null>(null);
  const mayCall = useMay()("mcp:execute");
  const mayWrite = useMay()("mcp:write");
  const secrets = useQuery({
    queryKey: keys.secrets,
    queryFn: ({ signal }) => api.get<List<NamedSecret>>("/api/secrets", signal),
  });
  return (
    <>
      <PageHead
        title="Secrets"
        text="Tokens and passwords that your servers refer to by name, as ${secret:NAME}. No value is shown again."
      >
        {(mayCall || mayWrite) && (
          <Button icon="plus" look="primary" onClick={() => setEdited("new")}>Add a secret</Button>
        )}
      </PageHead>
      <Card flush>
        <Loaded query={secrets} absent={<Empty title="This Ostler runs no MCP servers" />}>
          {({ items }) =>
            items.length ? (
              <Rows items={items} onReplace={setEdited} />
            ) : (
              <Empty title="No secrets yet">
                Add one, then write <code>{"${secret:NAME}"}</code> as a value in the environment of a server.
              </Empty>
            )
          }
        </Loaded>
      </Card>
      {edited && <Edit of={edited === "new" ? undefined : edited} close={() => setEdited(null)} />}
    </>
  );
}

function Rows({ items, onReplace }: { items: NamedSecret[]; onReplace: (secret: NamedSecret) => void }) {
  const servers = useServers().data ?? [];
  const remove = useAction((secret: NamedSecret) => api.delete(path(secret.name)), {
    refresh: [keys.secrets],
    done: (_, secret) => `${secret.name} was removed`,
  });
  const confirmRemoval = async (secret: NamedSecret) => {
    const text = <p>Processes that have it end at once, and do not start again while their server refers to it.</p>;
    if (await confirm({ title: `Remove ${secret.name}?`, text, yes: "Remove", danger: true })) remove.mutate(secret);
  };
  const nameOf = (id: string) => servers.find((server) => server.id === id)?.name ?? id;
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Used by</th>
            <th scope="col">Changed</th>
            <th scope="col"><span className="unseen">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          {items.map((secret) => (
            <tr key={secret.name}>
              <td className="strong mono">{secret.name}</td>
              <td>
                {secret.usedBy.map((id) => (
                  <div key={id}>
                    <Link href={`/servers/${id}`}><Text line most={60}>{nameOf(id)}</Text></Link>
                  </div>
                ))}
                {!secret.usedBy.length && <span className="muted">no server</span>}
              </td>
              <td className="nowrap"><Ago at={secret.changedAt} /></td>
              <td className="num nowrap">
                <Button
                  icon="edit"
                  look="quiet compact"
                  label={`Replace ${secret.name}`}
                  onClick={() => onReplace(secret)}
                />
                <Button
                  icon="trash"
                  look="quiet compact danger"
                  label={`Remove ${secret.name}`}
                  busy={remove.isPending}
                  onClick={() => void confirmRemoval(secret)}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Edit({ of, close }: { of: NamedSecret | undefined; close: () => void }) {
  const [name, setName] = useState(of?.name ?? "");
  const [value, setValue] = useState("");
  const save = useAction(() => api.put(path(name.trim()), { value }), {
    refresh: [keys.secrets],
    done: of ? "Secret replaced" : "Secret added",
    onDone: close,
    quiet: true,
  });
  return (
    <FormDialog
      title={of ? `Replace ${of.name}` : "Add a secret"}
      action={save}
      yes={of ? "Replace" : "Add"}
      close={close}
    >
      {(fault) => (
        <>
          {!of && (
            <Input
              label="Name"
              required
              className="mono"
              maxLength={64}
              pattern="[A-Za-z_][A-Za-z0-9_.\-]*"
              placeholder="GITHUB_TOKEN"
              value={name}
              fault={fault("name")}
              hint="Letters, digits and _ . -, beginning with a letter or _. A secret of this name is replaced."
              onChange={(event) => setName(event.target.value)}
            />
          )}
          <Area
            label="Value"
            required
            className="mono"
            autoComplete="off"
            value={value}
            fault={fault("/value")}
            hint="Servers that run with another value get a new process; no call is lost."
            onChange={(event) => setValue(event.target.value)}
          />
        </>
      )}
    </FormDialog>
  );
}
