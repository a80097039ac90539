/** Picking a server from the catalogue. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, query } from "../../api/client";
import { keys } from "../../api/queries";
import type { CatalogueItem, List } from "../../api/types";
import { to } from "../../lib/links";
import { useAddressState } from "../../ui/address";
import { Choices } from "../../ui/button";
import { Empty, Loaded } from "../../ui/card";
import { Search } from "../../ui/field";
import { Text } from "../../ui/text";

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

const first: { search: string; category: (typeof categories)[number][0] } = { search: "", category: "all" };

export function Catalogue() {
  const [{ search, category }, set, { search: words }] = useAddressState(first, { category: categories });
  const entries = useQuery({
    queryKey: [...keys.catalogue, words],
    queryFn: ({ signal }) => api.get<List<CatalogueItem>>(`/api/catalogue${query({ search: words })}`, signal),
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
        {({ items }) => <Entries items={items.filter((item) => category === "all" || item.category === category)} />}
      </Loaded>
    </div>
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
              {!item.tried && <span className="tiny muted">Not tried yet</span>}
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
