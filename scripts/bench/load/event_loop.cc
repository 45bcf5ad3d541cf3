#include "event_loop.h"

#include <sched.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "connection.h"

namespace s2npkey::bench {

namespace {
constexpr std::chrono::seconds kPatience(10);
}

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw LoadError(std::string("epoll_create1: ") + std::strerror(errno));
}

void EventLoop::Watch(int descriptor, size_t index) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = index;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw LoadError(std::string("epoll_ctl: ") + std::strerror(errno));
  }
}

const std::vector<size_t>& EventLoop::Wait(std::chrono::steady_clock::time_point until) {
  std::array<epoll_event, 256> events;
  const auto began = std::chrono::steady_clock::now();
  int count = 0;
  for (;;) {
    count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    if (count < 0 && errno != EINTR)
      throw LoadError(std::string("epoll_wait: ") + std::strerror(errno));
    if (count > 0) break;
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) break;
    if (now - began > kPatience) throw LoadError("the server did nothing for ten seconds");
    sched_yield();  // to the local KMS, which shares this core
  }
  idle_ += std::chrono::steady_clock::now() - began;
  ready_.clear();
  for (int i = 0; i < count; ++i) {
    ready_.push_back(static_cast<size_t>(events[static_cast<size_t>(i)].data.u64));
  }
  return ready_;
}

}  // namespace s2npkey::bench
