/** The resources of a server, and their contents. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { request, requestAll } from "../../api/mcp";
import { bytes, plural } from "../../lib/format";
import { Button } from "../../ui/button";
import { Card, Empty, Loaded } from "../../ui/card";
import { Code, Text } from "../../ui/text";
import type { TabProps } from "./tab";

interface Resource {
  uri?: string;
  uriTemplate?: string;
  name?: string;
  title?: string;
  description?: string;
  mimeType?: string;
  size?: number;
}

interface Contents {
  contents: { uri: string; mimeType?: string; text?: string; blob?: string }[];
}

export function Resources({ details: { server } }: TabProps) {
  const resources = useQuery({
    queryKey: ["resources", server.id],
    queryFn: async ({ signal }) => {
      const fixed = await requestAll<Resource>(server.id, "resources/list", "resources", { signal });
      const templates = await requestAll<Resource>(server.id, "resources/templates/list", "resourceTemplates", {
        signal,
      });
      return [...fixed, ...templates];
    },
  });
  return (
    <Loaded query={resources}>
      {(items) => (
        <Card title={plural(items.length, "resource")} flush>
          {items.length ? (
            <ul className="list">
              {items.map((resource, index) => (
                <Item
                  key={`${resource.uri ?? resource.uriTemplate}/${index}`}
                  resource={resource}
                  serverId={server.id}
                />
              ))}
            </ul>
          ) : (
            <Empty title="No resources" />
          )}
        </Card>
      )}
    </Loaded>
  );
}

function Item({ resource, serverId }: { resource: Resource; serverId: string }) {
  const [open, setOpen] = useState(false);
  const { name, title, uri, uriTemplate } = resource;
  const address = uri ?? uriTemplate ?? "";
  return (
    <li>
      <div className="row">
        <div className="grow">
          <div className="row">
            <span className="strong"><Text line>{title ?? name ?? address}</Text></span>
            {resource.mimeType && <span className="tag"><Text line>{resource.mimeType}</Text></span>}
            {resource.size !== undefined && <span className="tag">{bytes(resource.size)}</span>}
            {uriTemplate && <span className="tag">template</span>}
          </div>
          <div className="small mono muted break"><Text line>{address}</Text></div>
          {resource.description && <p className="small muted break"><Text>{resource.description}</Text></p>}
        </div>
        {uri !== undefined && (
          <Button aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Close" : "Read"}
          </Button>
        )}
      </div>
      {open && uri !== undefined && <Contents serverId={serverId} uri={uri} />}
    </li>
  );
}

function Contents({ serverId, uri }: { serverId: string; uri: string }) {
  const contents = useQuery({
    queryKey: ["resource", serverId, uri],
    queryFn: ({ signal }) => request<Contents>(serverId, "resources/read", { uri }, { signal }),
  });
  return (
    <Loaded query={contents}>
      {(data) => (
        <>
          {data.contents.map((part, index) => (
            <Code key={index} label={`Content of ${uri}`}>
              {part.text ?? `${bytes(((part.blob?.length ?? 0) * 3) / 4)} of ${part.mimeType ?? "binary data"}`}
            </Code>
          ))}
        </>
      )}
    </Loaded>
  );
}
