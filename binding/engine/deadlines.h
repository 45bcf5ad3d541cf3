// A queue of deadlines. Used by one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <utility>

namespace s2npkey::engine {

using Clock = std::chrono::steady_clock;

template <typename Owner>
class Deadlines {
  struct Item;
  using Queue = std::multimap<Clock::time_point, Item>;

 public:
  // One pending deadline, cancelled when destroyed or set again. Its Deadlines outlives it. It
  // allocates its place in the queue when created, so that setting it needs no memory.
  class Entry {
   public:
    Entry() {
      Queue maker;
      place_ = maker.extract(maker.emplace(Clock::time_point(), Item{}));
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { Cancel(); }

    void Set(Deadlines& deadlines, Clock::time_point when, Owner* owner) noexcept {
      Cancel();
      place_.key() = when;
      place_.mapped() = Item{owner, this};
      deadlines_ = &deadlines;
      position_ = deadlines.queue_.insert(std::move(place_));
    }
    void Cancel() noexcept {
      if (!deadlines_) return;
      place_ = deadlines_->queue_.extract(position_);
      deadlines_ = nullptr;
    }
    bool pending() const noexcept { return deadlines_ != nullptr; }

   private:
    friend class Deadlines;
    Deadlines* deadlines_ = nullptr;
    typename Queue::node_type place_;  // while it is not pending
    typename Queue::iterator position_;
  };

  // Calls `due(owner)` for the deadlines that are due, earliest first, up to a limit.
  template <typename Due>
  void Run(Clock::time_point now, size_t limit, Due due) {
    for (; limit > 0 && AnyDue(now); limit--) {
      const Item item = queue_.begin()->second;
      item.entry->Cancel();
      due(item.owner);
    }
  }

  bool AnyDue(Clock::time_point now) const {
    return !queue_.empty() && queue_.begin()->first <= now;
  }

  // Milliseconds until the next one, rounded up; -1: none.
  int Timeout(Clock::time_point now) const {
    if (queue_.empty()) return -1;
    const auto left = queue_.begin()->first - now;
    if (left.count() <= 0) return 0;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return ms > 3600000 ? 3600000 : static_cast<int>(ms);
  }

 private:
  struct Item {
    Owner* owner = nullptr;
    Entry* entry = nullptr;
  };
  Queue queue_;
};

}  // namespace s2npkey::engine
