/** The audit log, with filters. */
import { keys, usePages } from "../api/queries";
import type { AuditEntry } from "../api/types";
import { spans, type Span } from "../lib/spans";
import { Choices } from "../ui/button";
import { Card, Empty, Paged, PageHead } from "../ui/card";
import { Input } from "../ui/field";
import { useAddressState } from "../ui/address";
import { Badge, type Tone } from "../ui/state";
import { Moment, Text } from "../ui/text";
import { Chain } from "./audit/chain";

const outcomes: Record<AuditEntry["outcome"], [Tone, string]> = {
  success: ["ok", "Success"], failure: ["warn", "Failure"], denied: ["bad", "Denied"],
};

const choices = [["", "All"], ["success", "Success"], ["failure", "Failure"], ["denied", "Denied"]] as const;
const noFilter = {
  span: "7d" as Span,
  outcome: "" as AuditEntry["outcome"] | "",
  actor: "",
  action: "",
  target: "",
  credential: "",
};

export function Audit() {
  const [fields, set, settled] = useAddressState(noFilter, { span: spans, outcome: choices });
  const filter = Object.fromEntries(Object.entries(settled).map(([key, value]) => [key, value.trim()]));
  const { span } = fields;
  const field = (key: keyof typeof fields, label: string, placeholder: string) => (
    <Input
      label={label}
      placeholder={placeholder}
      value={fields[key]}
      onChange={(event) => set({ [key]: event.target.value })}
    />
  );
  const { pages, items } = usePages<AuditEntry>(keys.audit, "/api/audit", { ...filter, span });
  return (
    <>
      <PageHead title="Audit">
        <Choices label="Time range" value={span} options={spans} onChange={(span) => set({ span })} />
      </PageHead>
      <Chain />
      <div className="row filters">
        {field("actor", "Actor", "e-mail address or ID")}
        {field("action", "Action", "server.create")}
        {field("target", "Target", "ID or name")}
        {field("credential", "Credential", "key:…, session:…, oauth")}
        <Choices label="Outcome" value={fields.outcome} options={choices} onChange={(outcome) => set({ outcome })} />
      </div>
      <Card flush>
        <Paged pages={pages} none={<Empty title="No entries">Filters match exact values.</Empty>}>
          {items.length > 0 && <Rows items={items} />}
        </Paged>
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
            <th scope="col">Time</th>
            <th scope="col">Actor</th>
            <th scope="col">Action</th>
            <th scope="col">Target</th>
            <th scope="col">Outcome</th>
            <th scope="col" className="wide-only">IP address</th>
          </tr>
        </thead>
        <tbody>
          {items.map((entry) => {
            const [tone, word] = outcomes[entry.outcome];
            return (
              <tr key={entry.id}>
                <td className="nowrap"><Moment at={entry.createdAt} /></td>
                <td>
                  <Text line most={80}>
                    {entry.actor}
                  </Text>
                  {entry.credential && entry.credential !== entry.actor && (
                    <div className="mono tiny muted">
                      <Text line most={50}>
                        {entry.credential}
                      </Text>
                    </div>
                  )}
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
