/** The time ranges of lists and charts. */

export type Span = "1h" | "24h" | "7d" | "30d";

export const spans = [["1h", "1 h"], ["24h", "24 h"], ["7d", "7 d"], ["30d", "30 d"]] as const;

const hours: Record<Span, number> = { "1h": 1, "24h": 24, "7d": 168, "30d": 720 };

/** The beginning of a span, rounded to the minute, so that the key of a query stays equal for that long. */
export function spanStart(span: Span): string {
  return new Date(Math.floor(Date.now() / 60_000) * 60_000 - hours[span] * 3_600_000).toISOString();
}
