/** Who else may use a server. */
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { api } from "../../api/client";
import { useOwns, useUsers } from "../../api/queries";
import type { List, Permission, Share, User } from "../../api/types";
import { inertLine } from "../../lib/inert";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Card, Empty, Failed, Loaded } from "../../ui/card";
import { Input, Select } from "../../ui/field";
import { Text } from "../../ui/text";
import type { TabProps } from "./tab";

const rights: [Permission, string, string][] = [
  ["mcp:read", "read it", "everybody's calls, output and timeline, how it is run"],
  ["mcp:execute", "call its tools", "shows the tools, and of the calls their own"],
  ["mcp:write", "change it", "shows how it is run, no calls and no output"],
];

export function Shares({ details: { server } }: TabProps) {
  const owns = useOwns(server);
  const key = ["shares", server.id];
  const shares = useQuery({ queryKey: key, queryFn: ({ signal }) => api.get<List<Share>>(`/api/mcp/${server.id}/shares`, signal) });
  const users = useUsers();
  const end = useAction((userId: string) => api.delete(`/api/mcp/${server.id}/shares/${userId}`), { refresh: [key], done: "The share has ended" });
  const name = (id: string) => {
    const user = users.data?.find((one) => one.id === id);
    return user ? `${user.name} <${user.email}>` : id;
  };
  return (
    <div className="columns">
      <Card title="Shared with" flush>
        <Loaded query={shares}>
          {({ items }) =>
            items.length ? (
              <ul className="list">
                {items.map((share) => (
                  <li key={share.userId} className="row">
                    <div className="grow">
                      <div className="cut"><Text line>{name(share.userId)}</Text></div>
                      <div className="small muted">may {rights.filter(([right]) => share.permissions.includes(right)).map(([, word]) => word).join(", ")}</div>
                    </div>
                    {owns && <Button icon="close" look="quiet" label={`End the share with ${name(share.userId)}`} busy={end.isPending} onClick={() => end.mutate(share.userId)} />}
                  </li>
                ))}
              </ul>
            ) : (
              <Empty title="Nobody else">Its owner and those who manage all servers may use it.</Empty>
            )
          }
        </Loaded>
      </Card>
      {owns && <NewShare serverId={server.id} owner={server.userId} users={users.data} refresh={key} />}
    </div>
  );
}

function NewShare({ serverId, owner, users, refresh }: { serverId: string; owner: string; users: User[] | undefined; refresh: string[] }) {
  const [userId, setUserId] = useState("");
  const [chosen, setChosen] = useState<Permission[]>(["mcp:read", "mcp:execute"]);
  const share = useAction(() => api.post(`/api/mcp/${serverId}/shares`, { userId: userId.trim(), permissions: chosen }), {
    refresh: [refresh],
    done: "It is shared",
    onDone: () => setUserId(""),
    quiet: true,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    share.mutate();
  };
  return (
    <Card title="Share it">
      <form className="stack" onSubmit={submit}>
        {users ? (
          <Select label="With" required value={userId} onChange={(event) => setUserId(event.target.value)}>
            <option value="">Choose an account</option>
            {users.filter((user) => user.id !== owner && !user.disabled).map((user) => (
              <option key={user.id} value={user.id}>{inertLine(`${user.name} <${user.email}>`, 120)}</option>
            ))}
          </Select>
        ) : (
          <Input label="With" required value={userId} hint="The id of an account; its owner sees it by a click on the name below the pages." onChange={(event) => setUserId(event.target.value)} />
        )}
        <fieldset className="stack">
          <legend>Who may</legend>
          {rights.map(([right, word, shows]) => (
            <label key={right} className="check">
              <input
                type="checkbox"
                checked={chosen.includes(right)}
                onChange={() => setChosen(chosen.includes(right) ? chosen.filter((one) => one !== right) : [...chosen, right])}
              />
              <span>{word} <span className="muted">{shows}</span></span>
            </label>
          ))}
        </fieldset>
        {share.isError && <Failed error={share.error} />}
        <div><Button type="submit" look="primary" busy={share.isPending} disabled={!userId || !chosen.length}>Share</Button></div>
      </form>
    </Card>
  );
}
