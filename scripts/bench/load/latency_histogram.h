// Latencies counted in buckets no wider than 1/64 of their value: constant memory, whatever the
// number of samples.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace s2npkey::bench {

class LatencyHistogram {
 public:
  void Add(std::chrono::nanoseconds latency) noexcept;
  uint64_t count() const noexcept { return count_; }
  // The latency that `share` (0 to 1) of the samples do not exceed, in µs; 0 without samples.
  double PercentileMicroseconds(double share) const noexcept;
  double MaximumMicroseconds() const noexcept { return static_cast<double>(maximum_) / 1e3; }

 private:
  static constexpr unsigned kSubBucketBits = 6;
  static constexpr size_t kSubBuckets = size_t{1} << kSubBucketBits;

  static size_t BucketOf(uint64_t nanoseconds) noexcept;
  static uint64_t UpperEdge(size_t bucket) noexcept;

  std::array<uint64_t, (65 - kSubBucketBits) * kSubBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t maximum_ = 0;
};

}  // namespace s2npkey::bench
