/** The shares of a server. */
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

const permissions: [Permission, string, string][] = [
  ["mcp:read", "read", "configuration, output, timeline, calls of all users"],
  ["mcp:execute", "call tools", "tools, and their own calls"],
  ["mcp:write", "change", "configuration, but neither output nor calls"],
];

export function Shares({ details: { server } }: TabProps) {
  const owns = useOwns(server);
  const key = ["shares", server.id];
  const shares = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => api.get<List<Share>>(`/api/mcp/${server.id}/shares`, signal),
  });
  const users = useUsers();
  const remove = useAction((userId: string) => api.delete(`/api/mcp/${server.id}/shares/${userId}`), {
    refresh: [key],
    done: "Share removed",
  });
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
                      <div className="cut">
                        <Text line>{name(share.userId)}</Text>
                      </div>
                      <div className="small muted">
                        may{" "}
                        {permissions
                          .filter(([permission]) => share.permissions.includes(permission))
                          .map(([, word]) => word)
                          .join(", ")}
                      </div>
                    </div>
                    {owns && (
                      <Button
                        icon="close"
                        look="quiet"
                        label={`Remove the share with ${name(share.userId)}`}
                        busy={remove.isPending}
                        onClick={() => remove.mutate(share.userId)}
                      />
                    )}
                  </li>
                ))}
              </ul>
            ) : (
              <Empty title="Not shared">Only its owner and users with mcp:manage may use it.</Empty>
            )
          }
        </Loaded>
      </Card>
      {owns && <NewShare serverId={server.id} owner={server.userId} users={users.data} refresh={key} />}
    </div>
  );
}

function NewShare({
  serverId,
  owner,
  users,
  refresh,
}: {
  serverId: string;
  owner: string;
  users: User[] | undefined;
  refresh: string[];
}) {
  const [userId, setUserId] = useState("");
  const [chosen, setChosen] = useState<Permission[]>(["mcp:read", "mcp:execute"]);
  const share = useAction(
    () => api.post(`/api/mcp/${serverId}/shares`, { userId: userId.trim(), permissions: chosen }),
    {
      refresh: [refresh],
      done: "Server shared",
      onDone: () => setUserId(""),
      quiet: true,
    },
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    share.mutate();
  };
  return (
    <Card title="Share this server">
      <form className="stack" onSubmit={submit}>
        {users ? (
          <Select label="With" required value={userId} onChange={(event) => setUserId(event.target.value)}>
            <option value="">Choose an account</option>
            {users.filter((user) => user.id !== owner && !user.disabled).map((user) => (
              <option key={user.id} value={user.id}>{inertLine(`${user.name} <${user.email}>`, 120)}</option>
            ))}
          </Select>
        ) : (
          <Input
            label="With"
            required
            value={userId}
            hint="The ID of an account; its user finds it by clicking their name in the sidebar."
            onChange={(event) => setUserId(event.target.value)}
          />
        )}
        <fieldset className="stack">
          <legend>Permissions</legend>
          {permissions.map(([permission, word, shows]) => (
            <label key={permission} className="check">
              <input
                type="checkbox"
                checked={chosen.includes(permission)}
                onChange={() =>
                  setChosen(
                    chosen.includes(permission) ? chosen.filter((one) => one !== permission) : [...chosen, permission],
                  )
                }
              />
              <span>{word} <span className="muted">{shows}</span></span>
            </label>
          ))}
        </fieldset>
        {share.isError && <Failed error={share.error} />}
        <div>
          <Button type="submit" look="primary" busy={share.isPending} disabled={!userId || !chosen.length}>
            Share
          </Button>
        </div>
      </form>
    </Card>
  );
}
