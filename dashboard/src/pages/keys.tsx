/** The user's API keys: created, shown once, renamed, rotated, revoked. */
import { useState } from "react";
import { Link } from "wouter";
import { api } from "../api/client";
import { useMe, usePages } from "../api/queries";
import type { ApiKey, NewKey, Permission } from "../api/types";
import { useAction } from "../ui/action";
import { Button, Copyable } from "../ui/button";
import { Card, Empty, Note, Paged, PageHead } from "../ui/card";
import { confirm, Dialog } from "../ui/dialog";
import { Input, Select } from "../ui/field";
import { FormDialog } from "../ui/form-dialog";
import { Badge } from "../ui/state";
import { Ago, Text, useNow } from "../ui/text";
import { permissions } from "./permissions";

const ownKeys = ["keys"];

export function Keys() {
  const [making, setMaking] = useState(false);
  const { pages, items } = usePages<ApiKey>(ownKeys, "/api/auth/keys");
  return (
    <>
      <PageHead
        title="API keys"
        text="For programs that act on your behalf. A key has all of your permissions or some of them."
      >
        <Button icon="plus" look="primary" onClick={() => setMaking(true)}>
          Create a key
        </Button>
      </PageHead>
      <Card flush>
        <Paged
          pages={pages}
          none={
            <Empty title="No keys yet">
              Clients such as Claude Code need one; see <Link href="/connect">Connect</Link>.
            </Empty>
          }
        >
          {items.length > 0 && <Rows items={items} />}
        </Paged>
      </Card>
      {making && <CreateKey close={() => setMaking(false)} />}
    </>
  );
}

