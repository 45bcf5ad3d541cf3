// What a server asks of its connections before TLS.
#pragma once

#include "proxy/networks.h"

namespace s2npkey::proxy {

// Immutable once made. Any thread.
struct Policy {
  Networks from;         // whose headers are believed
  bool required = true;  // of each connection, so that none comes from elsewhere
};

}  // namespace s2npkey::proxy
