// Counts the open descriptors of one server's connections. The server's limit of connections uses
// this count, because a descriptor may outlive its JavaScript socket.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace s2npkey::engine {

class DescriptorTally {
 public:
  // Counts one descriptor while it exists. Owned by one thread at a time.
  class Place {
   public:
    Place() = default;  // counts nothing
    explicit Place(std::shared_ptr<DescriptorTally> tally) noexcept : tally_(std::move(tally)) {
      if (tally_) tally_->count_.fetch_add(1, std::memory_order_relaxed);
    }
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&& other) noexcept {
      if (this != &other) {
        Leave();
        tally_ = std::move(other.tally_);
      }
      return *this;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { Leave(); }

    void Leave() noexcept {
      if (tally_) tally_->count_.fetch_sub(1, std::memory_order_relaxed);
      tally_.reset();
    }

   private:
    std::shared_ptr<DescriptorTally> tally_;
  };

  size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }  // any thread

 private:
  std::atomic<size_t> count_{0};
};

}  // namespace s2npkey::engine
