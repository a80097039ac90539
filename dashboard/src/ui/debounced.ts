/** Debounced values, for filters that send requests. */
import { useEffect, useState } from "react";

/** The value once it has not changed for `wait` milliseconds, so that not every letter is a request. */
export function useDebounced<T>(value: T, wait = 400): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), wait);
    return () => clearTimeout(timer);
  }, [value, wait]);
  return settled;
}
