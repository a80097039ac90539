/** The frame around every page: session, navigation, live stream. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link, Route, Router, Switch, useLocation } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";
import { api, ApiError, session } from "./api/client";
import { useMay, useMe } from "./api/queries";
import { setTheme, theme, type Theme } from "./lib/theme";
import { useStore } from "./lib/store";
import { goLive, liveState, reconnect } from "./live/live";
import { Account } from "./pages/account";
import { Login } from "./pages/login";
import { pages, type Page } from "./routes";
import { Boundary } from "./ui/boundary";
import { Button } from "./ui/button";
import { Failed, PageHead } from "./ui/card";
import { Confirm } from "./ui/dialog";
import { Icon, type IconName } from "./ui/icon";
import { Dot, type Tone } from "./ui/state";
import { Text } from "./ui/text";
import { Toasts } from "./ui/toast";

export function App() {
  return (
    <Router hook={useHashLocation}>
      <Gate />
      <Confirm />
      <Toasts />
    </Router>
  );
}

/** The login where there is no session, the pages where there is one. */
function Gate() {
  const state = useStore(session);
  if (state === "ended") return <Login />;
  return <Inside />;
}

function Inside() {
  const client = useQueryClient();
  const me = useMe();
  const known = !!me.data;
  useEffect(() => {
    if (known) return goLive(client);
    return undefined;
  }, [client, known]);
  if (me.data) return <Frame />;
  if (me.error instanceof ApiError && me.error.status === 401) return <Login />;
  if (me.isError) return <main className="gate"><Failed error={me.error} retry={() => void me.refetch()} /></main>;
  return <Waiting />;
}

/** What `index.html` has already drawn. */
function Waiting() {
  return (
    <div className="frame">
      <header className="bar"><Brand /></header>
      <aside className="side"><Brand /></aside>
      <main className="page" aria-busy="true" />
    </div>
  );
}

function Frame() {
  const [open, setOpen] = useState(false);
  const [path] = useLocation();
  useEffect(() => setOpen(false), [path]);
  return (
    <div className="frame">
      <a
        className="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("content")?.focus();
        }}
      >
        Skip to the page
      </a>
      <header className="bar">
        <Brand />
        <Lost />
        <Button icon={open ? "close" : "menu"} label={open ? "Close the menu" : "Open the menu"} look="quiet"
          aria-expanded={open} aria-controls="side" onClick={() => setOpen(!open)} />
      </header>
      <Side open={open} />
      <Boundary path={path}>
        <Pages />
      </Boundary>
    </div>
  );
}

function Brand() {
  return (
    <Link href="/" className="brand">
      <Icon name="horseshoe" size={22} />
      Ostler
    </Link>
  );
}

function Side({ open }: { open: boolean }) {
  return (
    <aside className={open ? "side open" : "side"} id="side" aria-label="Pages and account">
      <Brand />
      <Group name="Work" group="work" />
      <Group name="Manage" group="manage" />
      <div className="side-foot">
        <LiveState />
        <Who />
      </div>
    </aside>
  );
}

function Group({ name, group }: { name: string; group: "work" | "manage" }) {
  const may = useMay();
  const [path] = useLocation();
  const shown = pages.filter((page) => page.nav?.group === group && (!page.needs || may(page.needs)));
  if (!shown.length) return null;
  return (
    <nav className="nav" aria-label={name}>
      {shown.map((page) => (
        <Link key={page.path} href={page.path} aria-current={isAt(path, page) ? "page" : undefined}>
          <Icon name={page.nav!.icon} />
          {page.nav!.name}
        </Link>
      ))}
    </nav>
  );
}

function isAt(path: string, { path: own }: Page): boolean {
  return own === "/" ? path === "/" : path === own || path.startsWith(`${own}/`);
}

const words: Record<ReturnType<typeof liveState.get>, [Tone, string]> = {
  connecting: ["busy", "Connecting…"],
  live: ["ok", "Live"],
  lost: ["bad", "Connection lost"],
  paused: ["idle", "Paused"],
  absent: ["idle", "Refreshed now and then"],
};

function LiveState() {
  const state = useStore(liveState);
  const [tone, word] = words[state];
  return (
    <div className="live" role="status">
      <Dot tone={tone} />
      <span>{word}</span>
      {state === "lost" && <Button look="quiet compact" icon="restart" label="Connect again" onClick={reconnect} />}
    </div>
  );
}

/** Where the side is hidden, a lost connection is said in the bar. */
function Lost() {
  if (useStore(liveState) !== "lost") return null;
  return <Button look="compact danger" icon="warn" label="Offline: connect again" onClick={reconnect}>Offline</Button>;
}

const themes: Record<Theme, [IconName, string, Theme]> = {
  auto: ["auto", "Theme: as the system", "light"],
  light: ["sun", "Theme: light", "dark"],
  dark: ["moon", "Theme: dark", "auto"],
};

function Who() {
  const me = useMe().data;
  const client = useQueryClient();
  const [shown, setShown] = useState(false);
  const [icon, label, next] = themes[useStore(theme)];
  const logOut = async () => {
    await api.post("/api/auth/logout").catch(() => undefined);
    session.set("ended");
    client.clear();
  };
  return (
    <div className="who">
      <button type="button" title="Your account" onClick={() => setShown(true)}>
        <span className="cut strong"><Text line>{me?.name ?? ""}</Text></span>
        <span className="cut tiny muted">{me?.role}</span>
      </button>
      <Button look="quiet" icon={icon} label={label} onClick={() => setTheme(next)} />
      <Button look="quiet" icon="logout" label="Log out" onClick={() => void logOut()} />
      {shown && <Account close={() => setShown(false)} />}
    </div>
  );
}

function Pages() {
  const may = useMay();
  return (
    <Switch>
      {pages.map(({ path, page: Page, needs }) => (
        <Route key={path} path={path}>
          {(params) => (
            <Shown>
              {!needs || may(needs) ? <Page params={params as Record<string, string>} /> : <Refused needs={needs} />}
            </Shown>
          )}
        </Route>
      ))}
      <Route>
        <Shown><PageHead title="There is no such page" /><p><Link href="/">To the overview</Link></p></Shown>
      </Route>
    </Switch>
  );
}

function Refused({ needs }: { needs: string }) {
  return (
    <>
      <PageHead title="Not for this account" />
      <p>This page needs the permission <code>{needs}</code>.</p>
    </>
  );
}

/** A page takes the focus when somebody goes to it. */
function Shown({ children }: { children: React.ReactNode }) {
  const main = useRef<HTMLElement>(null);
  const [path] = useLocation();
  const first = useRef(true);
  useEffect(() => {
    if (first.current) first.current = false;
    else if (main.current && !main.current.contains(document.activeElement)) main.current.focus({ preventScroll: true });
  }, [path]);
  return <main className="page" id="content" tabIndex={-1} ref={main}>{children}</main>;
}
