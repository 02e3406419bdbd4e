#include "server/metrics/prometheus_sink.h"

#include <optional>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

double AsDouble(Bytes bytes) { return static_cast<double>(bytes.count()); }

// 0 where nothing was done in no time.
double Ratio(double a, double b) { return b > 0 ? a / b : 0; }

}  // namespace

// What a session holds; see DeviceSeries for what an event costs.
class PrometheusSink::Device final : public DeviceMetrics {
 public:
  // `key` is empty, and `groups` null, where the device is counted with others.
  Device(PrometheusSink* sink, std::optional<Key> key, DeviceSeries* series,
         GroupSeries* groups, const DeviceFacts& facts)
      : sink_(sink),
        key_(std::move(key)),
        s_(*series),
        groups_(groups),
        peak_(facts.peak.value()) {
    s_.gauge(Metric::kPeakBandwidth).Set(peak_);
    s_.gauge(Metric::kLayerGroups).Set(facts.groups);
  }
  ~Device() override {
    if (key_.has_value()) sink_->Release(*key_);
  }

  void OnStep(const StepAccount& step, uint64_t decode_steps,
              const std::optional<StepMeasurement>& measured) override {
    const double seconds = step.seconds.value();
    s_.counter(Metric::kSteps).Increment();
    s_.counter(Metric::kDecodeSteps).Increment(decode_steps);
    s_.histogram(Metric::kStepSeconds).Observe(seconds);
    s_.counter(Metric::kRooflineSeconds).Increment(step.roofline.value());
    CountBytes(step.traffic);
    if (measured.has_value()) {
      const double wall = measured->seconds.value();
      s_.histogram(Metric::kMeasuredStepSeconds).Observe(wall);
      s_.gauge(Metric::kLastMeasuredStepSeconds).Set(wall);
    }
    s_.gauge(Metric::kLastStepSeconds).Set(seconds);
    s_.gauge(Metric::kLastRooflineSeconds).Set(step.roofline.value());
    // A step without reads says nothing about bandwidth.
    if (step.traffic.reads() > Bytes(0)) SetBandwidth(step, measured);
    last_seconds_ = seconds;
  }

  void OnGroups(absl::Span<const GroupAccount> groups) override {
    if (Fits(groups.size())) groups_->Count(groups);
  }

  void OnLeftInDram(OrderSource order, uint64_t blocks) override {
    s_.left_in_dram(order).Increment(static_cast<double>(blocks));
  }

  void OnPolicy(absl::string_view policy, absl::string_view mode) override {
    if (!key_.has_value()) return;
    s_.SetPolicy(std::string(policy), std::string(mode));
    // They are those of another policy, until this one has some.
    s_.SetLeader(std::nullopt);
    if (groups_ != nullptr) groups_->RemovePrices();
  }

  void OnPrices(Leader leader, const GroupPrices& prices) override {
    s_.SetLeader(leader);
    if (Fits(prices.groups())) groups_->SetPrices(prices);
  }

  void OnMoves(MoveReason reason, MoveOutcome outcome,
               uint64_t blocks) override {
    s_.moved_blocks(reason, outcome).Increment(static_cast<double>(blocks));
  }

  void OnPlan(Seconds decide, Seconds latency) override {
    s_.counter(Metric::kPlans).Increment();
    s_.histogram(Metric::kPlanDecideSeconds).Observe(decide.value());
    s_.histogram(Metric::kPlanLatencySeconds).Observe(latency.value());
  }

  void OnLedger(Bytes capacity, Bytes resident, Bytes reserved,
                Bytes in_flight) override {
    s_.gauge(Metric::kHbmCapacityBytes).Set(AsDouble(capacity));
    s_.gauge(Metric::kHbmResidentBytes).Set(AsDouble(resident));
    s_.gauge(Metric::kHbmReservedBytes).Set(AsDouble(reserved));
    s_.gauge(Metric::kHbmInFlightBytes).Set(AsDouble(in_flight));
  }

  void OnObserved(const StepAccount& with_plans) override {
    const double seconds = with_plans.seconds.value();
    s_.counter(Metric::kObservedBaseSeconds).Increment(last_seconds_);
    s_.counter(Metric::kObservedPlanSeconds).Increment(seconds);
    s_.gauge(Metric::kObservedLastStepSeconds).Set(seconds);
    s_.gauge(Metric::kObservedGainRatio).Set(Ratio(last_seconds_, seconds));
  }

