// A queue linked through its elements: joining needs no memory, so it cannot fail, and leaving
// needs no search.
#pragma once

#include <cstddef>

namespace s2npkey::engine {

template <typename T>
class IntrusiveQueue {
 public:
  // A member of the element, one for each queue that it may join. Destroying it leaves the queue.
  class Link {
   public:
    explicit Link(T* element) noexcept : element_(element) {}
    ~Link() { Leave(); }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    bool waits() const noexcept { return queue_ != nullptr; }
    void Leave() noexcept {
      if (!queue_) return;
      (previous_ ? previous_->next_ : queue_->first_) = next_;
      (next_ ? next_->previous_ : queue_->last_) = previous_;
      queue_->size_--;
      queue_ = nullptr;
      previous_ = next_ = nullptr;
    }

   private:
    friend class IntrusiveQueue;
    T* const element_;
    IntrusiveQueue* queue_ = nullptr;
    Link* previous_ = nullptr;
    Link* next_ = nullptr;
  };

  IntrusiveQueue() = default;
  ~IntrusiveQueue() {
    while (first_) first_->Leave();
  }
  IntrusiveQueue(const IntrusiveQueue&) = delete;
  IntrusiveQueue& operator=(const IntrusiveQueue&) = delete;

  // Appends the element. If it is already in a queue, it stays where it is.
  void Push(Link& link) noexcept {
    if (link.queue_) return;
    link.queue_ = this;
    link.previous_ = last_;
    (last_ ? last_->next_ : first_) = &link;
    last_ = &link;
    size_++;
  }
  // Removes and returns the first element; null: none.
  T* Pop() noexcept {
    if (!first_) return nullptr;
    T* const element = first_->element_;
    first_->Leave();
    return element;
  }
  bool empty() const noexcept { return first_ == nullptr; }
  size_t size() const noexcept { return size_; }

 private:
  Link* first_ = nullptr;
  Link* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace s2npkey::engine
