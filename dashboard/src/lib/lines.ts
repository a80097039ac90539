/** A buffer of the last lines of a stream that may have ten thousand a second; published ten times a second at most. */
import type { OutputLine } from "../api/types";

const LINES_MAX = 10_000;
/** Lines may be long, so their characters are limited as well. */
const CHARACTERS_MAX = 20_000_000;
const PUBLISH_INTERVAL_MS = 100;

export class LineBuffer {
  private lines: OutputLine[] = [];
  private shown: readonly OutputLine[] = [];
  private listeners = new Set<() => void>();
  private text = 0;
  private timer: number | undefined;

  add(lines: OutputLine[]): void {
    const last = this.lines.at(-1)?.seq ?? -1;
    for (const line of lines) {
      if (line.seq <= last) continue;
      this.lines.push(line);
      this.text += line.line.length;
    }
    // Cut seldom, so that not every batch moves ten thousand lines.
    if (this.lines.length > LINES_MAX * 1.5 || this.text > CHARACTERS_MAX * 1.5) this.cut();
    this.timer ??= window.setTimeout(this.show, PUBLISH_INTERVAL_MS);
  }

  get = (): readonly OutputLine[] => this.shown;

  watch = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  close(): void {
    clearTimeout(this.timer);
  }

  private cut(): void {
    let from = this.lines.length;
    this.text = 0;
    while (from > Math.max(0, this.lines.length - LINES_MAX) && this.text < CHARACTERS_MAX)
      this.text += this.lines[--from]!.line.length;
    this.lines = this.lines.slice(from);
  }

  private show = (): void => {
    this.timer = undefined;
    this.shown = this.lines.slice(-LINES_MAX);
    this.listeners.forEach((listener) => listener());
  };
}
