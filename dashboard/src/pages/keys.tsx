/** API keys: made, shown once, renamed, rotated, ended. */
import { useState, type FormEvent } from "react";
import { Link } from "wouter";
import { api, ApiError } from "../api/client";
import { useMe, usePages } from "../api/queries";
import type { ApiKey, NewKey, Permission } from "../api/types";
import { useAction } from "../ui/action";
import { Button, Copyable } from "../ui/button";
import { Card, Empty, Failed, Note, Paged, PageHead } from "../ui/card";
import { confirm, Dialog } from "../ui/dialog";
import { Input, Select } from "../ui/field";
import { Badge } from "../ui/state";
import { Ago, Text, useNow } from "../ui/text";
import { permissions } from "./permissions";

const own = ["keys"];

export function Keys() {
  const [making, setMaking] = useState(false);
  const { pages, items } = usePages<ApiKey>(own, "/api/auth/keys");
  return (
    <>
      <PageHead title="API keys" text="For programs that act for you. A key can do what you can, or less.">
        <Button icon="plus" look="primary" onClick={() => setMaking(true)}>Make a key</Button>
      </PageHead>
      <Card flush>
        <Paged pages={pages} none={<Empty title="No keys yet">Clients such as Claude Code need one; see <Link href="/connect">Connect</Link>.</Empty>}>
          {items.length > 0 && <Rows items={items} />}
        </Paged>
      </Card>
      {making && <MakeKey close={() => setMaking(false)} />}
    </>
  );
}

function Rows({ items }: { items: ApiKey[] }) {
  const now = useNow(60_000);
  const [renamed, setRenamed] = useState<ApiKey | null>(null);
  const end = useAction((key: ApiKey) => api.delete(`/api/auth/keys/${key.id}`), { refresh: [own], done: (_, key) => `${key.name} has ended` });
  const rotate = useAction((key: ApiKey) => api.post<NewKey>(`/api/auth/keys/${key.id}/rotate`), { refresh: [own] });
  const askToEnd = async (key: ApiKey) => {
    const text = <p>Programs that use it are turned away at once, and so are those that use keys made with it.</p>;
    if (await confirm({ title: `End ${key.name}?`, text, yes: "End it", danger: true })) end.mutate(key);
  };
  const askToRotate = async (key: ApiKey) => {
    const text = <p>You get another secret for it. The one before ends at once, and so do keys made with it.</p>;
    if (await confirm({ title: `Rotate ${key.name}?`, text, yes: "Rotate it", danger: true })) rotate.mutate(key);
  };
  const maker = (key: ApiKey) => items.find((one) => one.id === key.parentId)?.name ?? "another key";
  return (
    <div className="table-wrap">
      {renamed && <Rename of={renamed} close={() => setRenamed(null)} />}
      {rotate.data && <Shown secret={rotate.data} close={() => rotate.reset()} />}
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Begins with</th>
            <th scope="col" className="wide-only">May</th>
            <th scope="col">Used</th>
            <th scope="col">Ends</th>
            <th scope="col"><span className="unseen">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          {items.map((key) => (
            <tr key={key.id}>
              <td className="strong"><Text line most={80}>{key.name}</Text>{key.parentId && <div className="small muted">made with <Text line most={40}>{maker(key)}</Text></div>}</td>
              <td className="mono small">{key.prefix}…</td>
              <td className="small wide-only">{key.permissions ? key.permissions.join(", ") : "all that you may"}</td>
              <td className="nowrap"><Ago at={key.lastUsedAt} /></td>
              <td className="nowrap">{key.expiresAt && Date.parse(key.expiresAt) <= now ? <Badge tone="idle">Ended</Badge> : <Ago at={key.expiresAt} />}</td>
              <td className="num nowrap">
                <Button icon="edit" look="quiet compact" label={`Rename ${key.name}`} onClick={() => setRenamed(key)} />
                <Button icon="restart" look="quiet compact" label={`Rotate ${key.name}`} busy={rotate.isPending} onClick={() => void askToRotate(key)} />
                <Button icon="trash" look="quiet compact danger" label={`End ${key.name}`} busy={end.isPending} onClick={() => void askToEnd(key)} />
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
  const save = useAction(() => api.put(`/api/auth/keys/${of.id}`, { name: name.trim() }), { refresh: [own], done: "The key was renamed", onDone: close, quiet: true });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog title={`Rename ${of.name}`} onClose={close}>
      <form className="stack" onSubmit={submit}>
        <Input label="What it is for" required maxLength={128} value={name} onChange={(event) => setName(event.target.value)} />
        {save.isError && <Failed error={save.error} />}
        <div className="dialog-foot">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" busy={save.isPending}>Rename it</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Shown({ secret, close }: { secret: NewKey; close: () => void }) {
  return (
    <Dialog title="Your new key" onClose={close}>
      <div className="stack">
        <Note tone="warn">This is the only time it is shown. Keep it where secrets are kept.</Note>
        <Copyable label="The key" text={secret.key} />
        <p className="small">Next: <Link href="/connect" onClick={close}>connect a client</Link>.</p>
      </div>
      <div className="dialog-foot"><Button look="primary" onClick={close}>I have kept it</Button></div>
    </Dialog>
  );
}

function MakeKey({ close }: { close: () => void }) {
  const mine = useMe().data?.permissions ?? [];
  const [name, setName] = useState("");
  const [days, setDays] = useState("90");
  const [all, setAll] = useState("all");
  const [chosen, setChosen] = useState<Permission[]>(["mcp:read", "mcp:execute"]);
  const make = useAction(
    () =>
      api.post<NewKey>("/api/auth/keys", {
        name: name.trim(),
        ...(all === "some" && { permissions: chosen }),
        ...(days && { expiresAt: new Date(Date.now() + Number(days) * 86_400_000).toISOString() }),
      }),
    { refresh: [own], quiet: true },
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  if (make.data) return <Shown secret={make.data} close={close} />;
  return (
    <Dialog title="Make a key" onClose={close}>
      <form className="stack" onSubmit={submit}>
        <Input label="What it is for" required maxLength={128} value={name} placeholder="laptop, nightly build"
          fault={make.error instanceof ApiError ? make.error.at("/name") : undefined} onChange={(event) => setName(event.target.value)} />
        <Select label="Ends" value={days} onChange={(event) => setDays(event.target.value)}>
          <option value="7">after a week</option>
          <option value="30">after 30 days</option>
          <option value="90">after 90 days</option>
          <option value="365">after a year</option>
          <option value="">never</option>
        </Select>
        <Select label="May" value={all} onChange={(event) => setAll(event.target.value)}>
          <option value="all">all that you may</option>
          <option value="some">only some of it</option>
        </Select>
        {all === "some" && <Permissions mine={mine} chosen={chosen} onChange={setChosen} />}
        {make.isError && <Failed error={make.error} />}
        <div className="dialog-foot">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" busy={make.isPending} disabled={all === "some" && !chosen.length}>Make it</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Permissions({ mine, chosen, onChange }: { mine: Permission[]; chosen: Permission[]; onChange: (chosen: Permission[]) => void }) {
  const toggle = (one: Permission) => onChange(chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one]);
  return (
    <fieldset className="field">
      <legend>What it may do</legend>
      {permissions.filter(([name]) => mine.includes(name)).map(([name, word]) => (
        <label key={name} className="check">
          <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} />
          <span><code>{name}</code> <span className="muted">{word}</span></span>
        </label>
      ))}
    </fieldset>
  );
}
