// A doubly linked list through its elements, which it does not own: nothing is allocated to add or
// remove one.
#pragma once

namespace s2npkey::memory {

// `Link` has members `Link* previous` and `Link* next`, for one chain at a time.
template <typename Link>
class Chain {
 public:
  Link* front() const noexcept { return front_; }

  void PushFront(Link* link) noexcept {
    link->previous = nullptr;
    link->next = front_;
    (front_ ? front_->previous : back_) = link;
    front_ = link;
  }

  void PushBack(Link* link) noexcept {
    link->next = nullptr;
    link->previous = back_;
    (back_ ? back_->next : front_) = link;
    back_ = link;
  }

  void Remove(Link* link) noexcept {
    (link->previous ? link->previous->next : front_) = link->next;
    (link->next ? link->next->previous : back_) = link->previous;
  }

 private:
  Link* front_ = nullptr;
  Link* back_ = nullptr;
};

}  // namespace s2npkey::memory
