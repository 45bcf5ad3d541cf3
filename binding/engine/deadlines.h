// When something is due. Used by one thread.
#pragma once

#include <chrono>
#include <map>

namespace keyless::engine {

using Clock = std::chrono::steady_clock;

template <typename Owner>
class Deadlines {
  struct Item;

 public:
  // One pending deadline, cancelled when destroyed or set anew. Outlived by its Deadlines.
  class Entry {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { Cancel(); }

    void Set(Deadlines& deadlines, Clock::time_point when, Owner* owner) {
      Cancel();
      deadlines_ = &deadlines;
      position_ = deadlines.queue_.emplace(when, Item{owner, this});
    }
    void Cancel() {
      if (!deadlines_) return;
      deadlines_->queue_.erase(position_);
      deadlines_ = nullptr;
    }
    bool pending() const noexcept { return deadlines_ != nullptr; }

   private:
    friend class Deadlines;
    Deadlines* deadlines_ = nullptr;
    typename std::multimap<Clock::time_point, Item>::iterator position_;
  };

  // Calls `due(owner)` for everything whose time has come.
  template <typename Due>
  void Run(Clock::time_point now, Due due) {
    while (!queue_.empty() && queue_.begin()->first <= now) {
      const Item item = queue_.begin()->second;
      item.entry->Cancel();
      due(item.owner);
    }
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
    Owner* owner;
    Entry* entry;
  };
  std::multimap<Clock::time_point, Item> queue_;
};

}  // namespace keyless::engine
