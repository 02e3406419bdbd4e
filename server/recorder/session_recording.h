// The trace files of one session, one after the other.
//
// Each file is a stretch without holes: header, Hello, a whole inventory, then
// the steps and reports as they came. It ends when it is large enough, when
// something was lost (a TraceGap is its last record then), when the session
// starts over with a new inventory, or with the session. The next one begins
// with an inventory of what was alive at that moment, taken from the mirror, so
// that each can be replayed on its own.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_RECORDER_SESSION_RECORDING_H_
#define KVPLACE_SERVER_RECORDER_SESSION_RECORDING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "kvplace/v1/trace.pb.h"
#include "server/core/metrics_sink.h"
#include "server/recorder/record_folder.h"
#include "server/recorder/session_mirror.h"
#include "server/service/clock.h"
#include "server/service/recorder_sink.h"
#include "server/trace/kvtrace_writer.h"

namespace kvplace {

// What recordings tell of themselves. Called from the thread that writes.
class RecordingObserver {
 public:
  virtual ~RecordingObserver() = default;
  // On disk, compressed.
  virtual void OnWritten(uint64_t records, uint64_t bytes) = 0;
  virtual void OnLost(DropReason reason, uint64_t records) = 0;
  virtual void OnError(const absl::Status& error) = 0;
};

class SessionRecording {
 public:
  // After something was lost the next file begins so much later at the
  // earliest, lest a disk that cannot follow gets a file per step.
  static constexpr absl::Duration kPauseAfterOverload = absl::Seconds(1);
  static constexpr absl::Duration kPauseAfterError = absl::Seconds(10);

  // All pointers outlive the recording. `hello` is what the session began with;
  // INVALID_ARGUMENT if it cannot be followed.
  static absl::StatusOr<std::unique_ptr<SessionRecording>> Create(
      SessionKey key, const v1::Hello& hello, RecordFolder* folder,
      const Clock* clock, RecordingObserver* observer);
  // Closes the file.
  ~SessionRecording();
  SessionRecording(const SessionRecording&) = delete;
  SessionRecording& operator=(const SessionRecording&) = delete;

  // An Inventory, Step or MoveReport.
  void OnRecord(const v1::TraceRecord& record);
  // A Step whose reads were left behind for lack of room.
  void OnThinStep(const v1::TraceRecord& record);
  // The service could not use a message.
  void OnGap(const std::string& reason);
  // Messages were lost before they came here.
  void OnLost();

  // Writes what was gathered for longer than `age`.
  void FlushIfOlderThan(absl::Duration age);
  // A file is ended at this size.
  void set_file_bytes(uint64_t bytes) { file_bytes_ = bytes; }
  bool has_file() const { return writer_ != nullptr; }

 private:
  SessionRecording(SessionKey key, const v1::Hello& hello,
                   std::unique_ptr<SessionMirror> mirror, RecordFolder* folder,
                   const Clock* clock, RecordingObserver* observer);

  void OnInventory(const v1::TraceRecord& record);
  void OnStepOrReport(const v1::TraceRecord& record);
  // Begins a file with header and Hello; false, with a pause, if that fails.
  bool BeginFile();
  // The same, and the inventory of the mirror.
  bool BeginFileInMidSession();
  absl::Status CreateWriter();
  // Writes one record to the open file; on failure there is no file after.
  void Write(const v1::TraceRecord& record);
  void EndFile();
  void EndFileWithGap(const std::string& reason);
  // After any call of the writer: counts what happened.
  void Account(const absl::Status& done, bool wrote_one);
  void Fail(const absl::Status& error);
  void Follow(const absl::Status& mirrored);

  const SessionKey key_;
  RecordFolder* const folder_;
  const Clock* const clock_;
  RecordingObserver* const observer_;
  const std::unique_ptr<SessionMirror> mirror_;
  v1::Hello hello_;

  uint64_t file_bytes_ = UINT64_MAX;
  uint32_t files_begun_ = 0;
  // Null: no file at the moment.
  std::unique_ptr<KvtraceWriter> writer_;
  std::string name_;
  absl::Duration last_flush_;
  // No file begins before.
  absl::Duration pause_until_;
  DropReason pause_reason_ = DropReason::kRecorderQueue;
  // An inventory is coming in.
  bool receiving_ = false;
  // Of the open file: records in the open frame, and what was told of.
  uint64_t in_frame_ = 0;
  uint64_t told_records_ = 0;
  uint64_t told_lost_ = 0;
  uint64_t told_bytes_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_RECORDER_SESSION_RECORDING_H_
