/** The criteria of the calls that are shown. */
import type { Span } from "../../lib/spans";

export interface Filter {
  span: Span;
  serverId: string;
  toolName: string;
  success: "" | "true" | "false";
  userId: string;
}
