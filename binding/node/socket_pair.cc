#include "node/socket_pair.h"

#include <poll.h>
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

Napi::Value EndWriting(const Napi::CallbackInfo& info) {
  // A socket that has ended already is what was asked for.
  shutdown(info[0].As<Napi::Number>().Int32Value(), SHUT_WR);
  return info.Env().Undefined();
}

Napi::Value IsReadable(const Napi::CallbackInfo& info) {
  pollfd looked_at{info[0].As<Napi::Number>().Int32Value(), POLLIN, 0};
  return Napi::Boolean::New(info.Env(), poll(&looked_at, 1, 0) > 0);
}

}  // namespace s2npkey::node
