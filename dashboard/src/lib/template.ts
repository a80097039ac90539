/** A template made of a server: its secrets become questions. */
import type { Server } from "../api/types";
import { bodyOf, draftOf } from "./draft";

/** The text of a template that one begins with. */
export const firstTemplate = {
  name: "files",
  description: "The files of a team",
  shared: false,
  parameters: { team: { description: "Name of the team's folder", isRequired: true } },
  server: {
    name: "Files of {team}",
    command: "npx",
    args: ["-y", "@modelcontextprotocol/server-filesystem", "/srv/{team}"],
  },
};

/** Masked values, and references to secrets that only their owner has. */
const isSecret = (value: string) => value === "***" || value.startsWith("${secret:");

export function templateOf(server: Server) {
  const parameters: Record<string, { isRequired: true; isSecret: true }> = {};
  const asked = (values: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => {
        if (!isSecret(value)) return [name, value];
        parameters[name] = { isRequired: true, isSecret: true };
        return [name, `{${name}}`];
      }),
    );
  const { enabled: _, ...body } = bodyOf(draftOf(server));
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  for (const field of ["env", "headers"]) {
    if (given[field]) given[field] = asked(given[field] as Record<string, string>);
  }
  const oauth = given["oauth"] as { clientSecret?: string } | undefined;
  if (oauth?.clientSecret) given["oauth"] = { ...oauth, ...asked({ clientSecret: oauth.clientSecret }) };
  return { name: server.name, description: server.description ?? "", shared: false, parameters, server: given };
}
