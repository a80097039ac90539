/** The user's account, and a form that changes its password. */
import { useState } from "react";
import { api, session } from "../api/client";
import { useMe } from "../api/queries";
import { useAction } from "../ui/action";
import { Check, Input } from "../ui/field";
import { FormDialog } from "../ui/form-dialog";
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
  if (!me) return null;
  return (
    <FormDialog title="Your account" action={change} yes="Change password" no="Close" close={close}>
      {(fault) => (
        <>
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
        </>
      )}
    </FormDialog>
  );
}
