/** Picking a server from the catalogue. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, query } from "../../api/client";
import { keys } from "../../api/queries";
import type { CatalogueItem, CatalogueList, CatalogueSource } from "../../api/types";
import { to } from "../../lib/links";
import { useAddressState } from "../../ui/address";
import { Choices } from "../../ui/button";
import { Empty, Loaded, Note } from "../../ui/card";
import { Search } from "../../ui/field";
import { Ago, Text } from "../../ui/text";

const categories = [
  ["all", "All"],
  ["development", "Development"],
  ["files", "Files"],
  ["web", "Web"],
  ["data", "Data"],
  ["operations", "Operations"],
  ["work", "Work"],
  ["memory", "Memory"],
  ["trying", "To try"],
] as const;

/** The source of what is built in. */
export const builtIn = "ostler";

const usual = [["all", "All sources"], [builtIn, "Built in"]] as const;

const first = { search: "", category: "all" as (typeof categories)[number][0], source: "all" };

export function Catalogue() {
  const [{ search, category, source }, set, { search: words, source: of }] = useAddressState(first, {
    category: categories,
  });
  const asked = query({ search: words, source: of === "all" ? undefined : of });
  const entries = useQuery({
    queryKey: [...keys.catalogue, asked],
    queryFn: ({ signal }) => api.get<CatalogueList>(`/api/catalogue${asked}`, signal),
    placeholderData: keepPreviousData,
    staleTime: 300_000,
  });
  return (
    <div className="stack">
      <div className="row">
        <Search label="Search the catalogue" value={search} most={100} onChange={(text) => set({ search: text })} />
        <Choices
          label="Category"
          value={category}
          options={categories}
          onChange={(chosen) => set({ category: chosen })}
        />
      </div>
      <Loaded query={entries}>
        {({ items, sources, nextCursor }) => (
          <>
            {sources.length > 0 && (
              <Choices
                label="Source"
                value={source}
                options={[...usual, ...sources.map(({ name }) => [name, name] as const)]}
                onChange={(chosen) => set({ source: chosen })}
              />
            )}
            {sources.map((one) => <State key={one.name} source={one} />)}
            <Entries items={items.filter((item) => category === "all" || item.category === category)} />
            {nextCursor && <p className="small muted">There are more. Search for a word that they have.</p>}
          </>
        )}
      </Loaded>
    </div>
  );
}

/** Trouble with a source: its entries may be stale, or not all of them are there. */
function State({ source: { name, problem, checkedAt, skipped, isCut } }: { source: CatalogueSource }) {
  return (
    <>
      {problem && (
        <Note tone="warn">
          {name} cannot be read; its servers are as of <Ago at={checkedAt} />: <Text>{problem}</Text>
        </Note>
      )}
      {isCut && <Note>{name} has more servers than are taken.</Note>}
      {skipped.length > 0 && (
        <details className="small">
          <summary>Left out of {name}</summary>
          {skipped.map((why) => <p key={why} className="muted"><Text>{why}</Text></p>)}
        </details>
      )}
    </>
  );
}

function Entries({ items }: { items: CatalogueItem[] }) {
  if (!items.length) {
    return (
      <Empty title="Nothing like that in the catalogue">
        Any program or URL can be added <Link href={to.newServer("form")}>by form</Link>.
      </Empty>
    );
  }
  return (
    <ul className="entries" aria-label="Servers of the catalogue">
      {items.map((item) => (
        <li key={item.name}>
          <Link href={to.newServer("catalogue", item.name)} className="card entry">
            <Tile title={item.title} />
            <span className="grow">
              <span className="strong"><Text line>{item.title}</Text></span>
              <span className="small muted"><Text line>{item.description}</Text></span>
              {item.refusal && <span className="tiny"><Text>{`Cannot be run: it ${item.refusal}`}</Text></span>}
              {item.source !== builtIn && <span className="tiny muted"><Text line>{`From ${item.source}`}</Text></span>}
              {!item.tried && item.source === builtIn && <span className="tiny muted">Not tried yet</span>}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** A letter in place of a picture, which would have to be loaded from elsewhere. */
export function Tile({ title }: { title: string }) {
  return <span className="tile" aria-hidden="true">{[...title][0]?.toUpperCase()}</span>;
}
