// Events that wait for one environment, in order. A server decides how many sessions it sends, so
// only the newest few of each stream are kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/events.h"

namespace s2npkey::engine {

// Used under its owner's lock.
class PendingEvents {
 public:
  // Servers usually send two, and a client resumes with one.
  static constexpr size_t kSessionsOfAStream = 4;

  // Does not take the event if it throws std::bad_alloc.
  void Add(Event&& event) {
    static_assert(std::is_nothrow_move_constructible_v<Event>);
    if (event.kind() != Event::Kind::kSession) {
      events_.push_back(std::move(event));
      waiting_++;
      return;
    }
    std::vector<size_t>& places = sessions_[event.stream];
    if (places.size() < kSessionsOfAStream) {
      places.reserve(kSessionsOfAStream);
      events_.push_back(std::move(event));
      places.push_back(events_.size() - 1);
      waiting_++;
      return;
    }
    // The oldest goes, and the others move up: places in the queue stay as they are.
    for (size_t i = 1; i < places.size(); i++) SessionAt(places[i - 1]).swap(SessionAt(places[i]));
    SessionAt(places.back()) = std::move(event.As<SessionReceived>().session);
  }

  // Takes up to `limit` events, from the first.
  std::vector<Event> Take(size_t limit) {
    std::vector<Event> events;
    events.reserve(std::min(limit, waiting_));
    for (; events.size() < limit && waiting_ > 0; first_++) {
      Event& event = events_[first_];
      if (event.stream == kTaken) continue;
      waiting_--;
      if (event.kind() == Event::Kind::kSession) ForgetOldestSession(event.stream);
      events.push_back(std::move(event));
    }
    if (waiting_ == 0) {
      events_.clear();
      if (events_.capacity() > kKept) std::vector<Event>().swap(events_);
      first_ = 0;
    } else if (first_ > events_.size() / 2) {
      Compact();
    }
    return events;
  }

  // Takes the events of one stream, which must not wait for the others.
  std::vector<Event> TakeOf(StreamId stream) {
    std::vector<Event> events;
    if (waiting_ == 0 || stream == kTaken) return events;
    size_t count = 0;
    for (size_t i = first_; i < events_.size(); i++) count += events_[i].stream == stream ? 1 : 0;
    events.reserve(count);
    for (size_t i = first_; count > 0; i++) {
      if (events_[i].stream != stream) continue;
      events.push_back(std::move(events_[i]));
      events_[i].stream = kTaken;
      waiting_--;
      count--;
    }
    sessions_.erase(stream);
    return events;
  }

  bool empty() const noexcept { return waiting_ == 0; }
  size_t size() const noexcept { return waiting_; }

 private:
  static constexpr size_t kKept = 256;   // capacity to keep
  static constexpr StreamId kTaken = 0;  // no stream has this number

  memory::SecretBytes& SessionAt(size_t place) {
    return events_[place].As<SessionReceived>().session;
  }
  void ForgetOldestSession(StreamId stream) {
    std::vector<size_t>& places = sessions_[stream];
    places.erase(places.begin());
    if (places.empty()) sessions_.erase(stream);
  }
  void Compact() {
    events_.erase(events_.begin(), events_.begin() + static_cast<ptrdiff_t>(first_));
    for (auto& [stream, places] : sessions_) {
      for (size_t& place : places) place -= first_;
    }
    first_ = 0;
  }

  std::vector<Event> events_;
  size_t first_ = 0;    // index of the first waiting event
  size_t waiting_ = 0;  // number of waiting events
  // Places of session events, oldest first.
  std::unordered_map<StreamId, std::vector<size_t>> sessions_;
};

}  // namespace s2npkey::engine
