/** The prompts of a server. */
import { useQuery } from "@tanstack/react-query";
import { requestAll } from "../../api/mcp";
import { plural } from "../../lib/format";
import { Card, Empty, Loaded } from "../../ui/card";
import { Text } from "../../ui/text";
import type { TabProps } from "./tab";

interface Prompt {
  name: string;
  title?: string;
  description?: string;
  arguments?: { name: string; description?: string; required?: boolean }[];
}

export function Prompts({ details: { server } }: TabProps) {
  const prompts = useQuery({
    queryKey: ["prompts", server.id],
    queryFn: ({ signal }) => requestAll<Prompt>(server.id, "prompts/list", "prompts", { signal }),
  });
  return (
    <Loaded query={prompts}>
      {(items) => (
        <Card title={plural(items.length, "prompt")} flush>
          {items.length ? (
            <ul className="list">
              {items.map((prompt) => (
                <li key={prompt.name}>
                  <div className="row">
                    <span className="strong mono"><Text line>{prompt.name}</Text></span>
                    {prompt.title && <span><Text line>{prompt.title}</Text></span>}
                  </div>
                  {prompt.description && <p className="small muted break"><Text>{prompt.description}</Text></p>}
                  {prompt.arguments?.map((argument) => (
                    <p key={argument.name} className="small">
                      <code>
                        <Text line>{argument.name}</Text>
                      </code>
                      {argument.required && <span className="muted"> (required)</span>}
                      {argument.description && (
                        <span className="muted">
                          : <Text line>{argument.description}</Text>
                        </span>
                      )}
                    </p>
                  ))}
                </li>
              ))}
            </ul>
          ) : (
            <Empty title="No prompts" />
          )}
        </Card>
      )}
    </Loaded>
  );
}
