#include "server/recorder/session_recording.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "kvplace/version.h"

namespace kvplace {

absl::StatusOr<std::unique_ptr<SessionRecording>> SessionRecording::Create(
    SessionKey key, const v1::Hello& hello, RecordFolder* folder,
    const Clock* clock, RecordingObserver* observer) {
  absl::StatusOr<std::unique_ptr<SessionMirror>> mirror =
      SessionMirror::Create(hello);
  if (!mirror.ok()) return mirror.status();
  return std::unique_ptr<SessionRecording>(new SessionRecording(
      std::move(key), hello, *std::move(mirror), folder, clock, observer));
}

SessionRecording::SessionRecording(SessionKey key, const v1::Hello& hello,
                                   std::unique_ptr<SessionMirror> mirror,
                                   RecordFolder* folder, const Clock* clock,
                                   RecordingObserver* observer)
    : key_(std::move(key)),
      folder_(folder),
      clock_(clock),
      observer_(observer),
      mirror_(std::move(mirror)),
      hello_(hello),
      pause_until_(clock->Monotonic()) {}

SessionRecording::~SessionRecording() { EndFile(); }

void SessionRecording::OnRecord(const v1::TraceRecord& record) {
  if (record.has_inventory()) {
    OnInventory(record);
  } else if (record.has_step() || record.has_move_report()) {
    OnStepOrReport(record);
  }
}

void SessionRecording::OnInventory(const v1::TraceRecord& record) {
  if (!receiving_) {
    // A replay reads a file up to a second inventory.
    EndFile();
    if (clock_->Monotonic() >= pause_until_) BeginFile();
  }
  receiving_ = !record.inventory().last();
  if (writer_ != nullptr) {
    Write(record);
  } else {
    observer_->OnLost(pause_reason_, 1);
  }
  Follow(mirror_->OnInventory(record.inventory()));
}

void SessionRecording::OnStepOrReport(const v1::TraceRecord& record) {
  if (writer_ == nullptr && mirror_->in_sync() && !mirror_->holds_report() &&
      clock_->Monotonic() >= pause_until_) {
    BeginFileInMidSession();
  }
  if (writer_ != nullptr) {
    Write(record);
  } else {
    observer_->OnLost(pause_reason_, 1);
  }
  if (record.has_move_report()) {
    Follow(mirror_->OnMoveReport(record.move_report()));
    return;
  }
  Follow(mirror_->OnStep(record.step()));
  // Only between a step and the next report is the mirror's picture whole. The
  // next file begins with the next message, lest it stay without steps.
  if (writer_ != nullptr && writer_->file_bytes() >= file_bytes_) EndFile();
}

void SessionRecording::OnThinStep(const v1::TraceRecord& record) {
  observer_->OnLost(DropReason::kRecorderQueue, 1);
  pause_reason_ = DropReason::kRecorderQueue;
  pause_until_ = clock_->Monotonic() + kPauseAfterOverload;
  EndFileWithGap("the recorder was behind");
  Follow(mirror_->OnStep(record.step()));
}

void SessionRecording::OnGap(const std::string& reason) {
  EndFileWithGap(reason);
  mirror_->Lose();
  receiving_ = false;
}

void SessionRecording::OnLost() {
  pause_reason_ = DropReason::kRecorderQueue;
  OnGap("the recorder's queue was full");
}

void SessionRecording::Follow(const absl::Status& mirrored) {
  if (mirrored.ok()) return;
  observer_->OnError(absl::InternalError(
      absl::StrCat("a session of ", key_.node_id, " device ", key_.device_index,
                   " cannot be followed: ", mirrored.message())));
  EndFileWithGap("the recorder lost track");
  receiving_ = false;
}

absl::Status SessionRecording::CreateWriter() {
  // The folder may have files of an earlier run with the same second and epoch.
  absl::Status error;
  for (int attempt = 0; attempt < 16; ++attempt) {
    name_ = RecordFileName(key_, clock_->Wall(), files_begun_++);
    auto writer = KvtraceWriter::Create(folder_->PathOf(name_), {});
    if (writer.ok()) {
      writer_ = *std::move(writer);
      return absl::OkStatus();
    }
    error = writer.status();
    if (!absl::IsAlreadyExists(error)) break;
  }
  return error;
}

bool SessionRecording::BeginFile() {
  if (absl::Status created = CreateWriter(); !created.ok()) {
    Fail(created);
    return false;
  }
  in_frame_ = told_records_ = told_lost_ = told_bytes_ = 0;
  last_flush_ = clock_->Monotonic();
  folder_->Set(name_, 0, true);
  v1::TraceRecord record;
  v1::TraceHeader* const header = record.mutable_header();
  header->set_format_version(kTraceFormatVersion);
  header->set_writer(absl::StrCat("kvplaced ", kVersion));
  header->set_source(absl::StrCat("session ", key_.epoch, " of ", key_.node_id,
                                  " device ", key_.device_index,
                                  ", incarnation ", key_.incarnation));
  header->set_recorded_at_ns(
      static_cast<uint64_t>(absl::ToUnixNanos(clock_->Wall())));
  Write(record);
  if (writer_ == nullptr) return false;
  hello_.set_next_step(mirror_->next_step());
  *record.mutable_hello() = hello_;
  Write(record);
  return writer_ != nullptr;
}

bool SessionRecording::BeginFileInMidSession() {
  if (!mirror_->in_sync() || !BeginFile()) return false;
  mirror_->WriteInventory([this](const v1::Inventory& chunk) {
    if (writer_ == nullptr) return;
    v1::TraceRecord record;
    *record.mutable_inventory() = chunk;
    Write(record);
  });
  return writer_ != nullptr;
}

void SessionRecording::Write(const v1::TraceRecord& record) {
  const absl::Status written = writer_->Write(record);
  Account(written, true);
  if (!written.ok()) Fail(written);
}

void SessionRecording::Account(const absl::Status& done, bool wrote_one) {
  if (wrote_one && done.ok()) ++in_frame_;
  if (writer_->open_frame_bytes() == 0) in_frame_ = 0;
  const uint64_t lost = writer_->records_lost();
  const uint64_t durable = writer_->records() - lost - in_frame_;
  const uint64_t bytes = writer_->file_bytes();
  if (lost > told_lost_) {
    observer_->OnLost(DropReason::kRecorderDisk, lost - told_lost_);
  }
  if (durable > told_records_ || bytes > told_bytes_) {
    folder_->Set(name_, bytes, true);
    observer_->OnWritten(durable - told_records_, bytes - told_bytes_);
  }
  told_lost_ = lost;
  told_records_ = durable;
  told_bytes_ = bytes;
}

void SessionRecording::Fail(const absl::Status& error) {
  observer_->OnError(error);
  pause_reason_ = DropReason::kRecorderDisk;
  pause_until_ = clock_->Monotonic() + kPauseAfterError;
  if (writer_ != nullptr) {
    // What is on disk is sound; the rest was counted as lost.
    writer_->Close().IgnoreError();
    folder_->Set(name_, writer_->file_bytes(), false);
    writer_.reset();
  }
}

void SessionRecording::EndFile() {
  if (writer_ == nullptr) return;
  const absl::Status closed = writer_->Close();
  Account(closed, false);
  folder_->Set(name_, writer_->file_bytes(), false);
  writer_.reset();
  if (!closed.ok()) Fail(closed);
}

void SessionRecording::EndFileWithGap(const std::string& reason) {
  if (writer_ == nullptr) return;
  v1::TraceRecord record;
  // How many will be missing is not known yet.
  record.mutable_gap()->set_reason(reason);
  Write(record);
  EndFile();
}

void SessionRecording::FlushIfOlderThan(absl::Duration age) {
  const absl::Duration now = clock_->Monotonic();
  if (writer_ == nullptr || now - last_flush_ < age) return;
  last_flush_ = now;
  if (writer_->open_frame_bytes() == 0) return;
  const absl::Status flushed = writer_->Flush();
  Account(flushed, false);
  if (!flushed.ok()) Fail(flushed);
}

}  // namespace kvplace
