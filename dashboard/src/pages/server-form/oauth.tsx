/** What the owner of a remote server says of its OAuth, in place of what discovery finds. */
import type { Draft } from "../../lib/draft";
import { Check, Input } from "../../ui/field";

type OAuth = Draft["oauth"];

const endpoints = [
  ["issuer", "Issuer", "In place of the authorization server that the server names."],
  ["authorizationEndpoint", "Authorization endpoint", "With a token endpoint as well, no metadata are read."],
  ["tokenEndpoint", "Token endpoint", "In place of the one in the metadata of the authorization server."],
  ["registrationEndpoint", "Registration endpoint", "In place of the one in the metadata."],
] as const;

export function OAuthFields({
  oauth,
  fault,
  onChange,
}: {
  oauth: OAuth;
  fault: (pointer: string) => string | undefined;
  onChange: (oauth: OAuth) => void;
}) {
  const set = (change: Partial<OAuth>) => onChange({ ...oauth, ...change });
  return (
    <details>
      <summary>Advanced: OAuth</summary>
      <div className="stack">
        <p className="small muted">
          For a server that requires authorization, if Ostler does not discover all it needs. An empty field leaves that
          part to discovery.
        </p>
        <div className="row even">
          {endpoints.map(([key, label, hint]) => (
            <Input
              key={key}
              label={label}
              type="url"
              className="mono"
              value={oauth[key] ?? ""}
              fault={fault(`/oauth/${key}`)}
              hint={hint}
              onChange={(event) => set({ [key]: event.target.value.trim() || null })}
            />
          ))}
          <Input
            label="Scopes"
            className="mono"
            value={oauth.scopes?.join(" ") ?? ""}
            fault={fault("/oauth/scopes")}
            hint="Separated by spaces; in place of those that the server names."
            onChange={(event) => set({ scopes: event.target.value ? event.target.value.split(/\s+/) : null })}
          />
          <Input
            label="Resource"
            type="url"
            className="mono"
            disabled={oauth.resource === ""}
            value={oauth.resource ?? ""}
            fault={fault("/oauth/resource")}
            hint="The resource to request tokens for (RFC 8707), in place of the server's URL."
            onChange={(event) => set({ resource: event.target.value.trim() || null })}
          />
          <Input
            label="Client ID"
            value={oauth.clientId ?? ""}
            fault={fault("/oauth/clientId")}
            hint="If you registered Ostler at the authorization server yourself."
            onChange={(event) => set({ clientId: event.target.value || null })}
          />
          <Input
            label="Client secret"
            type="password"
            autoComplete="new-password"
            value={oauth.clientSecret ?? ""}
            fault={fault("/oauth/clientSecret")}
            hint="That of the client ID; stored encrypted and never shown again."
            onFocus={(event) => event.target.select()}
            onChange={(event) => set({ clientSecret: event.target.value || null })}
          />
        </div>
        <Check
          label="Request tokens without a resource"
          hint="For an authorization server that is asked by scope alone, such as Microsoft Entra ID."
          checked={oauth.resource === ""}
          onChange={(event) => set({ resource: event.target.checked ? "" : null })}
        />
        <Check
          label="The authorization server does PKCE"
          hint="With S256, though its metadata do not say so."
          checked={oauth.pkce}
          onChange={(event) => set({ pkce: event.target.checked })}
        />
      </div>
    </details>
  );
}
