#include "tls/server_contexts.h"

namespace s2npkey::tls {

namespace {

std::string LowerCase(std::string_view name) {
  std::string lower(name);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + ('a' - 'A'));
  }
  return lower;
}

}  // namespace

ServerContexts::ServerContexts(std::vector<std::shared_ptr<const Config>> configs,
                               std::vector<Name> names, bool asks_application)
    : configs_(std::move(configs)), asks_application_(asks_application) {
  for (const auto& [name, index] : names) names_[LowerCase(name)] = index;
}

size_t ServerContexts::Find(std::string_view server_name) const {
  if (names_.empty() || server_name.empty()) return 0;
  const std::string name = LowerCase(server_name);
  auto found = names_.find(name);
  if (found == names_.end()) {
    const size_t first_label = name.find('.');
    found = names_.find(first_label == std::string::npos ? "*" : "*" + name.substr(first_label));
  }
  return found == names_.end() ? 0 : found->second;
}

}  // namespace s2npkey::tls
