#include "server/recorder/trace_recorder.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

// What an entry of the queue takes besides its message.
constexpr uint64_t kItemBytes = 256;
// A recorded session's least share of the folder.
constexpr uint64_t kSessionBytes = uint64_t{4} << 20;
// The shortest wait between two looks at what should be flushed.
constexpr absl::Duration kTick = absl::Seconds(1);

// The step without what makes it large. What stays is enough for the mirror.
void CopyThin(const v1::Step& from, v1::Step* to) {
  to->set_step(from.step());
  *to->mutable_allocated() = from.allocated();
  *to->mutable_freed() = from.freed();
  *to->mutable_sequences() = from.sequences();
  to->set_decode_steps(from.decode_steps());
}

}  // namespace

absl::StatusOr<std::unique_ptr<TraceRecorder>> TraceRecorder::Start(
    const Options& options, const Clock* clock, MetricsSink* metrics,
    Hooks hooks) {
  auto recorder = std::unique_ptr<TraceRecorder>(
      new TraceRecorder(options, clock, metrics, std::move(hooks)));
  if (absl::Status opened = recorder->folder_.Open(); !opened.ok()) {
    return opened;
  }
  recorder->ShareSpace();
  if (options.start_thread) {
    recorder->thread_ = std::thread([r = recorder.get()] { r->Loop(); });
  }
  return recorder;
}

TraceRecorder::TraceRecorder(const Options& options, const Clock* clock,
                             MetricsSink* metrics, Hooks hooks)
    : options_(options),
      clock_(clock),
      metrics_(metrics),
      hooks_(std::move(hooks)),
      file_bytes_(options.file_bytes),
      total_bytes_(options.total_bytes),
      folder_(options.dir) {}

TraceRecorder::~TraceRecorder() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
    wake_.Signal();
  }
  if (thread_.joinable()) thread_.join();
  while (RunOnce()) {
  }
  recordings_.clear();
}

void TraceRecorder::SetLimits(uint64_t file_bytes, uint64_t total_bytes) {
  file_bytes_ = file_bytes;
  total_bytes_ = total_bytes;
}

// --- the sessions' side ---

void TraceRecorder::OnMessage(const SessionKey& key,
                              const v1::ConnectRequest& message) noexcept {
  if (message.has_heartbeat()) return;
  try {
    TakeMessage(key, message);
  } catch (const std::exception&) {
    // Out of memory: the session must not suffer for its recording.
    metrics_->OnDropped(DropReason::kRecorderQueue, 1);
  }
}

void TraceRecorder::TakeMessage(const SessionKey& key,
                                const v1::ConnectRequest& message) {
  const uint64_t cost = message.ByteSizeLong() + kItemBytes;
  const Room room = Reserve(key.epoch, cost, message.has_hello());
  if (room == Room::kNone) {
    metrics_->OnDropped(DropReason::kRecorderQueue, 1);
    return;
  }
  // The copy is made without the lock; the session's messages stay in order
  // because it is one thread at a time that brings them.
  Item item{.kind = Kind::kRecord, .epoch = key.epoch, .cost = cost};
  item.record = std::make_unique<v1::TraceRecord>();
  if (message.has_hello()) {
    item.kind = Kind::kBegin;
    item.key = std::make_unique<SessionKey>(key);
    *item.record->mutable_hello() = message.hello();
  } else if (message.has_inventory()) {
    *item.record->mutable_inventory() = message.inventory();
  } else if (message.has_move_report()) {
    *item.record->mutable_move_report() = message.move_report();
  } else if (message.has_step() && room == Room::kThin) {
    item.kind = Kind::kThinStep;
    CopyThin(message.step(), item.record->mutable_step());
  } else if (message.has_step()) {
    *item.record->mutable_step() = message.step();
  }
  Push(std::move(item));
}

void TraceRecorder::OnGap(const SessionKey& key,
                          absl::string_view reason) noexcept {
  if (Reserve(key.epoch, kItemBytes, false) == Room::kNone) return;
  Push(Item{.kind = Kind::kGap,
            .epoch = key.epoch,
            .cost = kItemBytes,
            .reason = std::string(reason.substr(0, 128))});
}

void TraceRecorder::OnClosed(const SessionKey& key) noexcept {
  absl::MutexLock lock(&mu_);
  // Only one per lane, so these need no room.
  if (lanes_.erase(key.epoch) == 0) return;
  queue_.push_back(Item{.kind = Kind::kEnd, .epoch = key.epoch});
  wake_.Signal();
}

