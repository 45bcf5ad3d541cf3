#include "engine/poller.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>

namespace s2npkey::engine {

Poller::Poller()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;  // no watcher: the wake-up
  if (!epoll_ || !wake_ || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll");
  }
}

bool Poller::Control(int operation, int fd, Watcher* watcher, bool writable) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
  if (writable) event.events |= EPOLLOUT;
  event.data.ptr = watcher;
  return epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

bool Poller::Add(int fd, Watcher* watcher) { return Control(EPOLL_CTL_ADD, fd, watcher, true); }

bool Poller::AddReader(int fd, Watcher* watcher) {
  return Control(EPOLL_CTL_ADD, fd, watcher, false);
}

void Poller::TellWritable(int fd, Watcher* watcher, bool wanted) {
  Control(EPOLL_CTL_MOD, fd, watcher, wanted);  // cannot fail: it is watched
}

void Poller::TellOnlyFailure(int fd, Watcher* watcher) {
  epoll_event event{};
  event.events = EPOLLET;  // EPOLLERR and EPOLLHUP are always reported
  event.data.ptr = watcher;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);  // cannot fail: it is watched
}

void Poller::Remove(int fd) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void Poller::Close(Descriptor& watched) {
  if (!watched) return;
  Remove(watched.get());
  watched.Close();
}

Poller::Told Poller::Wait(int timeout) {
  Told told;
  const int count = epoll_wait(epoll_.get(), events_.data(), kBatch, timeout);
  for (int i = 0; i < count; i++) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    if (!event.data.ptr) {
      // Edge-triggered: the next Wake is reported even if the counter is not read.
      told.woken = true;
      continue;
    }
    Readiness readiness;
    readiness.closed = event.events & (EPOLLHUP | EPOLLERR);
    readiness.read_closed = readiness.closed || (event.events & EPOLLRDHUP);
    readiness.readable = readiness.read_closed || (event.events & EPOLLIN);
    readiness.writable = event.events & EPOLLOUT;
    static_cast<Watcher*>(event.data.ptr)->OnReady(readiness);
  }
  told.anything = count > 0;
  return told;
}

void Poller::Wake() {
  const uint64_t one = 1;
  // Fails only if the counter is full, and then a wake-up is pending anyway.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

}  // namespace s2npkey::engine
