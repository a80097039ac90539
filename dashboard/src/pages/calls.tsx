/** Recorded calls in charts and as a list, of all servers or of one. */
import { useState } from "react";
import { useServers, useUsers } from "../api/queries";
import { inertLine } from "../lib/inert";
import { spans } from "../lib/spans";
import { Choices } from "../ui/button";
import { PageHead } from "../ui/card";
import { Input, Select } from "../ui/field";
import { useDebounced } from "../ui/debounced";
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

export function Calls({ of = "" }: { of?: string }) {
  const [filter, setFilter] = useState<Filter>({ span: "24h", serverId: of, toolName: "", success: "", userId: "" });
  const set = <K extends keyof Filter>(key: K, value: Filter[K]) => setFilter({ ...filter, [key]: value });
  const debounced = { ...filter, toolName: useDebounced(filter.toolName.trim()) };
  return (
    <>
      <div className="row filters">
        {!of && <ServerOf value={filter.serverId} onChange={(serverId) => set("serverId", serverId)} />}
        <Input
          label="Tool"
          placeholder="All"
          value={filter.toolName}
          onChange={(event) => set("toolName", event.target.value)}
        />
        <Callers value={filter.userId} onChange={(userId) => set("userId", userId)} />
        <Choices label="Outcome" value={filter.success} onChange={(success) => set("success", success)}
          options={[["", "All"], ["true", "Succeeded"], ["false", "Failed"]]} />
        <Choices label="Time range" value={filter.span} options={spans} onChange={(span) => set("span", span)} />
      </div>
      <CallCharts filter={debounced} />
      <CallList filter={debounced} withServer={!of} />
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
