/** Changing a server: what would be different is shown before it is. */
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState, type FormEvent } from "react";
import { api, ApiError } from "../../api/client";
import { keys, useMay } from "../../api/queries";
import type { Server } from "../../api/types";
import { bodyOf, changed, differences, draftOf, type Difference } from "../../lib/draft";
import { plural } from "../../lib/format";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Card, Failed, Note } from "../../ui/card";
import { Dialog } from "../../ui/dialog";
import { Text } from "../../ui/text";
import { ServerForm } from "../server-form";
import type { TabProps } from "./tab";

export function Configuration({ details: { server }, etag }: TabProps) {
  const may = useMay();
  const client = useQueryClient();
  // The revision that is being edited stays what it was when somebody began, whatever happens meanwhile.
  const [base, setBase] = useState({ server, etag });
  const [draft, setDraft] = useState(() => draftOf(server));
  const [asked, setAsked] = useState(false);
  const body = useMemo(() => bodyOf(draft, base.server.tools.descriptions), [draft, base]);
  const differs = useMemo(() => differences(base.server, body), [base, body]);

  const begin = (from: Server, tag: string) => {
    setBase({ server: from, etag: tag });
    setDraft(draftOf(from));
    setAsked(false);
  };
  const save = useAction(
    () => api.put<Server>(`/api/mcp/${server.id}`, changed(base.server, body), { "if-match": base.etag }),
    {
      quiet: true,
      done: "The configuration was changed",
      onDone: async () => {
        setAsked(false);
        await client.invalidateQueries({ queryKey: keys.server(server.id) });
        const fresh = client.getQueryData<{ details: { server: Server }; etag: string }>(keys.server(server.id));
        if (fresh) begin(fresh.details.server, fresh.etag);
      },
      refresh: [keys.servers, keys.tools(server.id)],
    },
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.reset();
    setAsked(true);
  };
  const isStale = base.etag !== etag;
  const lost = save.error instanceof ApiError && save.error.status === 412;
  return (
    <Card>
      <form className="form" onSubmit={submit}>
        {isStale && (
          <Note tone="warn">
            Somebody changed it meanwhile.{" "}
            <button type="button" className="linkish" onClick={() => begin(server, etag)}>Begin again from how it is now</button>
          </Note>
        )}
        <fieldset className="form" disabled={!may("mcp:write")}>
          <ServerForm draft={draft} onChange={setDraft} error={save.error} />
        </fieldset>
        {save.isError && !asked && !lost && <Failed error={save.error} />}
        {may("mcp:write") && (
          <div className="row">
            <Button type="submit" look="primary" disabled={!differs.length}>
              {differs.length ? `Look at ${plural(differs.length, "change")}` : "Nothing changed"}
            </Button>
            {differs.length > 0 && <Button look="quiet" onClick={() => begin(base.server, base.etag)}>Undo all</Button>}
          </div>
        )}
      </form>
      {asked && (
        <Dialog title="What will change" wide onClose={() => setAsked(false)}>
          <div className="stack">
            {differs.map((difference) => <Changed key={difference.field} difference={difference} />)}
            <p className="small muted">A running server is replaced without losing a call.</p>
            {save.isError && <Failed error={save.error} />}
          </div>
          <div className="dialog-foot">
            <Button onClick={() => setAsked(false)}>Go on editing</Button>
            <Button look="primary" busy={save.isPending} onClick={() => save.mutate()}>Save</Button>
          </div>
        </Dialog>
      )}
    </Card>
  );
}

/** A field's lines, those that go and those that come marked in words too. */
function Changed({ difference: { field, was, becomes } }: { difference: Difference }) {
  return (
    <section>
      <h3>{field}</h3>
      <ul className="difference">
        {was.filter((line) => !becomes.includes(line)).map((line, index) => (
          <li key={`-${index}`} className="goes"><span className="unseen">goes: </span><Text>{line}</Text></li>
        ))}
        {becomes.map((line, index) =>
          was.includes(line) ? (
            <li key={`=${index}`}><Text>{line}</Text></li>
          ) : (
            <li key={`+${index}`} className="comes"><span className="unseen">comes: </span><Text>{line}</Text></li>
          ),
        )}
        {!becomes.length && !was.length && <li className="muted">empty</li>}
      </ul>
    </section>
  );
}
