/** Server-sent events read from a `fetch` answer: unlike `EventSource`, it tells why a stream could not be opened. */

export interface ServerSentEvent {
  event: string;
  data: string;
  id: string | null;
}

/**
 * Calls `take` with every batch of events that arrives together, until the stream ends. The second argument is the id
 * to resume after, which may come without an event.
 */
export async function readEvents(
  response: Response,
  take: (events: ServerSentEvent[], lastId: string | null) => void,
): Promise<void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  const parser = new Parser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    take(parser.feed(decoder.decode(value, { stream: true })), parser.lastId);
  }
}

/** Reads the event-stream format of the HTML standard, piece by piece. */
export class Parser {
  private rest = "";
  private event = "";
  private data: string[] = [];
  private id: string | null = null;
  /** The id of the last block that ended. */
  lastId: string | null = null;

  feed(text: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") this.end(events);
      else this.field(line);
    }
    return events;
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "event") this.event = value;
    else if (name === "data") this.data.push(value);
    else if (name === "id" && !value.includes("\0")) this.id = value;
  }

  private end(events: ServerSentEvent[]): void {
    this.lastId = this.id;
    if (this.data.length) events.push({ event: this.event || "message", data: this.data.join("\n"), id: this.id });
    this.event = "";
    this.data = [];
  }
}
