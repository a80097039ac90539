/** The audit log: who did what to what, and how it went. */
import { useState } from "react";
import { keys, usePages } from "../api/queries";
import type { AuditEntry } from "../api/types";
import { spans, type Span } from "../lib/spans";
import { Choices } from "../ui/button";
import { Card, Empty, Paged, PageHead } from "../ui/card";
import { Input } from "../ui/field";
import { useSettled } from "../ui/settled";
import { Badge, type Tone } from "../ui/state";
import { Moment, Text } from "../ui/text";
import { Chain } from "./audit/chain";

const outcomes: Record<AuditEntry["outcome"], [Tone, string]> = {
  success: ["ok", "Done"], failure: ["warn", "Failed"], denied: ["bad", "Denied"],
};

export function Audit() {
  const [span, setSpan] = useState<Span>("7d");
  const [words, setWords] = useState({ actor: "", action: "", target: "", credential: "" });
  const settled = useSettled(words);
  const filter = Object.fromEntries(Object.entries(settled).map(([key, value]) => [key, value.trim()]));
  const field = (key: keyof typeof words, label: string, placeholder: string) => (
    <Input label={label} placeholder={placeholder} value={words[key]} onChange={(event) => setWords({ ...words, [key]: event.target.value })} />
  );
  const { pages, items } = usePages<AuditEntry>(keys.audit, "/api/audit", { ...filter, span });
  return (
    <>
      <PageHead title="Audit">
        <Choices label="Time shown" value={span} options={spans} onChange={setSpan} />
      </PageHead>
      <Chain />
      <div className="row filters">
        {field("actor", "Who", "address or id")}
        {field("action", "What", "server.create")}
        {field("target", "To what", "id or name")}
        {field("credential", "With what", "key:…, session:…, oauth")}
      </div>
      <Card flush>
        <Paged pages={pages} none={<Empty title="Nothing on record">Filters want the whole word.</Empty>}>{items.length > 0 && <Rows items={items} />}</Paged>
      </Card>
    </>
  );
}

function Rows({ items }: { items: AuditEntry[] }) {
  return (
    <div className="table-wrap" tabIndex={0} role="region" aria-label="The audit log">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">What</th>
            <th scope="col">To what</th>
            <th scope="col">How it went</th>
            <th scope="col" className="wide-only">From</th>
          </tr>
        </thead>
        <tbody>
          {items.map((entry) => {
            const [tone, word] = outcomes[entry.outcome];
            return (
              <tr key={entry.id}>
                <td className="nowrap"><Moment at={entry.createdAt} /></td>
                <td>
                  <Text line most={80}>{entry.actor}</Text>
                  {entry.credential && entry.credential !== entry.actor && <div className="mono tiny muted"><Text line most={50}>{entry.credential}</Text></div>}
                </td>
                <td className="mono small nowrap"><Text line most={80}>{entry.action}</Text></td>
                <td className="small wordy">
                  {entry.detail && <div><Text line most={120}>{entry.detail}</Text></div>}
                  {entry.target && <div className="mono tiny muted"><Text line most={80}>{entry.target}</Text></div>}
                </td>
                <td><Badge tone={tone}>{word}</Badge></td>
                <td className="mono tiny wide-only">{entry.address}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
