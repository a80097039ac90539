/** Boxes: cards, notes, and placeholders for empty, loading and failed content. */
import type { UseInfiniteQueryResult, UseQueryResult } from "@tanstack/react-query";
import { useEffect, useRef, type ReactNode } from "react";
import { ApiError, explain, isAbsent } from "../api/client";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";
import { Text } from "./text";

export function Card({
  title,
  actions,
  flush = false,
  children,
}: {
  title?: ReactNode;
  actions?: ReactNode;
  /** Without padding: for tables and lists. */
  flush?: boolean;
  children: ReactNode;
}) {
  return (
    <section className="card">
      {(title || actions) && (
        <div className="card-head">
          <h2>{title}</h2>
          {actions}
        </div>
      )}
      {flush ? children : <div className="card-body">{children}</div>}
    </section>
  );
}

/** The head of a page; sets the title of the window as well. */
export function PageHead({
  title,
  crumb,
  text,
  children,
}: {
  title: ReactNode;
  /** Links to what the page belongs to. */
  crumb?: ReactNode;
  text?: ReactNode;
  /** Actions. */
  children?: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${heading.current?.textContent || "…"} · Ostler`;
  });
  return (
    <header className="page-head">
      <div>
        {crumb && <nav className="crumb" aria-label="Breadcrumb">{crumb}</nav>}
        <h1 ref={heading}>{title}</h1>
        {text && <p>{text}</p>}
      </div>
      {children && <div className="row">{children}</div>}
    </header>
  );
}

const icons: Record<string, IconName> = { bad: "warn", warn: "warn", ok: "check", info: "info" };

export function Note({ tone = "info", children }: { tone?: "info" | "ok" | "warn" | "bad"; children: ReactNode }) {
  return (
    <div className={`note is-${tone}`} role={tone === "bad" ? "alert" : "note"}>
      <Icon name={icons[tone] ?? "info"} />
      <div className="grow">{children}</div>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Loading() {
  return <div className="loading" role="status">Loading…</div>;
}

/** The description of an error, with a retry if there is one. */
export function Failed({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const problem = error instanceof ApiError ? error.problem : null;
  return (
    <Note tone="bad">
      <p>
        <Text>{explain(error)}</Text>
      </p>
      {problem?.stderr?.length ? (
        <pre className="code">
          <Text>{problem.stderr.join("\n")}</Text>
        </pre>
      ) : null}
      <p className="tiny muted">
        {problem?.code && <code>{problem.code}</code>}{" "}
        {problem?.requestId && (
          <>
            request <code>{problem.requestId}</code>
          </>
        )}{" "}
        {retry && (
          <button type="button" className="linkish" onClick={retry}>
            Try again
          </button>
        )}
      </p>
    </Note>
  );
}

/** The data of a query, or a placeholder. `absent` replaces it if this Ostler has no such route. */
export function Loaded<T>({
  query,
  absent,
  children,
}: {
  query: UseQueryResult<T>;
  absent?: ReactNode;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isRefetchError && !isAbsent(query.error) && (
          <Failed error={query.error} retry={() => void query.refetch()} />
        )}
        {children(query.data)}
      </>
    );
  }
  if (query.isError) {
    if (isAbsent(query.error) && absent !== undefined) return <>{absent}</>;
    return <Failed error={query.error} retry={() => void query.refetch()} />;
  }
  return <Loading />;
}

/**
 * A list that grows page by page, with buttons for the next page and a refresh. `none` replaces an empty list, which
 * the first page may be although more follow; `absent` replaces a list that this Ostler does not keep.
 */
export function Paged({
  pages,
  none,
  absent,
  children,
}: {
  pages: UseInfiniteQueryResult;
  none: ReactNode;
  absent?: ReactNode;
  children: ReactNode;
}) {
  if (absent && isAbsent(pages.error)) return absent;
  return (
    <>
      {pages.isError && <Failed error={pages.error} retry={() => void pages.refetch()} />}
      {pages.isPending ? (
        <Loading />
      ) : (
        children || (!pages.isError && (typeof none === "string" ? <Empty title={none} /> : none))
      )}
      {(children || pages.hasNextPage) && (
        <div className="card-body row">
          {pages.hasNextPage && (
            <Button busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
              Show more
            </Button>
          )}
          <Button look="quiet" icon="restart" busy={pages.isFetching} onClick={() => void pages.refetch()}>
            Refresh
          </Button>
        </div>
      )}
    </>
  );
}
