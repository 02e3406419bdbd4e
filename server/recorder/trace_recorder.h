// Records live sessions to .kvtrace files.
//
// Sessions put copies of their messages into one queue, bounded in bytes; a
// thread of the recorder's own compresses and writes them. A session never
// waits for the disk: when the queue is full, steps are kept without their
// reads, which is enough to follow what is alive; when it is over-full by a
// quarter, the session's messages are dropped until its next inventory. A disk
// that fails costs records, which are counted, and nothing else; every ten
// seconds a new file is tried.
//
// The queue has one lock, held for some 100 ns per message; recording is a
// diagnosis, not the normal state. Memory: the queue, one open frame of about
// 1 MiB per session, and the mirrors (session_mirror.h).
//
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_RECORDER_TRACE_RECORDER_H_
#define KVPLACE_SERVER_RECORDER_TRACE_RECORDER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "kvplace/v1/trace.pb.h"
#include "server/core/metrics_sink.h"
#include "server/recorder/record_folder.h"
#include "server/recorder/session_recording.h"
#include "server/service/clock.h"
#include "server/service/recorder_sink.h"
#include "server/service/service_options.h"

namespace kvplace {

class TraceRecorder final : public RecorderSink, private RecordingObserver {
 public:
  struct Options {
    std::string dir;
    // A file ends at this size; earlier when so many sessions are recorded that
    // all their files would not fit into half of total_bytes.
    uint64_t file_bytes = uint64_t{256} << 20;
    // All trace files of the folder; the oldest are deleted beyond it. A
    // session is recorded only while there are at least 4 MiB for each.
    uint64_t total_bytes = uint64_t{10} << 30;
    uint64_t queue_bytes = uint64_t{64} << 20;
    // What was gathered is written at the latest after this.
    absl::Duration flush_interval = absl::Seconds(10);
    // Sessions at a time, each with an open file; others are not recorded.
    uint32_t max_sessions = 1024;
    // Off: the test calls RunOnce itself.
    bool start_thread = true;
  };
  struct Hooks {
    // May be empty.
    LogFunction log;
    std::function<void()> on_error;
    std::function<void(uint64_t)> on_disk_bytes;
  };

  // Opens the folder; the error is for the operator. `clock` and `metrics`
  // outlive the recorder.
  static absl::StatusOr<std::unique_ptr<TraceRecorder>> Start(
      const Options& options, const Clock* clock, MetricsSink* metrics,
      Hooks hooks);
  // Writes what is in the queue and closes the files.
  ~TraceRecorder() override;

  void OnMessage(const SessionKey& key,
                 const v1::ConnectRequest& message) noexcept override;
  void OnGap(const SessionKey& key, absl::string_view reason) noexcept override;
  void OnClosed(const SessionKey& key) noexcept override;

  // In force from the next record on.
  void SetLimits(uint64_t file_bytes, uint64_t total_bytes);

  // Writes what is queued now; false if there was nothing.
  bool RunOnce() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class Kind : uint8_t { kBegin, kRecord, kThinStep, kGap, kEnd };
  struct Item {
    Kind kind;
    uint64_t epoch = 0;
    uint64_t cost = 0;
    // kBegin: the Hello; kRecord, kThinStep: the message.
    std::unique_ptr<v1::TraceRecord> record;
    // kBegin only.
    std::unique_ptr<SessionKey> key;
    // kGap only.
    std::string reason;
  };
  enum class Room : uint8_t { kFull, kThin, kNone };
  struct Lane {
    // Messages were dropped and the writer does not know yet.
    bool lost = false;
  };

  TraceRecorder(const Options& options, const Clock* clock,
                MetricsSink* metrics, Hooks hooks);

  void TakeMessage(const SessionKey& key, const v1::ConnectRequest& message);
  // Takes room in the queue for `cost` bytes; for one that `begins` also a
  // lane. kNone: there is none, and the lane is lost.
  Room Reserve(uint64_t epoch, uint64_t cost, bool begins)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Push(Item item) ABSL_LOCKS_EXCLUDED(mu_);
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);

  // The writing thread's.
  void Handle(const Item& item);
  void Begin(const Item& item);
  // Tells recordings when their files are large enough.
  void ShareSpace();
  void EnforceTotal();
  void OnWritten(uint64_t records, uint64_t bytes) override;
  void OnLost(DropReason reason, uint64_t records) override;
  void OnError(const absl::Status& error) override;

  const Options options_;
  const Clock* const clock_;
  MetricsSink* const metrics_;
  const Hooks hooks_;
  std::atomic<uint64_t> file_bytes_;
  std::atomic<uint64_t> total_bytes_;

  // Touched by the writing thread alone.
  RecordFolder folder_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<SessionRecording>> recordings_;

  absl::Mutex mu_;
  absl::CondVar wake_;
  std::deque<Item> queue_ ABSL_GUARDED_BY(mu_);
  uint64_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  // By epoch: sessions whose Hello was taken and that have not ended.
  absl::flat_hash_map<uint64_t, Lane> lanes_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> lost_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_RECORDER_TRACE_RECORDER_H_