  void OnHindsight(const std::optional<RollingBound>& bound,
                   Seconds cpu) override {
    s_.counter(Metric::kHindsightCpu).Increment(cpu.value());
    if (!bound) return;
    if (key_.has_value()) s_.AddHindsightGauges();
    s_.gauge(Metric::kHindsightRatio).Set(bound->ratio());
    s_.gauge(Metric::kHindsightGapRatio).Set(bound->gap());
    s_.gauge(Metric::kHindsightWindowSteps).Set(bound->steps);
  }

  void OnHindsightAge(Seconds age) override {
    s_.gauge(Metric::kHindsightAge).Set(age.value());
  }

  void OnResync(ResyncCause cause) override { s_.resyncs(cause).Increment(); }

  void OnDropped(DropReason reason, uint64_t messages) override {
    s_.dropped(reason).Increment(static_cast<double>(messages));
  }

 private:
  // Two sessions of one device at a time share its series, and the older one's
  // groups may be others.
  bool Fits(size_t groups) const {
    return groups_ != nullptr && groups_->groups() == groups;
  }

  void CountBytes(const PhaseTraffic& t) {
    const DeviceSeries::ByteCounters& bytes = s_.bytes();
    bytes.read_hbm->Increment(AsDouble(t.hbm_reads));
    bytes.read_dram->Increment(AsDouble(t.dram_reads));
    bytes.promoted->Increment(AsDouble(t.promoted));
    bytes.prefetched->Increment(AsDouble(t.prefetched));
    bytes.demoted->Increment(AsDouble(t.demoted));
    bytes.new_kv_hbm->Increment(AsDouble(t.new_kv_hbm));
    bytes.new_kv_dram->Increment(AsDouble(t.new_kv_dram));
  }

  void SetBandwidth(const StepAccount& step,
                    const std::optional<StepMeasurement>& measured) {
    const double seconds = step.seconds.value();
    const double roofline = step.roofline.value();
    const double modelled_bytes = AsDouble(step.traffic.reads());
    double achieved = Ratio(modelled_bytes, seconds);
    if (measured.has_value()) {
      const double bytes = AsDouble(measured->hbm_reads + measured->dram_reads);
      achieved =
          Ratio(bytes > 0 ? bytes : modelled_bytes, measured->seconds.value());
    }
    s_.gauge(Metric::kAchievedBandwidth).Set(achieved);
    s_.gauge(Metric::kRooflineBandwidth).Set(Ratio(modelled_bytes, roofline));
    s_.gauge(Metric::kUtilization).Set(Ratio(achieved, peak_));
    s_.gauge(Metric::kRooflineRatio).Set(Ratio(roofline, seconds));
  }

  PrometheusSink* const sink_;
  const std::optional<Key> key_;
  DeviceSeries& s_;
  GroupSeries* const groups_;
  const double peak_;
  // Modelled time of the last step, for OnObserved.
  double last_seconds_ = 0;
};

PrometheusSink::PrometheusSink(const Options& options) : options_(options) {
  for (int r = 0; r < kRejectReasons; ++r) {
    const std::string name(Name(static_cast<RejectReason>(r)));
    rejected_[r] =
        &families_.AddCounter(Metric::kRejectedMessages, {{"reason", name}});
  }
  for (int r = 0; r < kDropReasons; ++r) {
    const std::string name(Name(static_cast<DropReason>(r)));
    dropped_[r] =
        &families_.AddCounter(Metric::kDroppedRecords, {{"reason", name}});
  }
  for (const MetricInfo& info : MetricCatalog()) {
    if (*info.labels != '\0') continue;
    const auto i = static_cast<size_t>(info.metric);
    if (info.type == MetricType::kCounter) {
      counters_[i] = &families_.AddCounter(info.metric, {});
    } else {
      gauges_[i] = &families_.AddGauge(info.metric, {});
    }
  }
  reloads_ok_ =
      &families_.AddCounter(Metric::kConfigReloads, {{"result", "ok"}});
  reloads_failed_ =
      &families_.AddCounter(Metric::kConfigReloads, {{"result", "failed"}});
  gauges_[static_cast<size_t>(Metric::kConfigReloadOk)]->Set(1);
}

PrometheusSink::~PrometheusSink() = default;

