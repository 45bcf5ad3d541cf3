// What is measured. `load` is the load generator's own argument, `unit` what is counted, `warmUp` how many of it come first.
export const scenarios = [
  {
    name: 'handshakes',
    title: 'Full TLS 1.3 handshake, P-256, closed in order by the client',
    plainTitle: 'accept and close',
    load: 'handshakes',
    connections: 16,
    unit: 'handshake',
    warmUp: 2_000,
  },
  {
    name: 'requests',
    title: 'Small HTTPS request on a kept connection',
    plainTitle: 'the same over http',
    load: 'requests',
    connections: 32,
    unit: 'request',
    warmUp: 30_000,
  },
];
