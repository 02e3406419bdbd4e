#include "server/service/hindsight_thread.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/service/clock.h"
#include "server/service/hindsight_solver.h"

namespace kvplace {
namespace {

// Both need no privilege; where one is forbidden the budget still holds.
void RunInTheBackground() {
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, thread, 19);
  const sched_param none{};
  sched_setscheduler(0, SCHED_IDLE, &none);
}

}  // namespace

HindsightThread::HindsightThread(HindsightDesk* desk)
    : desk_(*desk), thread_([this] { Run(); }) {}

HindsightThread::~HindsightThread() {
  desk_.Stop();
  thread_.join();
}

void HindsightThread::Run() {
  RunInTheBackground();
  const YieldingThread yielding;
  HindsightSolver solver(&desk_, ThreadCpuClock());
  while (desk_.Await()) solver.RunOnce();
}

}  // namespace kvplace
