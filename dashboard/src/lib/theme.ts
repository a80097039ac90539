/** Light, dark, or as the system says; `theme.js` has set it before the first paint. */
import { Store } from "./store";

export type Theme = "auto" | "light" | "dark";

const chosen = document.documentElement.dataset["theme"];
export const theme = new Store<Theme>(chosen === "light" || chosen === "dark" ? chosen : "auto");

export function setTheme(next: Theme): void {
  if (next === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  try {
    if (next === "auto") localStorage.removeItem("ostler.theme");
    else localStorage.setItem("ostler.theme", next);
  } catch {
    // Storage may be forbidden; then it holds until the page is left.
  }
  theme.set(next);
}
