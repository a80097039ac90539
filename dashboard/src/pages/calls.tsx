/** Recorded calls in charts and as a list, of all servers or of one. */
import { useServers, useUsers } from "../api/queries";
import { inertLine } from "../lib/inert";
import { spans } from "../lib/spans";
import { Choices } from "../ui/button";
import { PageHead } from "../ui/card";
import { Input, Select } from "../ui/field";
import { useAddressState } from "../ui/address";
import type { Filter } from "./calls/filter";
import { CallCharts } from "./calls/charts";
import { CallList } from "./calls/list";

export function CallsPage() {
  return (
    <>
      <PageHead title="Calls" />
      <Calls />
    </>
  );
}

const outcomes = [["", "All"], ["true", "Succeeded"], ["false", "Failed"]] as const;

export function Calls({ of = "" }: { of?: string }) {
  const [filter, set, settled] = useAddressState<Filter>(
    { span: "24h", serverId: of, toolName: "", success: "", userId: "" },
    { span: spans, success: outcomes },
  );
  const wanted = { ...filter, toolName: settled.toolName.trim() };
  return (
    <>
      <div className="row filters">
        {!of && <ServerOf value={filter.serverId} onChange={(serverId) => set({ serverId })} />}
        <Input
          label="Tool"
          placeholder="All"
          value={filter.toolName}
          onChange={(event) => set({ toolName: event.target.value })}
        />
        <Callers value={filter.userId} onChange={(userId) => set({ userId })} />
        <Choices label="Outcome" value={filter.success} options={outcomes}
          onChange={(success) => set({ success })} />
        <Choices label="Time range" value={filter.span} options={spans} onChange={(span) => set({ span })} />
      </div>
      <CallCharts filter={wanted} />
      <CallList filter={wanted} withServer={!of} />
    </>
  );
}

interface FilterProps {
  value: string;
  onChange: (id: string) => void;
}

function ServerOf({ value, onChange }: FilterProps) {
  const servers = useServers().data ?? [];
  return (
    <Select label="Server" value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">All</option>
      {servers.map((server) => <option key={server.id} value={server.id}>{inertLine(server.name, 80)}</option>)}
    </Select>
  );
}

/** The API lists accounts only for callers who manage them. */
function Callers({ value, onChange }: FilterProps) {
  const users = useUsers();
  if (!users.data || users.data.length < 2) return null;
  return (
    <Select label="Caller" value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">All</option>
      {users.data.map((user) => (
        <option key={user.id} value={user.id}>
          {inertLine(`${user.name} <${user.email}>`, 80)}
        </option>
      ))}
    </Select>
  );
}
