// Work that takes one processor a piece.
import { availableParallelism } from 'node:os';

/** Does `work` for each item, as many at once as there are processors; resolves to the results, in the items' order. */
export async function asManyAsProcessors(items, work) {
  const results = [];
  const waiting = [...items.entries()];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, item] = next;
      results[at] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}
