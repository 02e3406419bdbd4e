#include "server/service/status_report.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "server/convert/plan_codec.h"
#include "server/core/cost_model.h"

namespace kvplace {
namespace {

uint64_t Count(Bytes bytes) { return static_cast<uint64_t>(bytes.count()); }

// What the device's blocks take of the node's DRAM: in inclusive mode all have
// a copy there.
Bytes DramUsed(const DeviceModel& model) {
  return model.config().mode == ResidencyMode::kInclusive
             ? model.residency().live()
             : model.residency().dram_only();
}

Bytes DramUsed(const Node& node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(node.mu) {
  Bytes used;
  for (const auto& [index, session] : node.devices) {
    session->AssertLocked();
    used += DramUsed(session->scheduler_locked().model());
  }
  return used;
}

void ReportLedger(const DeviceModel& model, v1::DeviceStatus* out) {
  const Residency& ledger = model.residency();
  out->set_hbm_capacity_bytes(Count(ledger.capacity()));
  out->set_hbm_resident_bytes(Count(ledger.resident()));
  out->set_hbm_reserved_bytes(Count(ledger.reserved()));
  out->set_hbm_in_flight_bytes(Count(ledger.in_flight()));
  out->set_live_bytes(Count(ledger.live()));
  out->set_live_blocks(model.blocks().live());
  out->set_sequences(static_cast<uint32_t>(model.blocks().sequences()));
}

void ReportWindow(const StepWindow& window, BytesPerSecond peak,
                  v1::DeviceStatus* out) {
  out->set_roofline_ratio(window.roofline_ratio());
  out->set_utilization(window.read_bytes_per_second() / peak.value());
  out->set_miss_share(window.miss_share());
  out->set_migration_bytes_per_second(window.moved_bytes_per_second());
  const StepWindow::Totals& totals = window.totals();
  out->set_steps(totals.steps);
  out->set_total_seconds(totals.seconds);
  out->set_total_roofline_seconds(totals.roofline_seconds);
  out->set_read_bytes(totals.read_bytes);
  out->set_dram_read_bytes(totals.dram_read_bytes);
  out->set_moved_bytes(totals.moved_bytes);
  out->set_observed_plan_seconds(totals.observed_seconds);
}

void ReportHindsight(const HindsightTracker& tracker, v1::DeviceStatus* out) {
  const std::optional<RollingBound>& bound = tracker.bound();
  if (!bound) return;
  out->set_hindsight_ratio(bound->ratio());
  out->set_hindsight_gap_ratio(bound->gap());
  out->set_hindsight_age_seconds(absl::ToDoubleSeconds(tracker.age()));
  out->set_hindsight_window_steps(bound->steps);
}

void ReportMoves(const StepWindow::Totals& totals, v1::DeviceStatus* out) {
  for (size_t reason = 0; reason < totals.moved_blocks.size(); ++reason) {
    const auto& [done, failed, expired] = totals.moved_blocks[reason];
    if (done + failed + expired == 0) continue;
    v1::MoveCounts& moves = *out->add_moves();
    moves.set_reason(MoveReasonToProto(static_cast<MoveReason>(reason)));
    moves.set_done_blocks(done);
    moves.set_failed_blocks(failed);
    moves.set_expired_blocks(expired);
  }
}

void ReportLatency(const RecentLatencies& recent, absl::Duration decide,
                   v1::DeviceStatus* out) {
  if (recent.count() == 0) return;
  const RecentLatencies::Summary summary = recent.Summarize();
  v1::PlanLatency& latency = *out->mutable_plan_latency();
  latency.set_plans(static_cast<uint32_t>(recent.count()));
  latency.set_median_seconds(summary.median);
  latency.set_p99_seconds(summary.p99);
  latency.set_longest_seconds(summary.longest);
  latency.set_decide_seconds(absl::ToDoubleSeconds(decide));
}

// REQUIRES: the session lives and its node is locked.
void ReportDevice(const LiveSession& session, v1::DeviceStatus* out) {
  session.AssertLocked();
  const WorkerHello& hello = session.hello();
  const DeviceScheduler& scheduler = session.scheduler_locked();
  const DeviceModel& model = scheduler.model();
  out->set_device_index(hello.device_index);
  out->set_epoch(session.key().epoch);
  out->set_model(hello.model);
  out->set_tenant(hello.tenant);
  out->set_pod(hello.pod);
  ReportLedger(model, out);
  out->set_last_step(-1);
  if (model.finished_step()) {
    out->set_last_step(model.step().value());
    out->set_step_seconds(model.finished_step()->seconds.value());
    out->set_roofline_seconds(model.finished_step()->roofline.value());
  }
  ReportWindow(scheduler.window(), CostModel(hello.device).peak(), out);
  ReportHindsight(*scheduler.hindsight(), out);
  ReportMoves(scheduler.window().totals(), out);
  ReportLatency(session.counters_locked().latencies, scheduler.decide_time(),
                out);
  out->set_mode(ModeToProto(scheduler.policy().settings.mode));
  out->set_policy(scheduler.policy().settings.policy);
}

// Saturates at the largest byte count there is.
Bytes NeededBytes(const DeviceConfig& device, uint64_t tokens) {
  const auto most = static_cast<unsigned __int128>(kMaxBytes.count());
  unsigned __int128 needed = 0;
  for (const GroupConfig& group : device.groups) {
    const unsigned __int128 pages =
        (static_cast<unsigned __int128>(tokens) + group.page_tokens - 1) /
        group.page_tokens;
    needed += pages * Count(group.block_bytes);
    if (needed >= most) return kMaxBytes;
  }
  return Bytes(static_cast<int64_t>(needed));
}

void Predict(const DeviceScheduler& scheduler, Bytes needed, Bytes free,
             v1::RankedDevice* out) {
  const DeviceModel& model = scheduler.model();
  const DeviceConfig& device = model.config();
  const StepWindow& window = scheduler.window();
  const auto live = static_cast<double>(model.residency().live().count());
  const auto extra = static_cast<double>(needed.count());
  const double now = window.read_bytes_per_step();
  const double reads_per_byte = now > 0 && live > 0 ? now / live : 1.0;
  const double before = now > 0 ? now : live;
  const double hits_before = before * (1 - window.miss_share());
  const double added = extra * reads_per_byte;
  const double fitting =
      std::min(1.0, static_cast<double>(free.count()) / extra);
  const double hits = hits_before + added * fitting;
  const double reads = before + added;
  const auto groups = static_cast<double>(device.groups.size());
  PhaseTraffic phase;
  phase.hbm_reads = Bytes(static_cast<int64_t>(hits / groups));
  phase.dram_reads = Bytes(static_cast<int64_t>((reads - hits) / groups));
  const CostModel cost(device);
  const double seconds = cost.Time(phase).value() * groups;
  out->set_predicted_step_seconds(seconds);
  if (seconds > 0) {
    out->set_predicted_utilization(reads / seconds / cost.peak().value());
  }
}

}  // namespace

v1::NodeStatus ReportNode(const Node& node) {
  v1::NodeStatus out;
  out.set_node_id(node.id);
  out.set_draining(node.draining);
  if (node.dram_capacity) {
    out.set_dram_capacity_bytes(Count(*node.dram_capacity));
  }
  out.set_dram_used_bytes(Count(DramUsed(node)));
  for (const auto& [index, session] : node.devices) {
    ReportDevice(*session, out.add_devices());
  }
  return out;
}

void ReportSessions(const Node& node, std::vector<v1::SessionStatus>* out) {
  for (const auto& [index, session] : node.devices) {
    session->AssertLocked();
    const SessionCounters& counters = session->counters_locked();
    v1::SessionStatus& status = out->emplace_back();
    status.set_node_id(node.id);
    status.set_device_index(index);
    status.set_epoch(session->key().epoch);
    status.set_incarnation(session->key().incarnation);
    status.set_peer(session->peer());
    status.set_ready(session->ready_locked());
    status.set_messages(counters.messages);
    status.set_plans(counters.plans);
    status.set_resyncs(counters.resyncs);
    status.set_rejected(counters.dropped);
    status.set_silent_seconds(absl::ToDoubleSeconds(session->silence_locked()));
  }
}

std::vector<v1::SequenceStatus> ReportSequences(const LiveSession& session) {
  session.AssertLocked();
  const DeviceScheduler& scheduler = session.scheduler_locked();
  const BlockTable& blocks = scheduler.model().blocks();
  const Residency& residency = scheduler.model().residency();
  std::vector<SequenceId> sequences = blocks.Sequences();
  std::sort(sequences.begin(), sequences.end());
  std::vector<v1::SequenceStatus> out;
  out.reserve(sequences.size());
  for (const SequenceId sequence : sequences) {
    uint64_t live = 0;
    uint64_t in_hbm = 0;
    const uint32_t slot = blocks.Slot(sequence);
    for (uint32_t g = 0; g < scheduler.model().config().group_count().value();
         ++g) {
      for (BlockId b = blocks.oldest(slot, GroupId(g)); b != kNoBlock;
           b = blocks.newer(b)) {
        ++live;
        if (residency.tier(b) == Tier::kHbm) ++in_hbm;
      }
    }
    v1::SequenceStatus& status = out.emplace_back();
    status.set_sequence(sequence.value());
    status.set_live_blocks(live);
    status.set_hbm_blocks(in_hbm);
    status.set_new_tokens(scheduler.TokensHeard(sequence));
  }
  return out;
}

void ReportRanks(const Node& node, uint64_t tokens, const std::string& model,
                 std::vector<v1::RankedDevice>* out) {
  const Bytes dram_used = DramUsed(node);
  for (const auto& [index, session] : node.devices) {
    if (!model.empty() && session->hello().model != model) continue;
    session->AssertLocked();
    const DeviceScheduler& scheduler = session->scheduler_locked();
    const DeviceConfig& device = session->hello().device;
    const Residency& ledger = scheduler.model().residency();
    const Bytes free = ledger.capacity() - ledger.resident();
    const Bytes needed = NeededBytes(device, tokens);
    v1::RankedDevice& rank = out->emplace_back();
    rank.set_node_id(node.id);
    rank.set_device_index(index);
    rank.set_needed_bytes(Count(needed));
    rank.set_hbm_free_bytes(Count(free));
    const Bytes in_hbm_only =
        device.mode == ResidencyMode::kExclusive ? free : Bytes(0);
    rank.set_fits(!node.dram_capacity ||
                  dram_used + needed <= *node.dram_capacity + in_hbm_only);
    Predict(scheduler, needed, free, &rank);
  }
}

bool RanksBefore(const v1::RankedDevice& a, const v1::RankedDevice& b) {
  const auto key = [](const v1::RankedDevice& d) {
    return std::tuple(!d.fits(), d.predicted_step_seconds(),
                      -static_cast<double>(d.hbm_free_bytes()));
  };
  if (key(a) != key(b)) return key(a) < key(b);
  return std::pair(a.node_id(), a.device_index()) <
         std::pair(b.node_id(), b.device_index());
}

}  // namespace kvplace
