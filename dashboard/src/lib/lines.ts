/** The last lines of something that may write ten thousand a second: shown ten times a second at most. */
import type { OutputLine } from "../api/types";

const MOST = 10_000;
const PAUSE = 100;

export class LineBuffer {
  private lines: OutputLine[] = [];
  private shown: readonly OutputLine[] = [];
  private listeners = new Set<() => void>();
  private timer: number | undefined;

  add(lines: OutputLine[]): void {
    const last = this.lines.at(-1)?.seq ?? -1;
    for (const line of lines) if (line.seq > last) this.lines.push(line);
    // Cut seldom, so that not every batch moves ten thousand lines.
    if (this.lines.length > MOST * 1.5) this.lines = this.lines.slice(-MOST);
    this.timer ??= window.setTimeout(this.show, PAUSE);
  }

  get = (): readonly OutputLine[] => this.shown;

  watch = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  close(): void {
    clearTimeout(this.timer);
  }

  private show = (): void => {
    this.timer = undefined;
    this.shown = this.lines.slice(-MOST);
    this.listeners.forEach((listener) => listener());
  };
}
