// A recorder that remembers what it is told and lets a test wait for the end of
// a session.
//
// Thread-safety: any thread.
#ifndef KVPLACE_TESTS_TESTING_FAKE_RECORDER_H_
#define KVPLACE_TESTS_TESTING_FAKE_RECORDER_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "server/service/recorder_sink.h"

namespace kvplace {

class FakeRecorder final : public RecorderSink {
 public:
  void OnMessage(const SessionKey& key,
                 const v1::ConnectRequest& message) noexcept override {
    absl::MutexLock lock(&mu_);
    events_.push_back(absl::StrCat(key.node_id, "/", key.device_index, " ",
                                   message.sequence_number()));
  }
  void OnGap(const SessionKey&, absl::string_view) noexcept override {
    absl::MutexLock lock(&mu_);
    events_.push_back("gap");
  }
  void OnClosed(const SessionKey&) noexcept override {
    absl::MutexLock lock(&mu_);
    events_.push_back("closed");
    ++closed_;
  }

  void AwaitClosed(int sessions) {
    absl::MutexLock lock(&mu_);
    const auto enough = [this, sessions]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return closed_ >= sessions;
    };
    ASSERT_TRUE(
        mu_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20)));
  }
  std::vector<std::string> events() {
    absl::MutexLock lock(&mu_);
    return events_;
  }

 private:
  absl::Mutex mu_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mu_);
  int closed_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_FAKE_RECORDER_H_
