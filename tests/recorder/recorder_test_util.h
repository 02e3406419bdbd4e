// A recorder in a folder of its own, driven by hand, and what it reported.
#ifndef KVPLACE_TESTS_RECORDER_RECORDER_TEST_UTIL_H_
#define KVPLACE_TESTS_RECORDER_RECORDER_TEST_UTIL_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/recorder/trace_recorder.h"
#include "tests/recorder/random_session.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {

// Counts what the recorder says; nothing else reports here.
class RecorderMetrics final : public MetricsSink {
 public:
  std::unique_ptr<DeviceMetrics> AddDevice(absl::string_view, uint32_t,
                                           const DeviceFacts&) override {
    return nullptr;
  }
  void SetSessions(uint64_t) override {}
  void OnRejected(RejectReason) override {}
  void OnDropped(DropReason reason, uint64_t n) override {
    dropped[static_cast<size_t>(reason)] += n;
  }
  void OnRecorded(uint64_t r, uint64_t b) override {
    records += r;
    bytes += b;
  }
  uint64_t Dropped(DropReason reason) const {
    return dropped[static_cast<size_t>(reason)];
  }

  std::array<std::atomic<uint64_t>, kDropReasons> dropped{};
  std::atomic<uint64_t> records{0}, bytes{0};
};

class RecorderTest : public ::testing::Test {
 protected:
  void Start(TraceRecorder::Options options) {
    options.dir = dir_.File("");
    auto recorder = TraceRecorder::Start(
        options, &clock_, &metrics_,
        {.log = [this](LogLevel,
                       const std::string& line) { log_.push_back(line); },
         .on_error = [this] { ++errors_; },
         .on_disk_bytes = [this](uint64_t bytes) { disk_bytes_ = bytes; }});
    ASSERT_THAT(recorder, IsOk());
    recorder_ = *std::move(recorder);
  }
  void StartByHand(TraceRecorder::Options options = {}) {
    options.start_thread = false;
    Start(std::move(options));
  }

  static SessionKey KeyOf(uint64_t epoch) { return {"n0", 3, 77, epoch}; }

  void Send(const SessionKey& key, const std::vector<v1::ConnectRequest>& ms) {
    for (const v1::ConnectRequest& m : ms) recorder_->OnMessage(key, m);
  }
  void Greet(const SessionKey& key, RandomSession& worker) {
    recorder_->OnMessage(key, worker.Hello());
    Send(key, worker.Inventory());
  }

  // The files in order of age, as read back; each must be sound.
  std::vector<TraceContent> Files() {
    std::vector<std::string> names = dir_.List();
    std::sort(names.begin(), names.end());
    std::vector<TraceContent> files;
    for (const std::string& name : names) {
      files.push_back(ReadTrace(dir_.File(name)));
      EXPECT_THAT(files.back().status, IsOk());
      EXPECT_FALSE(files.back().truncated) << files.back().truncation;
    }
    return files;
  }

  TempDir dir_;
  FakeClock clock_;
  RecorderMetrics metrics_;
  std::vector<std::string> log_;
  std::atomic<int> errors_{0};
  std::atomic<uint64_t> disk_bytes_{0};
  std::unique_ptr<TraceRecorder> recorder_;
};

// Follows one file's records with a mirror: each file must stand on its own.
// Returns the steps it holds, in order.
inline std::vector<int64_t> ReplaySteps(const TraceContent& file,
                                        RandomSession::Blocks* at_end) {
  std::vector<int64_t> steps;
  EXPECT_GE(file.records.size(), 3u);
  EXPECT_TRUE(file.records.at(0).has_header());
  EXPECT_TRUE(file.records.at(1).has_hello());
  EXPECT_TRUE(file.records.at(2).has_inventory());
  auto mirror = SessionMirror::Create(file.records.at(1).hello());
  EXPECT_THAT(mirror, IsOk());
  for (size_t i = 2; i < file.records.size(); ++i) {
    const v1::TraceRecord& r = file.records[i];
    if (r.has_inventory()) {
      EXPECT_THAT((*mirror)->OnInventory(r.inventory()), IsOk());
    } else if (r.has_move_report()) {
      EXPECT_THAT((*mirror)->OnMoveReport(r.move_report()), IsOk());
    } else if (r.has_step()) {
      EXPECT_TRUE((*mirror)->in_sync());
      EXPECT_THAT((*mirror)->OnStep(r.step()), IsOk());
      steps.push_back(r.step().step());
    }
  }
  if (!steps.empty()) {
    // Less after a loss.
    EXPECT_LE(file.records.at(1).hello().next_step(), steps.front());
  }
  if (at_end != nullptr && (*mirror)->in_sync()) {
    at_end->clear();
    (*mirror)->WriteInventory([at_end](const v1::Inventory& chunk) {
      for (const v1::BlockRange& range : chunk.blocks()) {
        for (uint32_t k = 0; k < range.count(); ++k) {
          (*at_end)[range.first_handle() + k] = {
              range.sequence(), range.group(), range.first_page() + k,
              range.tier()};
        }
      }
    });
  }
  return steps;
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_RECORDER_RECORDER_TEST_UTIL_H_
