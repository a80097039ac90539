/** What is typed into filters is asked for once typing has stopped. */
import { useEffect, useState } from "react";

/** The value, once it has not changed for a while: nobody wants a request for each letter. */
export function useSettled<T>(value: T, wait = 400): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), wait);
    return () => clearTimeout(timer);
  }, [value, wait]);
  return settled;
}
