// A worker thread that loads the addon again, and signs what it is sent, `{ schemeCode, digest }`, with the key in `workerData`.
import { parentPort, workerData } from 'node:worker_threads';
import { tsImport } from 'tsx/esm/api';

// Node 20 does not hand the loader of the main thread on to workers.
const { addon } = await tsImport('../../lib/native/addon.ts', import.meta.url);
const key = new (addon().LocalKey)(workerData);

parentPort.on('message', ({ schemeCode, digest }) => {
  parentPort.postMessage(key.sign(schemeCode, digest));
});
