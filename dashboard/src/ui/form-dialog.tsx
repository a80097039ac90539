/** A dialog with a form that saves by one action and shows why that failed. */
import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import type { useAction } from "./action";
import { Button } from "./button";
import { Failed } from "./card";
import { Dialog } from "./dialog";

/** What is wrong with a field of the request's body, by its JSON Pointer. */
export type Fault = (pointer: string) => string | undefined;

export function FormDialog<Output>({
  title,
  wide = false,
  action,
  yes,
  no = "Cancel",
  incomplete = false,
  close,
  children,
}: {
  title: string;
  wide?: boolean;
  /** A quiet one: the form shows its failure. */
  action: ReturnType<typeof useAction<void, Output>>;
  /** The words of the button that saves, and of the one that does not. */
  yes: string;
  no?: string;
  /** Not to be saved yet. */
  incomplete?: boolean;
  close: () => void;
  /** The fields. */
  children: (fault: Fault) => ReactNode;
}) {
  const { error } = action;
  return (
    <Dialog wide={wide} title={title} onClose={close}>
      <form
        className={wide ? "form" : "stack"}
        onSubmit={(event) => {
          event.preventDefault();
          action.mutate();
        }}
      >
        {children((pointer) => (error instanceof ApiError ? error.at(pointer) : undefined))}
        {error && <Failed error={error} />}
        <div className="dialog-foot">
          <Button onClick={close}>{no}</Button>
          <Button type="submit" look="primary" busy={action.isPending} disabled={incomplete}>{yes}</Button>
        </div>
      </form>
    </Dialog>
  );
}
