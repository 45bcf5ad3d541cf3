#include "node/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <vector>

#include "engine/descriptor.h"

namespace s2npkey::node {

namespace {

// Linux 4.13; glibc's headers may be older.
constexpr int kPeerGroups = 59;

// The supplementary groups, none where the kernel does not report them.
std::vector<gid_t> GroupsOf(int fd) {
  std::vector<gid_t> groups(32);
  for (int attempt = 0; attempt < 2; attempt++) {
    socklen_t length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(fd, SOL_SOCKET, kPeerGroups, groups.data(), &length) == 0) {
      groups.resize(length / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE) break;
    groups.resize(length / sizeof(gid_t));
  }
  return {};
}

}  // namespace

Napi::Value PeerCredentials(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int fd = info[0].As<Napi::Number>().Int32Value();
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    return Napi::Number::New(env, -errno);
  }
  const std::vector<gid_t> groups = GroupsOf(fd);
  Napi::Array facts = Napi::Array::New(env, 3 + groups.size());
  facts.Set(0U, Napi::Number::New(env, peer.pid));
  facts.Set(1U, Napi::Number::New(env, peer.uid));
  facts.Set(2U, Napi::Number::New(env, peer.gid));
  for (uint32_t index = 0; index < groups.size(); index++) {
    facts.Set(3 + index, Napi::Number::New(env, groups[index]));
  }
  return facts;
}

Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  const std::string text = info[1].As<Napi::String>().Utf8Value();
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Napi::Number::New(env, -ENAMETOOLONG);
  }
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  // systemd writes the name of an abstract socket with '@' for its first byte.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const socklen_t length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const engine::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return Napi::Number::New(env, -errno);
  const ssize_t sent = sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&address), length);
  return Napi::Number::New(env, sent < 0 ? -errno : 0);
}

}  // namespace s2npkey::node
