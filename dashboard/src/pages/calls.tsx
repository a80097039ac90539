/** Calls on record: how many, how long, and each by itself; of all servers, or of one. */
import { useState } from "react";
import { useServers, useUsers } from "../api/queries";
import { inertLine } from "../lib/inert";
import { spans } from "../lib/spans";
import { Choices } from "../ui/button";
import { PageHead } from "../ui/card";
import { Input, Select } from "../ui/field";
import { useSettled } from "../ui/settled";
import type { Filter } from "./calls/filter";
import { Past } from "./calls/past";
import { Recorded } from "./calls/recorded";

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
  const asked = { ...filter, toolName: useSettled(filter.toolName.trim()) };
  return (
    <>
      <div className="row filters">
        {!of && <ServerOf value={filter.serverId} onChange={(serverId) => set("serverId", serverId)} />}
        <Input label="Tool" placeholder="All" value={filter.toolName} onChange={(event) => set("toolName", event.target.value)} />
        <Callers value={filter.userId} onChange={(userId) => set("userId", userId)} />
        <Choices label="Which calls" value={filter.success} onChange={(success) => set("success", success)}
          options={[["", "All"], ["true", "Answered"], ["false", "Failed"]]} />
        <Choices label="Time shown" value={filter.span} options={spans} onChange={(span) => set("span", span)} />
      </div>
      <Past filter={asked} />
      <Recorded filter={asked} withServer={!of} />
    </>
  );
}

interface Chosen {
  value: string;
  onChange: (id: string) => void;
}

function ServerOf({ value, onChange }: Chosen) {
  const servers = useServers().data ?? [];
  return (
    <Select label="Server" value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">All</option>
      {servers.map((server) => <option key={server.id} value={server.id}>{inertLine(server.name, 80)}</option>)}
    </Select>
  );
}

/** Accounts are listed for those who manage them only. */
function Callers({ value, onChange }: Chosen) {
  const users = useUsers();
  if (!users.data || users.data.length < 2) return null;
  return (
    <Select label="Caller" value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">All</option>
      {users.data.map((user) => <option key={user.id} value={user.id}>{inertLine(`${user.name} <${user.email}>`, 80)}</option>)}
    </Select>
  );
}
