/** Exports the user's servers as the configuration of a client. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/client";
import { inertJson } from "../../lib/inert";
import { save } from "../../lib/save";
import { Button, Choices, Copyable } from "../../ui/button";
import { Loaded } from "../../ui/card";
import { Dialog } from "../../ui/dialog";

const formats = [["claude", "Claude"], ["cursor", "Cursor"], ["vscode", "VS Code"], ["ostler", "Ostler"]] as const;

export function Export({ close }: { close: () => void }) {
  const [format, setFormat] = useState<(typeof formats)[number][0]>("claude");
  const config = useQuery({
    queryKey: ["export", format],
    queryFn: async ({ signal }) =>
      `${inertJson(await api.get<unknown>(`/api/mcp/export?format=${format}`, signal), 2)}\n`,
    gcTime: 0,
  });
  return (
    <Dialog wide title="Export your servers" onClose={close}>
      <div className="stack">
        <Choices label="Format" value={format} options={formats} onChange={setFormat} />
        <p className="small muted">
          Variables replace the values of environments and headers: Ostler never exports secrets.
        </p>
        <Loaded query={config}>{(text) => <Copyable label="Configuration" text={text} />}</Loaded>
      </div>
      <div className="dialog-foot">
        <Button icon="download" disabled={!config.data} onClick={() => save(`${format}-mcp.json`, config.data ?? "")}>
          Download
        </Button>
        <Button look="primary" onClick={close}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}
