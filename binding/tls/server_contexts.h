// The configurations of a server: one for each name that clients ask for (SNI), and a default one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tls/config.h"

namespace s2npkey::tls {

// Immutable. Used by any thread. To change its contexts, a server uses a new object for later
// connections, so earlier connections keep theirs.
class ServerContexts {
 public:
  // A name as in certificates (RFC 6125 section 6.4.3), exact or with `*` for the whole first
  // label, and the index of its configuration. A later entry replaces an earlier one.
  using Name = std::pair<std::string, size_t>;

  // The first configuration is the default.
  ServerContexts(std::vector<std::shared_ptr<const Config>> configs, std::vector<Name> names,
                 bool asks_application = false);

  // Returns the index of the configuration for this name; 0, the default, if there is none. An
  // exact name takes precedence over a wildcard. Ignores case.
  size_t Find(std::string_view server_name) const;
  const std::shared_ptr<const Config>& config(size_t index) const { return configs_[index]; }
  size_t size() const noexcept { return configs_.size(); }
  // Whether the application chooses the context after each client hello.
  bool asks_application() const noexcept { return asks_application_; }

 private:
  std::vector<std::shared_ptr<const Config>> configs_;
  std::unordered_map<std::string, size_t> names_;  // in lower case
  bool asks_application_;
};

}  // namespace s2npkey::tls
