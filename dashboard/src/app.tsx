/** The frame around every page: session, navigation, live stream. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link, Route, Router, Switch, useLocation } from "wouter";
import { api, ApiError, session } from "./api/client";
import { useMay, useMe } from "./api/queries";
import { setTheme, theme, type Theme } from "./lib/theme";
import { useStore } from "./lib/store";
import { goLive, liveState, lostAt, reconnect } from "./live/live";
import { Account } from "./pages/account";
import { Login } from "./pages/login";
import { pages, type Page } from "./routes";
import { useHashLocation } from "./ui/address";
import { Boundary } from "./ui/boundary";
import { Button } from "./ui/button";
import { Failed, Note, PageHead } from "./ui/card";
import { Confirm } from "./ui/dialog";
import { Icon, type IconName } from "./ui/icon";
import { Dot, type Tone } from "./ui/state";
import { Moment, Text } from "./ui/text";
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
  return <Authenticated />;
}

function Authenticated() {
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
  return <Skeleton />;
}

/** The frame that `index.html` contains as well. */
function Skeleton() {
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
  useEffect(() => {
    addEventListener("keydown", searchOnSlash);
    return () => removeEventListener("keydown", searchOnSlash);
  }, []);
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
        Skip to content
      </a>
      <header className="bar">
        <Brand />
        <Button icon={open ? "close" : "menu"} label={open ? "Close the menu" : "Open the menu"} look="quiet"
          aria-expanded={open} aria-controls="side" onClick={() => setOpen(!open)} />
      </header>
      <Sidebar open={open} />
      <Boundary path={path}>
        <Pages />
      </Boundary>
    </div>
  );
}

/** `/` goes to the search of the page, as elsewhere on the web. */
function searchOnSlash(event: KeyboardEvent): void {
  const typing = event.target instanceof Element && event.target.matches("input, textarea, select");
  const search = document.querySelector<HTMLInputElement>("main input[type=search]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || !search) return;
  event.preventDefault();
  search.focus();
}

function Brand() {
  return (
    <Link href="/" className="brand">
      <Icon name="horseshoe" size={22} />
      Ostler
    </Link>
  );
}

function Sidebar({ open }: { open: boolean }) {
  return (
    <aside className={open ? "side open" : "side"} id="side" aria-label="Pages and account">
      <Brand />
      <NavGroup name="Work" group="work" />
      <NavGroup name="Manage" group="manage" />
      <div className="side-foot">
        <LiveState />
        <AccountMenu />
      </div>
    </aside>
  );
}

function NavGroup({ name, group }: { name: string; group: "work" | "manage" }) {
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

const liveStates: Record<ReturnType<typeof liveState.get>, [Tone, string]> = {
  connecting: ["busy", "Connecting…"],
  live: ["ok", "Live"],
  lost: ["bad", "Connection lost"],
  paused: ["idle", "Paused"],
  absent: ["idle", "Polling"],
};

function LiveState() {
  const state = useStore(liveState);
  const [tone, word] = liveStates[state];
  return (
    <div className="live" role="status">
      <Dot tone={tone} />
      <span>{word}</span>
      {state === "lost" && <Button look="quiet compact" icon="restart" label="Reconnect" onClick={reconnect} />}
    </div>
  );
}

/** Above every page that may no longer be true. */
function ConnectionLost() {
  const at = useStore(lostAt);
  if (at === null) return null;
  return (
    <Note tone="bad">
      Ostler cannot be reached since <Moment at={at} />: this page shows the state of before.{" "}
      <button type="button" className="linkish" onClick={reconnect}>Reconnect</button>
    </Note>
  );
}

const themes: Record<Theme, [IconName, string, Theme]> = {
  auto: ["auto", "Theme: system", "light"],
  light: ["sun", "Theme: light", "dark"],
  dark: ["moon", "Theme: dark", "auto"],
};

function AccountMenu() {
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
            <PageMain>
              {!needs || may(needs) ? (
                <Page params={params as Record<string, string>} />
              ) : (
                <PermissionRequired needs={needs} />
              )}
            </PageMain>
          )}
        </Route>
      ))}
      <Route>
        <PageMain><PageHead title="Page not found" /><p><Link href="/">Go to the overview</Link></p></PageMain>
      </Route>
    </Switch>
  );
}

function PermissionRequired({ needs }: { needs: string }) {
  return (
    <>
      <PageHead title="Permission required" />
      <p>This page requires the permission <code>{needs}</code>.</p>
    </>
  );
}

/** The main element of a page; takes the focus on navigation. */
function PageMain({ children }: { children: React.ReactNode }) {
  const main = useRef<HTMLElement>(null);
  const [path] = useLocation();
  const first = useRef(true);
  useEffect(() => {
    if (first.current) first.current = false;
    else if (main.current && !main.current.contains(document.activeElement))
      main.current.focus({ preventScroll: true });
  }, [path]);
  return <main className="page" id="content" tabIndex={-1} ref={main}><ConnectionLost />{children}</main>;
}
