// A server in several processes by node:cluster: `node workers.mjs PROGRAM COUNT`. Each worker tells its own lines.
import cluster from 'node:cluster';

const [program, count] = process.argv.slice(2);
cluster.setupPrimary({ exec: program, args: [] });
for (let i = 0; i < Number(count); i++) cluster.fork();
cluster.on('exit', (worker, code, signal) => {
  console.error(`worker ${worker.id} ended (${signal ?? code})`);
  process.exitCode = 1;
});
process.on('disconnect', () => process.exit());
