/** Dialogs on the browser's own `<dialog>`: focus stays inside, Escape closes. */
import { useEffect, useId, useRef, type ReactNode } from "react";
import { inertLine } from "../lib/inert";
import { Store, useStore } from "../lib/store";
import { Button } from "./button";

export function Dialog({
  title,
  wide = false,
  onClose,
  children,
}: {
  title: string;
  wide?: boolean;
  onClose: () => void;
  children: ReactNode;
}) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={wide ? "wide" : undefined}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div className="dialog-head">
        <h2 id={id}>{inertLine(title)}</h2>
        <Button icon="close" label="Close" look="quiet" onClick={onClose} />
      </div>
      <div className="dialog-body">{children}</div>
    </dialog>
  );
}

interface Question {
  title: string;
  text: ReactNode;
  yes: string;
  danger?: boolean;
}

const pending = new Store<(Question & { answer: (yes: boolean) => void }) | null>(null);

/** Asks before something that cannot be undone. */
export function confirm(question: Question): Promise<boolean> {
  pending.get()?.answer(false);
  return new Promise((resolve) => {
    pending.set({
      ...question,
      answer: (yes) => {
        pending.set(null);
        resolve(yes);
      },
    });
  });
}

/** The dialog of `confirm`; mounted once. */
export function Confirm() {
  const question = useStore(pending);
  if (!question) return null;
  return (
    <Dialog title={question.title} onClose={() => question.answer(false)}>
      <div className="stack">{question.text}</div>
      <div className="dialog-foot">
        <Button onClick={() => question.answer(false)}>Cancel</Button>
        <Button look={question.danger ? "primary danger" : "primary"} onClick={() => question.answer(true)}>
          {question.yes}
        </Button>
      </div>
    </Dialog>
  );
}
