/** The properties of the tabs of a server. */
import type { ServerDetails } from "../../api/types";

export interface TabProps {
  details: ServerDetails;
  /** The ETag of the revision in `details`. */
  etag: string;
}
