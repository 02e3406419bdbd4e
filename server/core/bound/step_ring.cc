#include "server/core/bound/step_ring.h"

#include <utility>

namespace kvplace {

StepRing::StepRing(uint32_t steps, uint64_t max_reads)
    : max_reads_(max_reads), ring_(steps) {
  spare_.reserve(steps);
}

StepRecord& StepRing::Begin() {
  if (open_ == nullptr) {
    if (spare_.empty()) {
      open_ = std::make_shared<StepRecord>();
    } else {
      open_ = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  open_->Clear();
  return *open_;
}

void StepRing::Commit(Seconds seconds) {
  open_->SetSeconds(seconds);
  reads_ += open_->reads();
  if (count_ == ring_.size()) DropOldest();
  ring_[(first_ + count_) % ring_.size()] = std::move(open_);
  ++count_;
  ++committed_;
  while (reads_ > max_reads_ && count_ > 1) DropOldest();
}

void StepRing::DropOldest() {
  std::shared_ptr<StepRecord> oldest = std::move(ring_[first_]);
  first_ = static_cast<uint32_t>((first_ + 1) % ring_.size());
  --count_;
  reads_ -= oldest->reads();
  Keep(std::move(oldest));
}

void StepRing::Keep(std::shared_ptr<StepRecord> record) {
  // Otherwise whoever has it will give it back. This is no race: who took it
  // holds it until then.
  if (record.use_count() > 1 || spare_.size() == ring_.size()) return;
  spare_.push_back(std::move(record));
}

void StepRing::Clear() {
  open_.reset();
  while (count_ > 0) DropOldest();
}

size_t StepRing::bytes() const {
  size_t sum = open_ == nullptr ? 0 : open_->capacity();
  for (const auto& record : ring_) {
    if (record != nullptr) sum += record->capacity();
  }
  for (const auto& record : spare_) sum += record->capacity();
  return sum;
}

StepRecords StepRing::Share() const {
  StepRecords records;
  records.reserve(count_);
  for (uint32_t i = 0; i < count_; ++i) {
    records.push_back(ring_[(first_ + i) % ring_.size()]);
  }
  return records;
}

void StepRing::GiveBack(StepRecords records) {
  for (std::shared_ptr<StepRecord>& record : records) Keep(std::move(record));
}

}  // namespace kvplace
