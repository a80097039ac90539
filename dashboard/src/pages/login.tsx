/** The login form. */
import { useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { api, ApiError, session } from "../api/client";
import { Button } from "../ui/button";
import { Failed } from "../ui/card";
import { Input } from "../ui/field";
import { Icon } from "../ui/icon";

export function Login() {
  const client = useQueryClient();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [fault, setFault] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(null);
    try {
      // The token of the response is ignored: the browser has it in a cookie that no script can read.
      await api.post("/api/auth/login", { email: email.trim(), password });
      client.clear();
      session.set("open");
    } catch (error) {
      setFault(error);
      setPassword("");
    } finally {
      setBusy(false);
    }
  };

  const isWrong = fault instanceof ApiError && fault.status === 401;
  return (
    <main className="gate">
      <h1 className="brand">
        <Icon name="horseshoe" size={28} />
        Ostler
      </h1>
      <form className="card stack" onSubmit={(event) => void submit(event)}>
        <Input
          label="E-mail address"
          type="email"
          name="email"
          autoComplete="username"
          required
          autoFocus
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <Input
          label="Password"
          type="password"
          name="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        {isWrong && <p className="fault" role="alert">Wrong e-mail address or password.</p>}
        {fault !== null && !isWrong && <Failed error={fault} />}
        <Button type="submit" look="primary" busy={busy}>Log in</Button>
      </form>
      <p className="aside">
        The first start creates <code>admin@localhost</code> and prints its password, which is also in{" "}
        <code>first-admin.txt</code> in the data directory.
      </p>
    </main>
  );
}
