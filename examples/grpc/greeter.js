// What grpc-tools or @grpc/proto-loader generate from a .proto file, by hand for one method.
const text = {
  serialize: (value) => Buffer.from(value),
  deserialize: (bytes) => bytes.toString(),
};

export const greeter = {
  sayHello: {
    path: '/demo.Greeter/SayHello',
    requestStream: false,
    responseStream: false,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  },
};
