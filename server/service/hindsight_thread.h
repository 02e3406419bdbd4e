// The process's one thread for hindsight bounds. It runs only on processors
// that nothing else wants (SCHED_IDLE where the system has it).
//
// Thread-safety: made and destroyed by one thread.
#ifndef KVPLACE_SERVER_SERVICE_HINDSIGHT_THREAD_H_
#define KVPLACE_SERVER_SERVICE_HINDSIGHT_THREAD_H_

#include <thread>

#include "server/service/hindsight_desk.h"

namespace kvplace {

class HindsightThread {
 public:
  // `desk` outlives the thread.
  explicit HindsightThread(HindsightDesk* desk);
  // Stops the desk and waits; work at hand ends early.
  ~HindsightThread();
  HindsightThread(const HindsightThread&) = delete;
  HindsightThread& operator=(const HindsightThread&) = delete;

 private:
  void Run();

  HindsightDesk& desk_;
  std::thread thread_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_HINDSIGHT_THREAD_H_
