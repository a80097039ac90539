/** Verification of the audit log's hash chain. */
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { api, query as queryString } from "../../api/client";
import type { AuditVerification } from "../../api/types";
import { plural } from "../../lib/format";
import { Button, Copyable } from "../../ui/button";
import { Loaded, Note } from "../../ui/card";
import { Input } from "../../ui/field";
import { Moment, Text } from "../../ui/text";

/** Verified once, then on request only: each verification reads the complete log. */
export function Chain() {
  const [anchor, setAnchor] = useState("");
  const [requested, setRequested] = useState("");
  const chain = useQuery({
    queryKey: ["audit-chain", requested],
    queryFn: ({ signal }) =>
      api.get<AuditVerification>(`/api/audit/verify${queryString({ anchor: requested })}`, signal),
    staleTime: Infinity,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (anchor.trim() === requested) void chain.refetch();
    else setRequested(anchor.trim());
  };
  return (
    <Loaded query={chain}>
      {(verdict) => (
        <Note tone={verdict.verified ? "ok" : "bad"}>
          <VerificationText verdict={verdict} anchored={!!requested} />
          <details className="small">
            <summary>Verify again</summary>
            <form className="stack" onSubmit={submit}>
              {verdict.head && (
                <>
                  <p>Keep this head outside Ostler: verifying with it later detects a truncated or rebuilt log.</p>
                  <Copyable label="Head" text={verdict.head} />
                </>
              )}
              <Input
                label="Earlier head"
                className="mono"
                value={anchor}
                pattern="[0-9]+:([0-9a-f]{8}\.)?[0-9a-f]{64}"
                hint="Optional."
                onChange={(event) => setAnchor(event.target.value)}
              />
              <div>
                <Button type="submit" busy={chain.isFetching}>
                  Verify
                </Button>
              </div>
            </form>
          </details>
        </Note>
      )}
    </Loaded>
  );
}

const faults: Record<NonNullable<AuditVerification["problem"]>, string> = {
  changed: "the entry or its link was modified",
  missing: "the entry or the link before it is missing",
  unlinked: "the entry was not inserted by Ostler",
  unkeyed: "the entry was linked without the key, by another program or an older Ostler",
  key: "the entry was linked with a different secret key",
  anchor: "the chain does not contain the earlier head",
  cut: "the newest entry is missing: the log was truncated, or the database is an older copy or a different one",
};

function VerificationText({
  verdict: { verified, entries, unkeyed, removed, removedByRetention, removedUntil, firstBroken, problem },
  anchored,
}: {
  verdict: AuditVerification;
  anchored: boolean;
}) {
  return (
    <>
      {verified ? (
        <p>
          Verified: {plural(entries, "entry", "entries")}, none modified, removed or inserted
          {anchored && "; the chain contains the earlier head"}.
        </p>
      ) : (
        <p>
          Verification failed: {problem && faults[problem]} (<code><Text line>{firstBroken ?? ""}</Text></code>).
        </p>
      )}
      {removed > 0 && (
        <p className="small muted">
          {plural(removed, "older entry", "older entries")} removed,{" "}
          {removedByRetention === removed ? "all" : removedByRetention} by retention
          {removedUntil && <>, the newest from <Moment at={removedUntil} /></>}.
        </p>
      )}
      {unkeyed > 0 && (
        <p className="small muted">{plural(unkeyed, "entry", "entries")} from before the chain had a key.</p>
      )}
    </>
  );
}
