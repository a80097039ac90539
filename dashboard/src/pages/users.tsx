/** The accounts, for users who manage them. */
import { useState } from "react";
import { api } from "../api/client";
import { keys, useMe, usePages, useUsers } from "../api/queries";
import type { ApiKey, Role, User } from "../api/types";
import { useAction } from "../ui/action";
import { Button } from "../ui/button";
import { Card, Empty, Loaded, Paged, PageHead } from "../ui/card";
import { confirm, Dialog } from "../ui/dialog";
import { Check, Input, Select } from "../ui/field";
import { FormDialog } from "../ui/form-dialog";
import { Badge } from "../ui/state";
import { Ago, Text } from "../ui/text";
import { roles } from "./permissions";

export function Users() {
  const [edited, setEdited] = useState<User | "new" | null>(null);
  const [keysOf, setKeysOf] = useState<User | null>(null);
  const users = useUsers();
  return (
    <>
      <PageHead title="Users">
        <Button icon="plus" look="primary" onClick={() => setEdited("new")}>Add a user</Button>
      </PageHead>
      <Loaded query={users}>
        {(items) => (
          <Card flush>
            <Rows items={items} edit={setEdited} showKeys={setKeysOf} />
          </Card>
        )}
      </Loaded>
      {edited && <UserForm user={edited === "new" ? null : edited} close={() => setEdited(null)} />}
      {keysOf && <KeysOf user={keysOf} close={() => setKeysOf(null)} />}
    </>
  );
}

function Rows({
  items,
  edit,
  showKeys,
}: {
  items: User[];
  edit: (user: User) => void;
  showKeys: (user: User) => void;
}) {
  const me = useMe().data;
  const remove = useAction((user: User) => api.delete(`/api/auth/users/${user.id}`), {
    refresh: [keys.users, keys.servers],
    done: (_, user) => `${user.name} was removed`,
  });
  const confirmRemoval = async (user: User) => {
    const text = (
      <p>All servers of this account are stopped and removed with it. To keep them, disable the account instead.</p>
    );
    if (await confirm({ title: `Remove ${user.name}?`, text, yes: "Remove", danger: true })) remove.mutate(user);
  };
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">E-mail address</th>
            <th scope="col">Role</th>
            <th scope="col">State</th>
            <th scope="col" className="wide-only">Created</th>
            <th scope="col"><span className="unseen">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          {items.map((user) => (
            <tr key={user.id}>
              <td className="strong">
                <Text line most={80}>
                  {user.name}
                </Text>
                {user.id === me?.id && <span className="muted"> (you)</span>}
              </td>
              <td>
                <Text line most={100}>
                  {user.email}
                </Text>
              </td>
              <td>{user.role}</td>
              <td><Badge tone={user.disabled ? "idle" : "ok"}>{user.disabled ? "Disabled" : "Active"}</Badge></td>
              <td className="nowrap wide-only"><Ago at={user.createdAt} /></td>
              <td className="num nowrap">
                <Button
                  icon="keys"
                  look="quiet compact"
                  label={`API keys of ${user.name}`}
                  onClick={() => showKeys(user)}
                />
                <Button icon="edit" look="quiet compact" label={`Edit ${user.name}`} onClick={() => edit(user)} />
                {user.id !== me?.id && (
                  <Button
                    icon="trash"
                    look="quiet compact danger"
                    label={`Remove ${user.name}`}
                    onClick={() => void confirmRemoval(user)}
                  />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function KeysOf({ user, close }: { user: User; close: () => void }) {
  const list = ["keys", user.id];
  const { pages, items } = usePages<ApiKey>(list, "/api/auth/keys", { userId: user.id });
  const revoke = useAction((key: ApiKey) => api.delete(`/api/auth/keys/${key.id}`), {
    refresh: [list],
    done: (_, key) => `${key.name} was revoked`,
  });
  return (
    <Dialog title={`API keys of ${user.name}`} onClose={close}>
      <Paged pages={pages} none={<Empty title="No API keys" />}>
        <ul className="list">
          {items.map((key) => (
            <li key={key.id} className="row">
              <div className="grow">
                <div className="cut">
                  <Text line>{key.name}</Text>
                </div>
                <div className="small muted">
                  <span className="mono">{key.prefix}…</span> last used <Ago at={key.lastUsedAt} />, expires{" "}
                  <Ago at={key.expiresAt} />
                </div>
              </div>
              <Button
                icon="trash"
                look="quiet compact danger"
                label={`Revoke ${key.name}`}
                busy={revoke.isPending}
                onClick={() => revoke.mutate(key)}
              />
            </li>
          ))}
        </ul>
      </Paged>
      <div className="dialog-foot"><Button onClick={close}>Close</Button></div>
    </Dialog>
  );
}

function UserForm({ user, close }: { user: User | null; close: () => void }) {
  const me = useMe().data;
  const [email, setEmail] = useState(user?.email ?? "");
  const [name, setName] = useState(user?.name ?? "");
  const [role, setRole] = useState<Role>(user?.role ?? "developer");
  const [password, setPassword] = useState("");
  const [disabled, setDisabled] = useState(user?.disabled ?? false);
  const save = useAction(
    () => {
      const body = { email: email.trim(), name: name.trim(), role, ...(password && { password }) };
      if (!user) return api.post("/api/auth/users", body);
      const before: Record<string, unknown> = { ...user };
      const change = Object.entries({ ...body, disabled }).filter(([key, value]) => before[key] !== value);
      return api.put(`/api/auth/users/${user.id}`, Object.fromEntries(change));
    },
    { refresh: [keys.users, keys.me], done: user ? "Account updated" : "Account created", onDone: close, quiet: true },
  );
  return (
    <FormDialog title={user ? `Edit ${user.name}` : "Add a user"} action={save} yes="Save" close={close}>
      {(fault) => (
        <>
          <Input
            label="E-mail address"
            type="email"
            required
            maxLength={254}
            value={email}
            fault={fault("/email")}
            onChange={(event) => setEmail(event.target.value)}
          />
          <Input
            label="Name"
            required
            maxLength={128}
            value={name}
            fault={fault("/name")}
            onChange={(event) => setName(event.target.value)}
          />
          <Select label="Role" value={role} onChange={(event) => setRole(event.target.value as Role)}>
            {roles.map(([key, word]) => <option key={key} value={key}>{word}</option>)}
          </Select>
          <Input
            label={user ? "New password" : "Initial password"}
            type="password"
            autoComplete="new-password"
            required={!user}
            minLength={12}
            maxLength={1024}
            value={password}
            fault={fault("/password")}
            hint={
              user
                ? "Empty keeps the current one. A new one ends all sessions and revokes all API keys."
                : "At least 12 characters."
            }
            onChange={(event) => setPassword(event.target.value)}
          />
          {user && user.id !== me?.id && (
            <Check
              label="Disabled"
              hint="The user cannot log in. Sessions end, and API keys are suspended until the account is enabled."
              checked={disabled}
              onChange={(event) => setDisabled(event.target.checked)}
            />
          )}
        </>
      )}
    </FormDialog>
  );
}
