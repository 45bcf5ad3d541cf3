// Every input that is kept for a fuzz target still does no harm. (`npm run fuzz` looks for new
// ones.)
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "target.h"
#include "test.h"

namespace s2npkey::test {

namespace {

// Sorted, so that each run is the same.
std::vector<std::filesystem::path> InputsOf(const char* target) {
  std::vector<std::filesystem::path> inputs;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(S2N_PKEY_CORPUS) / target))
    inputs.push_back(entry.path());
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

// How many there were.
size_t RunCorpusOf(const fuzz::Target& target) {
  size_t run = 0;
  target.run(fuzz::Input(nullptr, 0));
  for (const std::filesystem::path& path : InputsOf(target.name)) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    try {
      target.run(fuzz::Input(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
    } catch (const ExpectationFailed&) {
      std::cerr << "with the input " << path << std::endl;
      throw;
    }
    run++;
  }
  return run;
}

}  // namespace

TEST(every_input_kept_for_a_fuzz_target_does_no_harm) {
  EXPECT(!fuzz::Targets().empty());
  for (const fuzz::Target& target : fuzz::Targets()) EXPECT(RunCorpusOf(target) > 0);
}

}  // namespace s2npkey::test
