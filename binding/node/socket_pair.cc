#include "node/socket_pair.h"

#include <sys/socket.h>

#include <cerrno>

namespace s2npkey::node {

Napi::Value SocketPair(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    return Napi::Number::New(env, -errno);
  }
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0U, Napi::Number::New(env, ends[0]));
  pair.Set(1U, Napi::Number::New(env, ends[1]));
  return pair;
}

}  // namespace s2npkey::node
