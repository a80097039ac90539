/** Whether any line of the audit log was changed after it was written. */
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { api, query as queryString } from "../../api/client";
import type { AuditVerification } from "../../api/types";
import { plural } from "../../lib/format";
import { Button, Copyable } from "../../ui/button";
import { Loaded, Note } from "../../ui/card";
import { Input } from "../../ui/field";
import { Moment, Text } from "../../ui/text";

/** Asked once, and again by hand, since all of it is read for that. */
export function Chain() {
  const [anchor, setAnchor] = useState("");
  const [asked, setAsked] = useState("");
  const chain = useQuery({
    queryKey: ["audit-chain", asked],
    queryFn: ({ signal }) => api.get<AuditVerification>(`/api/audit/verify${queryString({ anchor: asked })}`, signal),
    staleTime: Infinity,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (anchor.trim() === asked) void chain.refetch();
    else setAsked(anchor.trim());
  };
  return (
    <Loaded query={chain}>
      {(verdict) => (
        <Note tone={verdict.verified ? "ok" : "bad"}>
          <Words verdict={verdict} anchored={!!asked} />
          <details className="small">
            <summary>Verify again</summary>
            <form className="stack" onSubmit={submit}>
              {verdict.head && (
                <>
                  <p>Note this head elsewhere: with it, you find out later whether the end was cut off, or all of it made anew.</p>
                  <Copyable label="Head" text={verdict.head} />
                </>
              )}
              <Input label="A head noted earlier" className="mono" value={anchor} pattern="[0-9]+:([0-9a-f]{8}\.)?[0-9a-f]{64}" hint="Not needed." onChange={(event) => setAnchor(event.target.value)} />
              <div><Button type="submit" busy={chain.isFetching}>Verify</Button></div>
            </form>
          </details>
        </Note>
      )}
    </Loaded>
  );
}

const faults: Record<NonNullable<AuditVerification["problem"]>, string> = {
  changed: "it, or its link, is not what was written",
  missing: "it, or the link before it, is gone",
  unlinked: "somebody else put it in",
  unkeyed: "it was linked without the key, by somebody else or by an older Ostler",
  key: "it was linked with another secret key than Ostler has now",
  anchor: "the head that was noted is not there",
  cut: "it was the newest, and is gone: the end was removed, or the database is an older copy or another",
};

function Words({ verdict: { verified, entries, unkeyed, removed, removedByRetention, removedUntil, firstBroken, problem }, anchored }: { verdict: AuditVerification; anchored: boolean }) {
  return (
    <>
      {verified ? (
        <p>The chain holds{anchored && ", and goes through the head that was noted"}: of {plural(entries, "line")}, none was changed, removed or put in.</p>
      ) : (
        <p>
          The log is not as it was written: {problem && faults[problem]} (<code><Text line>{firstBroken ?? ""}</Text></code>).
        </p>
      )}
      {removed > 0 && (
        <p className="small muted">
          {plural(removed, "older line")} {removed === 1 ? "is" : "are"} gone, {removedByRetention === removed ? "all" : removedByRetention} for their age or number
          {removedUntil && <>, the newest of <Moment at={removedUntil} /></>}.
        </p>
      )}
      {unkeyed > 0 && <p className="small muted">{plural(unkeyed, "line")} {unkeyed === 1 ? "is" : "are"} older than the key of the chain.</p>}
    </>
  );
}
