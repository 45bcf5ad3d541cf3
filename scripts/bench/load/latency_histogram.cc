#include "latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace s2npkey::bench {

void LatencyHistogram::Add(std::chrono::nanoseconds latency) noexcept {
  const auto nanoseconds = static_cast<uint64_t>(std::max<int64_t>(0, latency.count()));
  ++buckets_[BucketOf(nanoseconds)];
  ++count_;
  maximum_ = std::max(maximum_, nanoseconds);
}

double LatencyHistogram::PercentileMicroseconds(double share) const noexcept {
  if (count_ == 0) return 0;
  const auto wanted =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted) {
      return static_cast<double>(std::min(UpperEdge(bucket), maximum_)) / 1e3;
    }
  }
  return MaximumMicroseconds();
}

// Below kSubBuckets each value has a bucket; above, each power of two is cut into kSubBuckets.
size_t LatencyHistogram::BucketOf(uint64_t nanoseconds) noexcept {
  if (nanoseconds < kSubBuckets) return static_cast<size_t>(nanoseconds);
  const unsigned exponent = 63U - static_cast<unsigned>(__builtin_clzll(nanoseconds));
  const unsigned shift = exponent - kSubBucketBits;
  const auto sub_bucket = static_cast<size_t>(nanoseconds >> shift) - kSubBuckets;
  return (shift + 1) * kSubBuckets + sub_bucket;
}

uint64_t LatencyHistogram::UpperEdge(size_t bucket) noexcept {
  if (bucket < kSubBuckets) return bucket;
  const size_t shift = bucket / kSubBuckets - 1;
  const uint64_t sub_bucket = bucket % kSubBuckets + kSubBuckets;
  return ((sub_bucket + 1) << shift) - 1;
}

}  // namespace s2npkey::bench
