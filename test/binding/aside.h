// Work on a thread of its own, which has ended when its outcome is there. That of std::async may
// not have, in libc++: what AWS-LC keeps for each thread is freed after it, while a test counts.
#pragma once

#include <chrono>
#include <future>
#include <thread>
#include <utility>

namespace s2npkey::test {

template <typename T>
class Aside {
 public:
  Aside() = default;
  template <typename Work>
  explicit Aside(Work work) {
    std::packaged_task<T()> task(std::move(work));
    outcome_ = task.get_future();
    thread_ = std::thread(std::move(task));
  }
  Aside(Aside&&) = default;
  Aside& operator=(Aside&& other) {
    Join();
    outcome_ = std::move(other.outcome_);
    thread_ = std::move(other.thread_);
    return *this;
  }
  ~Aside() { Join(); }

  T get() {
    Join();
    return outcome_.get();
  }
  void wait() { Join(); }
  bool valid() const { return outcome_.valid(); }
  bool HasEnded() const {
    return outcome_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  void Join() {
    if (thread_.joinable()) thread_.join();
  }

  std::future<T> outcome_;
  std::thread thread_;
};

template <typename Work>
auto RunAside(Work work) {
  return Aside<decltype(work())>(std::move(work));
}

}  // namespace s2npkey::test
