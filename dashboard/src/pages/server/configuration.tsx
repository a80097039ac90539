/** The configuration of a server: edited, reviewed as a difference, saved. */
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState, type FormEvent } from "react";
import { api, ApiError } from "../../api/client";
import { keys, useMay } from "../../api/queries";
import type { Server } from "../../api/types";
import { bodyOf, changesOf, differences, draftOf, type Difference } from "../../lib/draft";
import { plural } from "../../lib/format";
import { to } from "../../lib/links";
import { useAction } from "../../ui/action";
import { Button, ButtonLink } from "../../ui/button";
import { Card, Failed, Note } from "../../ui/card";
import { Dialog } from "../../ui/dialog";
import { Text } from "../../ui/text";
import { ServerForm } from "../server-form";
import type { TabProps } from "./tab";

export function Configuration({ details: { server }, etag }: TabProps) {
  const may = useMay();
  const client = useQueryClient();
  // The revision that is edited stays the one that was read first, although events refresh `server` meanwhile.
  const [base, setBase] = useState({ server, etag });
  const [draft, setDraft] = useState(() => draftOf(server));
  const [reviewing, setReviewing] = useState(false);
  const body = useMemo(() => bodyOf(draft), [draft]);
  const differs = useMemo(() => differences(base.server, body), [base, body]);

  const edit = (from: Server, tag: string) => {
    setBase({ server: from, etag: tag });
    setDraft(draftOf(from));
    setReviewing(false);
  };
  const save = useAction(
    () => api.put<Server>(`/api/mcp/${server.id}`, changesOf(base.server, body), { "if-match": base.etag }),
    {
      quiet: true,
      done: "Configuration saved",
      onDone: async () => {
        setReviewing(false);
        await client.invalidateQueries({ queryKey: keys.server(server.id) });
        const fresh = client.getQueryData<{ details: { server: Server }; etag: string }>(keys.server(server.id));
        if (fresh) edit(fresh.details.server, fresh.etag);
      },
      refresh: [keys.servers, keys.tools(server.id)],
    },
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.reset();
    setReviewing(true);
  };
  const isStale = base.etag !== etag;
  const hasConflict = save.error instanceof ApiError && save.error.status === 412;
  return (
    <Card>
      <form className="form" onSubmit={submit}>
        {isStale && (
          <Note tone="warn">
            The configuration has changed in the meantime.{" "}
            <button type="button" className="linkish" onClick={() => edit(server, etag)}>
              Discard my changes and load it
            </button>
          </Note>
        )}
        <fieldset className="form" disabled={!may("mcp:write")}>
          <ServerForm draft={draft} onChange={setDraft} error={save.error} />
        </fieldset>
        {save.isError && !reviewing && !hasConflict && <Failed error={save.error} />}
        {may("mcp:write") && (
          <div className="row">
            <Button type="submit" look="primary" disabled={!differs.length}>
              {differs.length ? `Review ${plural(differs.length, "change")}` : "No changes"}
            </Button>
            {differs.length > 0 && (
              <Button look="quiet" onClick={() => edit(base.server, base.etag)}>
                Discard changes
              </Button>
            )}
            <ButtonLink to={to.newServer("template", `from-${server.id}`)} look="quiet">Save as template</ButtonLink>
          </div>
        )}
      </form>
      {reviewing && (
        <Dialog title="Review changes" wide onClose={() => setReviewing(false)}>
          <div className="stack">
            {differs.map((difference) => <DifferenceView key={difference.field} difference={difference} />)}
            <p className="small muted">A running server is replaced without losing calls.</p>
            {save.isError && <Failed error={save.error} />}
          </div>
          <div className="dialog-foot">
            <Button onClick={() => setReviewing(false)}>Keep editing</Button>
            <Button look="primary" busy={save.isPending} onClick={() => save.mutate()}>Save</Button>
          </div>
        </Dialog>
      )}
    </Card>
  );
}

/** The lines of a field; removed and added ones are marked in words as well as by colour. */
function DifferenceView({ difference: { field, before, after } }: { difference: Difference }) {
  return (
    <section>
      <h3>{field}</h3>
      <ul className="difference">
        {before.filter((line) => !after.includes(line)).map((line, index) => (
          <li key={`-${index}`} className="goes"><span className="unseen">removed: </span><Text>{line}</Text></li>
        ))}
        {after.map((line, index) =>
          before.includes(line) ? (
            <li key={`=${index}`}><Text>{line}</Text></li>
          ) : (
            <li key={`+${index}`} className="comes"><span className="unseen">added: </span><Text>{line}</Text></li>
          ),
        )}
        {!after.length && !before.length && <li className="muted">empty</li>}
      </ul>
    </section>
  );
}
