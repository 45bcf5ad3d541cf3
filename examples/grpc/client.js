import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { greeter } from './greeter.js';

const Greeter = grpc.makeClientConstructor(greeter, 'Greeter');
const client = new Greeter('localhost:8443', grpc.credentials.createSsl(readFileSync('server.pem')));
client.sayHello('gRPC', (error, answer) => {
  console.log(error ? error.message : answer);
  process.exitCode = error ? 1 : 0;
  client.close();
});