function Rows({ items }: { items: ApiKey[] }) {
  const now = useNow(60_000);
  const [renamed, setRenamed] = useState<ApiKey | null>(null);
  const revoke = useAction((key: ApiKey) => api.delete(`/api/auth/keys/${key.id}`), {
    refresh: [ownKeys],
    done: (_, key) => `${key.name} was revoked`,
  });
  const rotate = useAction((key: ApiKey) => api.post<NewKey>(`/api/auth/keys/${key.id}/rotate`), {
    refresh: [ownKeys],
  });
  const confirmRevocation = async (key: ApiKey) => {
    const text = <p>Programs that use it, or a key created with it, lose access at once.</p>;
    if (await confirm({ title: `Revoke ${key.name}?`, text, yes: "Revoke", danger: true })) revoke.mutate(key);
  };
  const confirmRotation = async (key: ApiKey) => {
    const text = (
      <p>The key gets a new secret. The current one stops working at once, and so do keys created with it.</p>
    );
    if (await confirm({ title: `Rotate ${key.name}?`, text, yes: "Rotate", danger: true })) rotate.mutate(key);
  };
  const parentName = (key: ApiKey) => items.find((one) => one.id === key.parentId)?.name ?? "another key";
  return (
    <div className="table-wrap">
      {renamed && <Rename of={renamed} close={() => setRenamed(null)} />}
      {rotate.data && <NewKeyDialog secret={rotate.data} close={() => rotate.reset()} />}
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Prefix</th>
            <th scope="col" className="wide-only">Permissions</th>
            <th scope="col">Last used</th>
            <th scope="col">Expires</th>
            <th scope="col"><span className="unseen">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          {items.map((key) => (
            <tr key={key.id}>
              <td className="strong">
                <Text line most={80}>
                  {key.name}
                </Text>
                {key.parentId && (
                  <div className="small muted">
                    created with{" "}
                    <Text line most={40}>
                      {parentName(key)}
                    </Text>
                  </div>
                )}
              </td>
              <td className="mono small">{key.prefix}…</td>
              <td className="small wide-only">{key.permissions ? key.permissions.join(", ") : "all of yours"}</td>
              <td className="nowrap">
                <Ago at={key.lastUsedAt} />
              </td>
              <td className="nowrap">
                {key.expiresAt && Date.parse(key.expiresAt) <= now ? (
                  <Badge tone="idle">Expired</Badge>
                ) : (
                  <Ago at={key.expiresAt} />
                )}
              </td>
              <td className="num nowrap">
                <Button icon="edit" look="quiet compact" label={`Rename ${key.name}`} onClick={() => setRenamed(key)} />
                <Button
                  icon="restart"
                  look="quiet compact"
                  label={`Rotate ${key.name}`}
                  busy={rotate.isPending}
                  onClick={() => void confirmRotation(key)}
                />
                <Button
                  icon="trash"
                  look="quiet compact danger"
                  label={`Revoke ${key.name}`}
                  busy={revoke.isPending}
                  onClick={() => void confirmRevocation(key)}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Rename({ of, close }: { of: ApiKey; close: () => void }) {
  const [name, setName] = useState(of.name);
  const save = useAction(() => api.put(`/api/auth/keys/${of.id}`, { name: name.trim() }), {
    refresh: [ownKeys],
    done: "Key renamed",
    onDone: close,
    quiet: true,
  });
  return (
    <FormDialog title={`Rename ${of.name}`} action={save} yes="Rename" close={close}>
      {(fault) => (
        <Input
          label="Name"
          required
          maxLength={128}
          value={name}
          fault={fault("/name")}
          onChange={(event) => setName(event.target.value)}
        />
      )}
    </FormDialog>
  );
}

function NewKeyDialog({ secret, close }: { secret: NewKey; close: () => void }) {
  return (
    <Dialog title="Your new API key" onClose={close}>
      <div className="stack">
        <Note tone="warn">The key is shown only once. Store it in a safe place.</Note>
        <Copyable label="API key" text={secret.key} />
        <p className="small">Next: <Link href="/connect" onClick={close}>connect a client</Link>.</p>
      </div>
      <div className="dialog-foot"><Button look="primary" onClick={close}>I have stored it</Button></div>
    </Dialog>
  );
}

function CreateKey({ close }: { close: () => void }) {
  const mine = useMe().data?.permissions ?? [];
  const [name, setName] = useState("");
  const [days, setDays] = useState("90");
  const [all, setAll] = useState("all");
  const [chosen, setChosen] = useState<Permission[]>(["mcp:read", "mcp:execute"]);
  const create = useAction(
    () =>
      api.post<NewKey>("/api/auth/keys", {
        name: name.trim(),
        ...(all === "some" && { permissions: chosen }),
        ...(days && { expiresAt: new Date(Date.now() + Number(days) * 86_400_000).toISOString() }),
      }),
    { refresh: [ownKeys], quiet: true },
  );
  if (create.data) return <NewKeyDialog secret={create.data} close={close} />;
  return (
    <FormDialog
      title="Create a key"
      action={create}
      yes="Create"
      incomplete={all === "some" && !chosen.length}
      close={close}
    >
      {(fault) => (
        <>
          <Input
            label="Name"
            required
            maxLength={128}
            value={name}
            placeholder="laptop, nightly build"
            fault={fault("/name")}
            onChange={(event) => setName(event.target.value)}
          />
          <Select label="Expires" value={days} onChange={(event) => setDays(event.target.value)}>
            <option value="7">after a week</option>
            <option value="30">after 30 days</option>
            <option value="90">after 90 days</option>
            <option value="365">after a year</option>
            <option value="">never</option>
          </Select>
          <Select label="Permissions" value={all} onChange={(event) => setAll(event.target.value)}>
            <option value="all">all of mine</option>
            <option value="some">only some</option>
          </Select>
          {all === "some" && <Permissions mine={mine} chosen={chosen} onChange={setChosen} />}
        </>
      )}
    </FormDialog>
  );
}

function Permissions({
  mine,
  chosen,
  onChange,
}: {
  mine: Permission[];
  chosen: Permission[];
  onChange: (chosen: Permission[]) => void;
}) {
  const toggle = (one: Permission) =>
    onChange(chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one]);
  return (
    <fieldset className="field">
      <legend>Permissions of the key</legend>
      {permissions.filter(([name]) => mine.includes(name)).map(([name, word]) => (
        <label key={name} className="check">
          <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} />
          <span><code>{name}</code> <span className="muted">{word}</span></span>
        </label>
      ))}
    </fieldset>
  );
}
