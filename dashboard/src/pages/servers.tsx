/** Servers. */
import { PageHead } from "../ui/card";

export function Servers(_: { params: Record<string, string> }) {
  return <PageHead title="Servers" />;
}
