/**
 * The address of a page: the path after `#`, and its query, as in `#/calls?tool=echo`. The router's own hook for hashes
 * moves a query before the `#`, where it stays on every page that follows.
 */
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useLocation, useSearch } from "wouter";
import { query } from "../api/client";
import { useDebounced } from "./debounced";

const hash = () => `/${location.hash.replace(/^#?\/?/, "")}`;
const path = () => hash().replace(/\?.*/, "");
const search = () => hash().replace(/^[^?]*\??/, "");

function watch(changed: () => void): () => void {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}

function navigate(to: string, { replace = false } = {}): void {
  history[replace ? "replaceState" : "pushState"](null, "", new URL(`#${to}`, location.href));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export const useHashLocation = (): [string, typeof navigate] => [useSyncExternalStore(watch, path), navigate];
useHashLocation.hrefs = (href: string) => `#${href}`;
useHashLocation.searchHook = () => useSyncExternalStore(watch, search);

/** The values that a choice has, as `Choices` takes them. */
type Options = readonly (readonly [string, string])[];

/**
 * State in the query of the address, so that Back, a reload and a link of somebody else's show the same. A value that
 * is not among its `options` is the default, and a default is not written. The third item is the state once it has not
 * changed for a moment, for requests.
 */
export function useAddressState<T extends { [Key in keyof T]: string }>(
  defaults: T,
  options: { [Key in keyof T]?: Options } = {},
): [T, (change: Partial<T>) => void, T] {
  const written = useSearch();
  const [at, go] = useLocation();
  const [state, setState] = useState(() => read(written, defaults, options));
  const settled = useDebounced(state);
  const last = useRef(written);
  useEffect(() => {
    if (written === last.current) return;
    last.current = written;
    setState(read(written, defaults, options));
  });
  useEffect(() => {
    const pairs = Object.entries<string>(settled).map(([key, value]) => {
      const text = value.trim();
      return [key, text === defaults[key as keyof T] ? undefined : text];
    });
    const text = query(Object.fromEntries(pairs));
    if (text.slice(1) === last.current) return;
    last.current = text.slice(1);
    go(at + text, { replace: true });
  }, [settled]);
  const change = useCallback((change: Partial<T>) => setState((old) => ({ ...old, ...change })), []);
  return [state, change, settled];
}

function read<T extends { [Key in keyof T]: string }>(
  text: string,
  defaults: T,
  options: { [Key in keyof T]?: Options },
): T {
  const found = new URLSearchParams(text);
  const pairs = Object.entries<string>(defaults).map(([key, value]) => {
    const wanted = found.get(key);
    const known = options[key as keyof T];
    return [key, wanted === null || (known && !known.some(([option]) => option === wanted)) ? value : wanted];
  });
  return Object.fromEntries(pairs) as T;
}
