// Who wants to be told of something, by its kind, and telling them.
export function makeTeller() {
  const handlers = new Map(); // kind -> set of functions

  return {
    // Returns what ends it.
    on(kind, handler) {
      if (!handlers.has(kind)) handlers.set(kind, new Set());
      handlers.get(kind).add(handler);
      return () => handlers.get(kind).delete(handler);
    },
    tell(kind, ...values) {
      for (const handler of handlers.get(kind) ?? []) handler(...values);
    },
  };
}
