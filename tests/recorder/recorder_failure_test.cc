// What the recorder does when it cannot keep up or cannot write.
#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/recorder/trace_recorder.h"
#include "tests/recorder/recorder_test_util.h"

namespace kvplace {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using RecorderFailureTest = RecorderTest;

// Files of this process end at `bytes`: as good as a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(RecorderFailureTest, AFullQueueCostsReadsButNotTheThread) {
  StartByHand({.queue_bytes = 30000});
  RandomSession worker(1);
  const SessionKey key = KeyOf(1);
  Greet(key, worker);
  recorder_->RunOnce();
  uint64_t sent = 0;
  while (metrics_.Dropped(DropReason::kRecorderQueue) == 0) {
    // The writer sleeps; thin steps fill the last quarter at most.
    ASSERT_LT(sent, 1000u);
    Send(key, worker.Step());
    ++sent;
    if (sent % 40 == 0) recorder_->RunOnce();
  }
  recorder_->RunOnce();
  const TraceContent first = Files().at(0);
  EXPECT_EQ(first.records.back().gap().reason(), "the recorder was behind");
  EXPECT_LT(ReplaySteps(first, nullptr).size(), sent);
}

TEST_F(RecorderFailureTest, GoesOnWithAnInventoryOfItsOwn) {
  StartByHand({.queue_bytes = 30000});
  RandomSession worker(1);
  const SessionKey key = KeyOf(1);
  Greet(key, worker);
  recorder_->RunOnce();
  // Just over the limit: some thin steps, no loss.
  std::vector<v1::ConnectRequest> burst;
  uint64_t bytes = 0;
  while (bytes < 30500) {
    for (const auto& m : worker.Step()) {
      burst.push_back(m);
      bytes += m.ByteSizeLong() + 256;
    }
  }
  Send(key, burst);
  recorder_->RunOnce();
  ASSERT_GT(metrics_.Dropped(DropReason::kRecorderQueue), 0u);
  // Not at once: a second later.
  Send(key, worker.Step());
  recorder_->RunOnce();
  EXPECT_THAT(dir_.List(), SizeIs(1));
  clock_.Advance(SessionRecording::kPauseAfterOverload);
  const int64_t resumed = worker.next_step();
  for (int i = 0; i < 5; ++i) {
    Send(key, worker.Step());
    recorder_->RunOnce();
  }
  recorder_->OnClosed(key);
  recorder_->RunOnce();
  const std::vector<TraceContent> files = Files();
  ASSERT_THAT(files, SizeIs(2));
  RandomSession::Blocks at_end;
  EXPECT_EQ(ReplaySteps(files[1], &at_end).front(), resumed);
  EXPECT_EQ(at_end, worker.blocks());
}

TEST_F(RecorderFailureTest, AnOverfullQueueLosesASessionUntilItsNextInventory) {
  StartByHand({.queue_bytes = 30000});
  RandomSession worker(2), quiet(3);
  Greet(KeyOf(1), worker);
  Greet(KeyOf(2), quiet);
  recorder_->RunOnce();
  for (int i = 0; i < 200; ++i) Send(KeyOf(1), worker.Step());
  recorder_->RunOnce();
  clock_.Advance(absl::Seconds(60));
  for (int i = 0; i < 3; ++i) {
    Send(KeyOf(1), worker.Step());
    Send(KeyOf(2), quiet.Step());
    recorder_->RunOnce();
  }
  // One file each; the other session noticed nothing.
  EXPECT_THAT(dir_.List(), SizeIs(2));
  Send(KeyOf(1), worker.Inventory());
  Send(KeyOf(1), worker.Step());
  recorder_->OnClosed(KeyOf(1));
  recorder_->OnClosed(KeyOf(2));
  recorder_->RunOnce();
  const std::vector<TraceContent> files = Files();
  ASSERT_THAT(files, SizeIs(3));
  EXPECT_TRUE(files[0].records.back().has_gap());
  EXPECT_THAT(ReplaySteps(files[1], nullptr), SizeIs(1));
  RandomSession::Blocks at_end;
  EXPECT_THAT(ReplaySteps(files[2], &at_end), ElementsAre(100, 101, 102));
  EXPECT_EQ(at_end, quiet.blocks());
}

TEST_F(RecorderFailureTest, AFullDiskIsCountedAndRecoveredFrom) {
  StartByHand({.flush_interval = absl::ZeroDuration()});
  RandomSession worker(4);
  const SessionKey key = KeyOf(1);
  Greet(key, worker);
  for (int i = 0; i < 5; ++i) Send(key, worker.Step());
  recorder_->RunOnce();
  const uint64_t whole = metrics_.records;
  {
    FullDisk full(100);
    for (int i = 0; i < 20; ++i) {
      Send(key, worker.Step());
      recorder_->RunOnce();
    }
  }
  EXPECT_GT(errors_, 0);
  EXPECT_THAT(log_, Contains(HasSubstr("cannot be written: File too large")));
  EXPECT_GT(metrics_.Dropped(DropReason::kRecorderDisk), 20u);
  EXPECT_EQ(metrics_.records, whole);
  EXPECT_EQ(metrics_.Dropped(DropReason::kRecorderQueue), 0u);

  clock_.Advance(SessionRecording::kPauseAfterError);
  for (int i = 0; i < 5; ++i) Send(key, worker.Step());
  recorder_->OnClosed(key);
  recorder_->RunOnce();
  const std::vector<TraceContent> files = Files();
  ASSERT_THAT(files, SizeIs(2));
  EXPECT_THAT(ReplaySteps(files[0], nullptr), SizeIs(5));
  RandomSession::Blocks at_end;
  EXPECT_THAT(ReplaySteps(files[1], &at_end), SizeIs(5));
  EXPECT_EQ(at_end, worker.blocks());
}

TEST_F(RecorderFailureTest, AFolderThatIsGoneIsCountedAndRecoveredFrom) {
  TempDir parent;
  StartByHand();
  RandomSession worker(5);
  const SessionKey key = KeyOf(1);
  std::filesystem::remove_all(dir_.File(""));
  Greet(key, worker);
  for (int i = 0; i < 5; ++i) Send(key, worker.Step());
  recorder_->RunOnce();
  EXPECT_EQ(errors_, 1);
  EXPECT_GT(metrics_.Dropped(DropReason::kRecorderDisk), 5u);
  std::filesystem::create_directory(dir_.File(""));
  clock_.Advance(SessionRecording::kPauseAfterError);
  Send(key, worker.Step());
  recorder_->OnClosed(key);
  recorder_->RunOnce();
  ASSERT_THAT(Files(), SizeIs(1));
  EXPECT_THAT(ReplaySteps(Files()[0], nullptr), ElementsAre(105));
}

TEST_F(RecorderFailureTest, ASessionThatCannotBeFollowedIsNotRecorded) {
  StartByHand();
  v1::ConnectRequest hello;
  hello.mutable_hello();
  recorder_->OnMessage(KeyOf(1), hello);
  recorder_->OnMessage(KeyOf(1), RandomSession(1).Inventory().at(0));
  recorder_->OnClosed(KeyOf(1));
  recorder_->RunOnce();
  EXPECT_EQ(errors_, 1);
  EXPECT_THAT(dir_.List(), SizeIs(0));
}

TEST_F(RecorderFailureTest, ItSaysAtTheStartWhatIsWrongWithTheFolder) {
  const auto recorder =
      TraceRecorder::Start({.dir = "/proc/nowhere"}, &clock_, &metrics_, {});
  EXPECT_THAT(recorder, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 HasSubstr("/proc/nowhere")));
}

}  // namespace
}  // namespace kvplace
