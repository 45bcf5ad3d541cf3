// Which configuration a server uses for whom: one for each name that clients ask for (SNI), and one
// for everybody else.
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

// Immutable once made. A connection keeps the one it was accepted with; a server changes its
// contexts by using another from then on, so nothing that is under way is touched. Any thread.
class ServerContexts {
 public:
  // A name as certificates write it (RFC 6125 section 6.4.3): exact, or with `*` for the whole
  // first label; and which of the configurations it is for. A later one replaces an earlier.
  using Name = std::pair<std::string, size_t>;

  // The first configuration is the one for everybody else.
  ServerContexts(std::vector<std::shared_ptr<const Config>> configs, std::vector<Name> names,
                 bool asks_application = false);

  // Which configuration is for a client that asks for this name; 0 when none is named so. An exact
  // name goes before a wildcard. Case does not matter.
  size_t Find(std::string_view server_name) const;
  const std::shared_ptr<const Config>& config(size_t index) const { return configs_[index]; }
  size_t size() const noexcept { return configs_.size(); }
  // Whether each client hello is handed out, for the application to choose by it.
  bool asks_application() const noexcept { return asks_application_; }

 private:
  std::vector<std::shared_ptr<const Config>> configs_;
  std::unordered_map<std::string, size_t> names_;  // in lower case
  bool asks_application_;
};

}  // namespace s2npkey::tls
