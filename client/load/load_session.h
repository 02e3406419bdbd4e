// One session of a load: sends the script's steps and notes when the plans that
// answer them come.
//
//   greeting (Hello) --Welcome--> inventory sent --first plan--> ready
//
// A step has the time at which it was to be sent, and its latency counts from
// there, whether it could be sent then or not: a server that falls behind does
// not thin out what is measured ("coordinated omission"). A plan answers every
// step up to its basis. Throttle is obeyed as the client library does: k steps
// that wait are joined into one message, whose time is that of the last.
//
// The object is gRPC's until OnDone; Close begins that. Thread-safety: any
// thread.
#ifndef KVPLACE_CLIENT_LOAD_LOAD_SESSION_H_
#define KVPLACE_CLIENT_LOAD_LOAD_SESSION_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/sample_window.h"
#include "client/load/latency_histogram.h"
#include "client/load/load_script.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"

namespace kvplace::load {

// Nanoseconds of a clock that never goes back.
int64_t NowNanos();

// What the sessions note about one phase of the load. Thread-safety: any
// thread.
struct PhaseTally {
  int64_t slow_nanos = 0;
  LatencyHistogram latencies;
  // Steps whose time came; those joined into a later one's message; messages
  // handed to the stream; messages answered; plans that answered them.
  std::atomic<uint64_t> offered{0};
  std::atomic<uint64_t> left_out{0};
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> answered{0};
  std::atomic<uint64_t> plans{0};
  std::atomic<uint64_t> plan_bytes{0};
  // When the phase began (NowNanos).
  int64_t begun = 0;
  // When the last slow answer came before the first half second without one; 0:
  // none came in the first. One that comes later is chance, not recovery.
  std::atomic<int64_t> last_slow{0};
  // When the last session was told to send as often as at first; 0: never.
  std::atomic<int64_t> last_relief{0};
  // Longest sampling interval that a session was told.
  std::atomic<uint32_t> most_sample_every{1};
};

class LoadSession final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // `script` outlives the session; `shift` as of client::SampleWindow.
  LoadSession(const LoadScript* script,
              const std::shared_ptr<grpc::Channel>& channel, uint64_t shift);

  // Connects and greets.
  void Open(const std::string& node, uint32_t device, uint64_t incarnation);
  bool ready() const { return ready_.load(std::memory_order_acquire); }
  // Not OK once the stream has ended by itself, and then why.
  absl::Status failure() const;

  // What follows is noted in `tally`, which outlives the session or the next
  // one. With `closed_loop` every answer brings the next step's time.
  void Begin(PhaseTally* tally, bool closed_loop);
  // The time `when` of one more step has come.
  void Offer(int64_t when);
  void Heartbeat();
  // Steps that were offered and neither answered nor left out.
  uint64_t waiting() const;
  uint32_t sample_every() const;

  // Ends the stream; Await returns when gRPC has let go.
  void Close();
  void Await();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  struct Sent {
    int64_t step;
    int64_t when;
    PhaseTally* tally;
  };
  // A step that is to be sent, and those it stands for.
  struct Sample {
    uint32_t steps;
    int64_t when;
    PhaseTally* tally;
  };

  void OnPlan(int64_t basis, size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Anything but a plan.
  void OnOther() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The time `when` of a step has come: it closes its window, or is left out.
  void Take(int64_t when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Write(grpc::ByteBuffer message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives up the hold once.
  bool LetGo() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const LoadScript* const script_;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub_;
  grpc::ClientContext context_;
  // Between StartRead and OnReadDone gRPC's.
  grpc::ByteBuffer received_;
  // Between StartWrite and OnWriteDone gRPC's.
  grpc::ByteBuffer sending_;

  std::atomic<bool> ready_{false};

  mutable absl::Mutex mu_;
  PhaseTally* tally_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool closed_loop_ ABSL_GUARDED_BY(mu_) = false;
  bool held_ ABSL_GUARDED_BY(mu_) = true;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool inventory_due_ ABSL_GUARDED_BY(mu_) = false;
  bool heartbeat_due_ ABSL_GUARDED_BY(mu_) = false;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  uint64_t sequence_number_ ABSL_GUARDED_BY(mu_) = 1;
  int64_t next_step_ ABSL_GUARDED_BY(mu_) = 0;
  // The interval at first.
  uint32_t usual_sample_every_ ABSL_GUARDED_BY(mu_) = 1;
  client::SampleWindow window_ ABSL_GUARDED_BY(mu_);
  // Whose steps those of the open window are.
  std::vector<PhaseTally*> window_steps_ ABSL_GUARDED_BY(mu_);
  std::deque<Sample> waiting_ ABSL_GUARDED_BY(mu_);
  std::deque<Sent> sent_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace::load

#endif  // KVPLACE_CLIENT_LOAD_LOAD_SESSION_H_
