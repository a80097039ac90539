/** A server elsewhere that wants somebody's consent: where to give it, and how to take it back. */
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

export function Consent({ serverId, authorization }: { serverId: string; authorization: Authorization }) {
  const may = useMay()("mcp:write");
  const { wanted, wantedScopes, issuer, scopes, expiresAt, renewable } = authorization;
  const path = `/api/mcp/${serverId}/authorize`;
  const refresh = [keys.server(serverId), keys.servers];
  const forget = useAction(() => api.delete(path), { refresh, done: "The consent is forgotten" });
  const askToForget = async () => {
    const text = <p>Ostler forgets the tokens. At their issuer they hold until they end.</p>;
    if (await confirm({ title: "Take the consent back?", text, yes: "Take it back", danger: true })) forget.mutate();
  };
  return (
    <Card title="Consent" actions={issuer && may && <Button look="compact" busy={forget.isPending} onClick={() => void askToForget()}>Take it back</Button>}>
      <div className="stack">
        {wanted && <Note tone="warn">It wants somebody to consent to its use{wantedScopes.length > 0 && <>: <Text line>{wantedScopes.join(" ")}</Text></>}.</Note>}
        {issuer && (
          <dl className="facts">
            <dt>Given at</dt><dd className="mono small"><Text line>{issuer}</Text></dd>
            <dt>To</dt><dd className="mono small"><Text line>{scopes.join(" ") || "what it gives unasked"}</Text></dd>
            <dt>Ends</dt><dd><Ago at={expiresAt} none="unknown" />{renewable && ", and is renewed then"}</dd>
          </dl>
        )}
        {may && <Give key={`${wanted} ${expiresAt}`} path={path} again={!wanted} />}
      </div>
    </Card>
  );
}

function Give({ path, again }: { path: string; again: boolean }) {
  const [client, setClient] = useState({ clientId: "", clientSecret: "" });
  const find = useAction(
    () => api.post<Consenting>(path, Object.fromEntries(Object.entries(client).filter(([, value]) => value))),
    { quiet: true },
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    find.mutate();
  };
  const to = find.data;
  return (
    <form className="stack" onSubmit={submit}>
      <p className="small muted">Everybody who may use the server here then uses it as whoever consents.</p>
      {find.isError && <Failed error={find.error} />}
      {to && isWebAddress(to.authorizationUrl) ? (
        <>
          <p>
            <a className="button primary" href={to.authorizationUrl} target="_blank" rel="noopener noreferrer">
              Consent at {inertLine(new URL(to.authorizationUrl).host, 80)}
            </a>
          </p>
          <p className="small muted">In a new tab; the offer ends <Ago at={to.expiresAt} />. The server starts once you have consented.</p>
        </>
      ) : (
        <>
          <details className="small">
            <summary>Ostler is registered there by hand</summary>
            <div className="stack">
              <Input label="Client id" value={client.clientId} onChange={(event) => setClient({ ...client, clientId: event.target.value })} />
              <Input label="Client secret" type="password" value={client.clientSecret} onChange={(event) => setClient({ ...client, clientSecret: event.target.value })} />
            </div>
          </details>
          <div><Button type="submit" look={again ? "" : "primary"} busy={find.isPending}>{again ? "Consent anew" : "Find where to consent"}</Button></div>
        </>
      )}
    </form>
  );
}
