/** The error boundary of pages: when one fails, the navigation stays usable. */
import { Component, type ReactNode } from "react";
import { Button } from "./button";
import { Note } from "./card";
import { Text } from "./text";

interface Props {
  /** The current path: another one resets the error. */
  path: string;
  children: ReactNode;
}

export class Boundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidUpdate(before: Props): void {
    if (this.state.error && before.path !== this.props.path) this.setState({ error: null });
  }

  override render(): ReactNode {
    if (!this.state.error) return this.props.children;
    return (
      <main className="page" id="content">
        <Note tone="bad">
          <p className="strong">This page failed.</p>
          <p><Text>{this.state.error.message}</Text></p>
        </Note>
        <div className="row">
          <Button onClick={() => this.setState({ error: null })}>Try again</Button>
          <Button onClick={() => location.reload()}>Reload</Button>
        </div>
      </main>
    );
  }
}
