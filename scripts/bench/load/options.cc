#include "options.h"

#include <map>
#include <stdexcept>

namespace s2npkey::bench {

const char* const kUsage =
    "bench_load handshakes|storm|requests|echo|bulk-down|bulk-up|idle --port N [--connections N] "
    "[--kept N]\n  [--seconds S] [--bytes N] [--upload] [--resume] [--policy NAME] [--plain]\n"
    "Loads a server on 127.0.0.1. One JSON object a line is written: `ready` when set up, upon "
    "which a line on\n"
    "standard input starts the measurement; its result; and after another line (or the end of the "
    "input) the end.\n";

namespace {

double NumberIn(const std::string& name, const std::string& text, double lowest, double highest) {
  size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != text.size() || !(value >= lowest && value <= highest)) {
    throw std::invalid_argument(name + ": '" + text + "' is no number from " +
                                std::to_string(lowest) + " to " + std::to_string(highest));
  }
  return value;
}

}  // namespace

Options ParseOptions(int count, char** arguments) {
  Options options;
  const std::map<std::string, Scenario> scenarios = {{"handshakes", Scenario::kHandshakes},
                                                     {"storm", Scenario::kStorm},
                                                     {"requests", Scenario::kRequests},
                                                     {"echo", Scenario::kEcho},
                                                     {"bulk-down", Scenario::kBulkDown},
                                                     {"bulk-up", Scenario::kBulkUp},
                                                     {"idle", Scenario::kIdle}};
  const auto found = scenarios.find(count > 1 ? arguments[1] : "");
  if (found == scenarios.end())
    throw std::invalid_argument("the first argument must be a scenario");
  options.scenario = found->second;
  for (int i = 2; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--plain") {
      options.tls = false;
      continue;
    }
    if (name == "--upload") {
      options.upload = true;
      continue;
    }
    if (name == "--resume") {
      options.resume = true;
      continue;
    }
    if (i + 1 == count) throw std::invalid_argument(name + " needs a value");
    const std::string value = arguments[++i];
    if (name == "--port") {
      options.port = static_cast<uint16_t>(NumberIn(name, value, 1, 65535));
    } else if (name == "--connections") {
      options.connections = static_cast<size_t>(NumberIn(name, value, 1, 100000));
    } else if (name == "--kept") {
      options.kept = static_cast<size_t>(NumberIn(name, value, 1, 10000));
    } else if (name == "--bytes") {
      options.bytes = static_cast<size_t>(NumberIn(name, value, 1, 1 << 24));
    } else if (name == "--seconds") {
      options.seconds = NumberIn(name, value, 0.01, 3600);
    } else if (name == "--policy") {
      options.policy = value;
    } else {
      throw std::invalid_argument("unknown option " + name);
    }
  }
  if (options.port == 0) throw std::invalid_argument("--port is missing");
  return options;
}

}  // namespace s2npkey::bench
