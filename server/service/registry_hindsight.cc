// The part of NodeRegistry that feeds the solver of hindsight bounds.
#include <utility>

#include "server/service/hindsight_desk.h"
#include "server/service/live_session.h"
#include "server/service/node.h"
#include "server/service/node_registry.h"

namespace kvplace {
namespace {

// Its session may have ended meanwhile.
void PutBack(HindsightTask task) {
  const std::shared_ptr<LiveSession> session = std::move(task.session);
  absl::MutexLock lock(&session->node()->mu);
  session->AssertLocked();
  if (!session->live_locked()) return;
  session->scheduler_locked().hindsight()->PutBack(std::move(task));
}

std::optional<HindsightTask> TakeFrom(
    const std::shared_ptr<LiveSession>& session, absl::Duration now) {
  absl::MutexLock lock(&session->node()->mu);
  session->AssertLocked();
  if (!session->live_locked()) return std::nullopt;
  HindsightTracker& tracker = *session->scheduler_locked().hindsight();
  if (!tracker.due()) return std::nullopt;
  HindsightTask task = tracker.Take(now);
  task.session = session;
  // Not the scheduler's, which goes when the session ends.
  task.device = &session->hello().device;
  return task;
}

}  // namespace

std::shared_ptr<LiveSession> NodeRegistry::MostInNeedOfHindsight() const {
  std::shared_ptr<LiveSession> oldest;
  absl::Duration taken = absl::InfiniteDuration();
  for (const NodePtr& node : AllNodes()) {
    absl::MutexLock lock(&node->mu);
    for (const auto& [index, session] : node->devices) {
      session->AssertLocked();
      const HindsightTracker& tracker =
          *session->scheduler_locked().hindsight();
      if (!tracker.due() || tracker.last_taken() >= taken) continue;
      taken = tracker.last_taken();
      oldest = session;
    }
  }
  return oldest;
}

void NodeRegistry::ServeHindsight(HindsightDesk* desk) {
  if (auto solved = desk->TakeSolved()) PutBack(*std::move(solved));
  const absl::Duration now = clock_->Monotonic();
  if (!desk->Wants(now)) return;
  const std::shared_ptr<LiveSession> session = MostInNeedOfHindsight();
  if (session == nullptr) return;
  std::optional<HindsightTask> task = TakeFrom(session, now);
  if (task && !desk->Post(&*task)) PutBack(*std::move(task));
}

}  // namespace kvplace
