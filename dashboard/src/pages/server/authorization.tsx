/** The OAuth authorization of a remote server: requested, shown, deleted. */
import { useState, type FormEvent } from "react";
import { api } from "../../api/client";
import { keys, useMay } from "../../api/queries";
import type { Authorization, Consenting } from "../../api/types";
import { inertLine, isWebAddress } from "../../lib/inert";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Card, Failed, Note } from "../../ui/card";
import { confirm } from "../../ui/dialog";
import { Input } from "../../ui/field";
import { Ago, Text } from "../../ui/text";

export function AuthorizationCard({ serverId, authorization }: { serverId: string; authorization: Authorization }) {
  const may = useMay()("mcp:write");
  const { wanted, wantedScopes, issuer, scopes, expiresAt, renewable } = authorization;
  const path = `/api/mcp/${serverId}/authorize`;
  const refresh = [keys.server(serverId), keys.servers];
  const remove = useAction(() => api.delete(path), { refresh, done: "Authorization deleted" });
  const confirmDeletion = async () => {
    const text = <p>Ostler deletes its tokens. The authorization server accepts them until they expire.</p>;
    if (await confirm({ title: "Delete the authorization?", text, yes: "Delete", danger: true })) remove.mutate();
  };
  return (
    <Card
      title="Authorization"
      actions={
        issuer &&
        may && (
          <Button look="compact" busy={remove.isPending} onClick={() => void confirmDeletion()}>
            Delete
          </Button>
        )
      }
    >
      <div className="stack">
        {wanted && (
          <Note tone="warn">
            This server requires the consent of a user
            {wantedScopes.length > 0 && (
              <>
                : <Text line>{wantedScopes.join(" ")}</Text>
              </>
            )}
            .
          </Note>
        )}
        {issuer && (
          <dl className="facts">
            <dt>Issuer</dt><dd className="mono small"><Text line>{issuer}</Text></dd>
            <dt>Scopes</dt><dd className="mono small"><Text line>{scopes.join(" ") || "default scopes"}</Text></dd>
            <dt>Expires</dt><dd><Ago at={expiresAt} none="unknown" />{renewable && ", renewed automatically"}</dd>
          </dl>
        )}
        {may ? (
          <AuthorizeForm key={`${wanted} ${expiresAt}`} path={path} again={!wanted} />
        ) : (
          <p className="small muted">Its owner authorizes it, and so does everyone who may change it.</p>
        )}
      </div>
    </Card>
  );
}

function AuthorizeForm({ path, again }: { path: string; again: boolean }) {
  const [client, setClient] = useState({ clientId: "", clientSecret: "" });
  const begin = useAction(
    () => api.post<Consenting>(path, Object.fromEntries(Object.entries(client).filter(([, value]) => value))),
    { quiet: true },
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    begin.mutate();
  };
  const to = begin.data;
  return (
    <form className="stack" onSubmit={submit}>
      <p className="small muted">All users of this server here act as the user who consents.</p>
      {begin.isError && <Failed error={begin.error} />}
      {to && isWebAddress(to.authorizationUrl) ? (
        <>
          <p>
            <a className="button primary" href={to.authorizationUrl} target="_blank" rel="noopener noreferrer">
              Authorize at {inertLine(to.issuer, 80)}
            </a>
          </p>
          <p className="small muted">
            Opens in a new tab; the request expires <Ago at={to.expiresAt} />. The server starts after you consent.
          </p>
        </>
      ) : (
        <>
          <details className="small">
            <summary>Use a registered OAuth client</summary>
            <div className="stack">
              <Input
                label="Client ID"
                value={client.clientId}
                onChange={(event) => setClient({ ...client, clientId: event.target.value })}
              />
              <Input
                label="Client secret"
                type="password"
                value={client.clientSecret}
                onChange={(event) => setClient({ ...client, clientSecret: event.target.value })}
              />
            </div>
          </details>
          <div>
            <Button type="submit" look={again ? "" : "primary"} busy={begin.isPending}>
              {again ? "Authorize again" : "Authorize"}
            </Button>
          </div>
        </>
      )}
    </form>
  );
}
