/** The user's account, and a form that changes its password. */
import { useState, type FormEvent } from "react";
import { api, ApiError, session } from "../api/client";
import { useMe } from "../api/queries";
import { useAction } from "../ui/action";
import { Button } from "../ui/button";
import { Failed } from "../ui/card";
import { Dialog } from "../ui/dialog";
import { Check, Input } from "../ui/field";
import { Text } from "../ui/text";

export function Account({ close }: { close: () => void }) {
  const me = useMe().data;
  const [currentPassword, setCurrent] = useState("");
  const [newPassword, setNew] = useState("");
  const [revokeKeys, setRevokeKeys] = useState(true);
  const change = useAction(() => api.put("/api/auth/me/password", { currentPassword, newPassword, revokeKeys }), {
    quiet: true,
    done: "Password changed: log in with the new one",
    onDone: () => session.set("ended"),
  });
  const fault = (pointer: string) => (change.error instanceof ApiError ? change.error.at(pointer) : undefined);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  if (!me) return null;
  return (
    <Dialog title="Your account" onClose={close}>
      <form className="stack" onSubmit={submit}>
        <dl className="facts">
          <dt>Name</dt><dd><Text line>{me.name}</Text></dd>
          <dt>E-mail address</dt><dd><Text line>{me.email}</Text></dd>
          <dt>Role</dt><dd>{me.role}</dd>
          <dt>ID</dt><dd className="mono small">{me.id}</dd>
        </dl>
        <p className="small muted">Other users need this ID to share a server with you.</p>
        <Input
          label="Current password"
          type="password"
          autoComplete="current-password"
          required
          value={currentPassword}
          fault={fault("/currentPassword")}
          onChange={(event) => setCurrent(event.target.value)}
        />
        <Input
          label="New password"
          type="password"
          autoComplete="new-password"
          required
          minLength={12}
          maxLength={1024}
          value={newPassword}
          fault={fault("/newPassword")}
          hint="At least 12 characters. All your sessions end."
          onChange={(event) => setNew(event.target.value)}
        />
        <Check
          label="Revoke my API keys as well"
          hint="Anyone who knew the password may have created one. Programs that use your keys will need new ones."
          checked={revokeKeys}
          onChange={(event) => setRevokeKeys(event.target.checked)}
        />
        {change.isError && <Failed error={change.error} />}
        <div className="dialog-foot">
          <Button onClick={close}>Close</Button>
          <Button type="submit" look="primary" busy={change.isPending}>Change password</Button>
        </div>
      </form>
    </Dialog>
  );
}