TraceRecorder::Room TraceRecorder::Reserve(uint64_t epoch, uint64_t cost,
                                           bool begins) {
  absl::MutexLock lock(&mu_);
  auto lane = lanes_.find(epoch);
  if (begins && lane == lanes_.end()) {
    const uint64_t most = std::clamp<uint64_t>(total_bytes_ / kSessionBytes, 1,
                                               options_.max_sessions);
    if (lanes_.size() >= most) return Room::kNone;
    if (queued_bytes_ + cost > options_.queue_bytes) return Room::kNone;
    lanes_[epoch] = Lane{};
  } else if (lane == lanes_.end() || lane->second.lost) {
    return Room::kNone;
  } else if (queued_bytes_ + cost >
             options_.queue_bytes + options_.queue_bytes / 4) {
    lane->second.lost = true;
    lost_.push_back(epoch);
    wake_.Signal();
    return Room::kNone;
  }
  const bool fits = queued_bytes_ + cost <= options_.queue_bytes;
  queued_bytes_ += cost;
  return fits ? Room::kFull : Room::kThin;
}

void TraceRecorder::Push(Item item) {
  absl::MutexLock lock(&mu_);
  queue_.push_back(std::move(item));
  wake_.Signal();
}

// --- the writing thread's side ---

void TraceRecorder::Loop() {
  while (true) {
    RunOnce();
    absl::MutexLock lock(&mu_);
    if (stop_) return;
    if (queue_.empty() && lost_.empty()) wake_.WaitWithTimeout(&mu_, kTick);
    if (stop_) return;
  }
}

bool TraceRecorder::RunOnce() {
  std::deque<Item> items;
  std::vector<uint64_t> lost;
  {
    absl::MutexLock lock(&mu_);
    items.swap(queue_);
    lost.swap(lost_);
    // From here on the lanes may fill again: what they bring comes after `lost`
    // is handled.
    for (const uint64_t epoch : lost) {
      if (const auto lane = lanes_.find(epoch); lane != lanes_.end()) {
        lane->second.lost = false;
      }
    }
  }
  const bool any = !items.empty() || !lost.empty();
  while (!items.empty()) {
    Handle(items.front());
    const uint64_t cost = items.front().cost;
    items.pop_front();
    absl::MutexLock lock(&mu_);
    queued_bytes_ -= cost;
  }
  for (const uint64_t epoch : lost) {
    const auto it = recordings_.find(epoch);
    if (it != recordings_.end()) it->second->OnLost();
  }
  for (const auto& [epoch, recording] : recordings_) {
    recording->FlushIfOlderThan(options_.flush_interval);
  }
  ShareSpace();
  return any;
}

void TraceRecorder::Handle(const Item& item) {
  if (item.kind == Kind::kBegin) {
    Begin(item);
    return;
  }
  const auto it = recordings_.find(item.epoch);
  if (it == recordings_.end()) return;
  switch (item.kind) {
    case Kind::kBegin:
      break;
    case Kind::kRecord:
      it->second->OnRecord(*item.record);
      break;
    case Kind::kThinStep:
      it->second->OnThinStep(*item.record);
      break;
    case Kind::kGap:
      it->second->OnGap(item.reason);
      break;
    case Kind::kEnd:
      recordings_.erase(it);
      break;
  }
}

void TraceRecorder::Begin(const Item& item) {
  auto recording = SessionRecording::Create(*item.key, item.record->hello(),
                                            &folder_, clock_, this);
  if (!recording.ok()) {
    OnError(recording.status());
    return;
  }
  recordings_[item.epoch] = *std::move(recording);
  ShareSpace();
}

void TraceRecorder::ShareSpace() {
  uint64_t files = 1;
  for (const auto& [epoch, recording] : recordings_) {
    if (recording->has_file()) ++files;
  }
  const uint64_t total = total_bytes_;
  const uint64_t share = std::min<uint64_t>(file_bytes_, total / (2 * files));
  for (const auto& [epoch, recording] : recordings_) {
    recording->set_file_bytes(share);
  }
  EnforceTotal();
  if (hooks_.on_disk_bytes) hooks_.on_disk_bytes(folder_.total_bytes());
}

void TraceRecorder::OnWritten(uint64_t records, uint64_t bytes) {
  metrics_->OnRecorded(records, bytes);
  EnforceTotal();
}

void TraceRecorder::EnforceTotal() {
  const uint64_t total = total_bytes_;
  if (folder_.total_bytes() <= total) return;
  folder_.DeleteOldest(total);
  if (!folder_.last_error().ok()) OnError(folder_.last_error());
}

void TraceRecorder::OnLost(DropReason reason, uint64_t records) {
  metrics_->OnDropped(reason, records);
}

void TraceRecorder::OnError(const absl::Status& error) {
  if (hooks_.on_error) hooks_.on_error();
  if (hooks_.log) {
    hooks_.log(LogLevel::kWarning, absl::StrCat("recorder: ", error.message()));
  }
}

}  // namespace kvplace
