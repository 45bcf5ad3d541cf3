#include "engine/endpoints.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace s2npkey::engine {

namespace {

Address ToAddress(const sockaddr_storage& storage) {
  Address address;
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    address.family = 4;
    address.port = ntohs(v4.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    address.family = 6;
    address.port = ntohs(v6.sin6_port);
  }
  address.host = text;
  return address;
}

}  // namespace

Endpoints Endpoints::Of(int fd) {
  Endpoints endpoints;
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0) {
    endpoints.remote = ToAddress(storage);
  }
  storage = {};
  length = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0) {
    endpoints.local = ToAddress(storage);
  }
  return endpoints;
}

}  // namespace s2npkey::engine
