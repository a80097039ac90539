/** Overview. */
import { PageHead } from "../ui/card";

export function Overview(_: { params: Record<string, string> }) {
  return <PageHead title="Overview" />;
}
