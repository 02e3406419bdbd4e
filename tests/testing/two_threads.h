// What ParallelFor stands for, on two threads whatever the machine has.
#ifndef KVPLACE_TESTS_TESTING_TWO_THREADS_H_
#define KVPLACE_TESTS_TESTING_TWO_THREADS_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>

namespace kvplace {

inline void RunOnTwoThreads(size_t n, const std::function<void(size_t)>& task) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < n; i = next++) task(i);
  };
  std::thread other(work);
  work();
  other.join();
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_TWO_THREADS_H_