PrometheusSink::Slot* PrometheusSink::SlotFor(const Key& key) {
  const auto found = slots_.find(key);
  if (found != slots_.end()) return &found->second;
  if (slots_.size() >= options_.max_devices) {
    auto oldest = slots_.end();
    for (auto it = slots_.begin(); it != slots_.end(); ++it) {
      if (it->second.live > 0) continue;
      if (oldest == slots_.end() || it->second.ended < oldest->second.ended) {
        oldest = it;
      }
    }
    if (oldest == slots_.end()) return nullptr;
    slots_.erase(oldest);
  }
  Slot slot{.series = std::make_unique<DeviceSeries>(&families_, key.first,
                                                     absl::StrCat(key.second))};
  return &slots_.emplace(key, std::move(slot)).first->second;
}

std::unique_ptr<DeviceMetrics> PrometheusSink::AddDevice(
    absl::string_view node, uint32_t device, const DeviceFacts& facts) {
  const Key key(std::string(node), device);
  absl::MutexLock lock(&mu_);
  Slot* const slot = SlotFor(key);
  if (slot == nullptr) {
    if (other_ == nullptr) {
      other_ =
          std::make_unique<DeviceSeries>(&families_, kOtherNode, kOtherNode);
    }
    return std::make_unique<Device>(this, std::nullopt, other_.get(), nullptr,
                                    facts);
  }
  if (slot->live++ == 0) {
    slot->series->AddGauges();
    if (slot->groups == nullptr || slot->groups->groups() != facts.groups) {
      // Its series leave before others of the same name come.
      slot->groups.reset();
      slot->groups =
          std::make_unique<GroupSeries>(&families_, slot->series->labels(),
                                        facts.groups, options_.max_group_rows);
    }
  }
  return std::make_unique<Device>(this, key, slot->series.get(),
                                  slot->groups.get(), facts);
}

void PrometheusSink::Release(const Key& key) {
  absl::MutexLock lock(&mu_);
  Slot& slot = slots_.at(key);
  if (--slot.live > 0) return;
  slot.series->RemoveGauges();
  slot.groups->RemovePrices();
  slot.ended = ++ends_;
}

void PrometheusSink::SetSessions(uint64_t live) {
  gauges_[static_cast<size_t>(Metric::kSessions)]->Set(
      static_cast<double>(live));
}

void PrometheusSink::OnRejected(RejectReason reason) {
  rejected_[static_cast<size_t>(reason)]->Increment();
}

void PrometheusSink::OnDropped(DropReason reason, uint64_t records) {
  dropped_[static_cast<size_t>(reason)]->Increment(
      static_cast<double>(records));
}

void PrometheusSink::OnRecorded(uint64_t records, uint64_t bytes) {
  counters_[static_cast<size_t>(Metric::kRecorderRecords)]->Increment(
      static_cast<double>(records));
  counters_[static_cast<size_t>(Metric::kRecorderBytes)]->Increment(
      static_cast<double>(bytes));
}

void PrometheusSink::SetBuildInfo(const std::string& version,
                                  const std::string& git,
                                  const std::string& compiler) {
  families_
      .AddGauge(Metric::kBuildInfo,
                {{"version", version}, {"git", git}, {"compiler", compiler}})
      .Set(1);
}

void PrometheusSink::SetProcessStartTime(double seconds) {
  gauges_[static_cast<size_t>(Metric::kProcessStartTime)]->Set(seconds);
}

void PrometheusSink::SetDraining(bool draining) {
  gauges_[static_cast<size_t>(Metric::kDraining)]->Set(draining ? 1 : 0);
}

void PrometheusSink::OnRecorderError() {
  counters_[static_cast<size_t>(Metric::kRecorderErrors)]->Increment();
}

void PrometheusSink::SetRecorderDiskBytes(uint64_t bytes) {
  gauges_[static_cast<size_t>(Metric::kRecorderDiskBytes)]->Set(
      static_cast<double>(bytes));
}

void PrometheusSink::OnConfigReload(bool ok) {
  (ok ? reloads_ok_ : reloads_failed_)->Increment();
  gauges_[static_cast<size_t>(Metric::kConfigReloadOk)]->Set(ok ? 1 : 0);
}

void PrometheusSink::SetTlsCertificateExpiry(double seconds) {
  gauges_[static_cast<size_t>(Metric::kTlsCertificateExpiry)]->Set(seconds);
}

void PrometheusSink::OnLogLinesSuppressed(uint64_t lines) {
  counters_[static_cast<size_t>(Metric::kLogLinesSuppressed)]->Increment(
      static_cast<double>(lines));
}

}  // namespace kvplace
