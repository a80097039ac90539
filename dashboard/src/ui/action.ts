/** A mutation with a toast for its success and its failure. */
import { useMutation, useQueryClient, type QueryKey } from "@tanstack/react-query";
import { toast } from "./toast";

export function useAction<Input = void, Output = unknown>(
  act: (input: Input) => Promise<Output>,
  {
    done,
    refresh = [],
    onDone,
    quiet = false,
  }: {
    /** The text of the toast after success. */
    done?: string | ((output: Output, input: Input) => string);
    /** Queries to invalidate after success and after failure. */
    refresh?: QueryKey[] | ((input: Input) => QueryKey[]);
    onDone?: (output: Output, input: Input) => void;
    /** The caller shows the failure itself. */
    quiet?: boolean;
  } = {},
) {
  const client = useQueryClient();
  return useMutation<Output, Error, Input>({
    mutationFn: act,
    onSuccess: (output, input) => {
      if (done) toast.done(typeof done === "string" ? done : done(output, input));
      onDone?.(output, input);
    },
    onError: (error) => {
      if (!quiet) toast.failed(error);
    },
    onSettled: (_output, _error, input) => {
      const queries = typeof refresh === "function" ? refresh(input) : refresh;
      queries.forEach((queryKey) => void client.invalidateQueries({ queryKey }));
    },
  });
}
