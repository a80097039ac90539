/** NewServer. */
import { PageHead } from "../ui/card";

export function NewServer(_: { params: Record<string, string> }) {
  return <PageHead title="NewServer" />;
}
