#pragma once

#include <napi.h>

namespace s2npkey::node {

// What Node cannot do with Unix sockets. See `Addon` in lib/native/binding.ts.

// `peerCredentials(fd)`: the process that connected, as the kernel noted it then.
Napi::Value PeerCredentials(const Napi::CallbackInfo& info);

// `sendDatagram(path, text)`: one datagram to a Unix socket, without waiting.
Napi::Value SendDatagram(const Napi::CallbackInfo& info);

}  // namespace s2npkey::node
