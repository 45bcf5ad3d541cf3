// What a balancer, or somebody who claims to be one, may send in front of TLS.
#include <algorithm>
#include <vector>

#include "proxy/header_parser.h"
#include "target.h"

namespace s2npkey::fuzz {

namespace {

using State = proxy::HeaderParser::State;

bool IsTlvs(const std::vector<uint8_t>& bytes) {
  size_t at = 0;
  while (at + 3 <= bytes.size())
    at += 3 + static_cast<size_t>((bytes[at + 1] << 8) | bytes[at + 2]);
  return at == bytes.size();
}

struct Result {
  State state = State::kSignature;
  size_t taken = 0;
  proxy::Header header;
};

Result Feed(const std::vector<uint8_t>& bytes, size_t piece) {
  Result result;
  proxy::HeaderParser parser;
  size_t arrived = 0;
  while (parser.reading() && arrived < bytes.size()) {
    arrived = std::min(bytes.size(), arrived + piece);
    const size_t taken = parser.Feed(bytes.data() + result.taken, arrived - result.taken);
    EXPECT(taken <= arrived - result.taken);
    EXPECT(!parser.reading() || parser.state() == State::kSignature ||
           result.taken + taken == arrived);
    result.taken += taken;
  }
  result.state = parser.state();
  EXPECT((parser.problem()[0] != '\0') == (result.state >= State::kMalformed));
  if (result.state == State::kDone) result.header = parser.TakeHeader();
  return result;
}

}  // namespace

// It ends in one state, the same however it is cut, and takes nothing that follows the header.
FUZZ_TARGET(proxy_header) {
  const size_t piece = input.Byte() + size_t{1};
  const std::vector<uint8_t> bytes = input.Rest();
  const Result whole = Feed(bytes, std::max<size_t>(bytes.size(), 1));
  const Result cut = Feed(bytes, piece);
  EXPECT(whole.state == cut.state);
  EXPECT(whole.taken <= proxy::kLongestHeader);
  EXPECT(whole.state != State::kNoHeader || whole.taken == 0);
  if (whole.state != State::kDone) return;
  EXPECT(whole.taken == cut.taken);
  const proxy::Header& header = whole.header;
  EXPECT(header.version == 1 || header.version == 2);
  EXPECT(header.tlvs == cut.header.tlvs && IsTlvs(header.tlvs));
  EXPECT(header.source.host == cut.header.source.host);
  EXPECT(header.destination.port == cut.header.destination.port);
  const bool named =
      header.transport == proxy::Transport::kTcp4 || header.transport == proxy::Transport::kTcp6;
  EXPECT(!named || !header.source.host.empty());
  EXPECT(!header.local || header.transport == proxy::Transport::kUnknown);
  // What follows does not matter.
  std::vector<uint8_t> longer(bytes.begin(),
                              bytes.begin() + static_cast<std::ptrdiff_t>(whole.taken));
  longer.insert(longer.end(), 200, 0x16);
  const Result followed = Feed(longer, longer.size());
  EXPECT(followed.state == State::kDone && followed.taken == whole.taken);
}

}  // namespace s2npkey::fuzz
