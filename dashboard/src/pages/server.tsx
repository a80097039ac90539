/** ServerPage. */
import { PageHead } from "../ui/card";

export function ServerPage(_: { params: Record<string, string> }) {
  return <PageHead title="ServerPage" />;
}
